import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { SluiceError } from '../base/errors.js';
import type { Setting } from '../runtime/config-def.js';
import { parseProperties } from './properties.js';

/** A connector as its file has it: its name, and settings with where each came from. */
export type ConnectorFile = {
  readonly name: string;
  readonly settings: ReadonlyMap<string, Setting>;
  /** Keys whose value came from outside by `${…}`: never shown, never logged. */
  readonly secrets: ReadonlySet<string>;
};

export type ReadOptions = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Settings from the command line: they win over the file's. */
  readonly overrides?: ReadonlyMap<string, string>;
};

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const flat = z.record(z.string(), scalar);
const wrapped = z.object({ name: z.string().min(1), config: flat });

/**
 * Reads a connector file: Kafka Connect's JSON (`{"name", "config"}`, or the config alone with a `name` in it), a
 * standalone worker's `.properties`, or either shape as YAML. `${env:NAME}` and `${file:path:key}` are replaced by what
 * they name; a path is relative to the connector file.
 *
 * @throws SluiceError CONFIG_INVALID for a file that is not there, is none of these, or names something that is missing
 */
export async function readConnectorFile(path: string, options: ReadOptions): Promise<ConnectorFile> {
  const body = await readText(path);
  const { name, config } = parseBody(path, body);
  const origin = basename(path);
  const settings = new Map<string, Setting>();
  const secrets = new Set<string>();
  for (const [key, value] of config) {
    const resolved = await resolveReferences(value, { key, path, environment: options.environment });
    if (resolved !== value) secrets.add(key);
    settings.set(key, { value: resolved, origin });
  }
  for (const [key, value] of options.overrides ?? []) settings.set(key, { value, origin: 'command line' });
  return { name, settings, secrets };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SluiceError('CONFIG_INVALID', `cannot read ${path}: ${why}`, {
      context: { file: path },
      hint: 'Name a connector file that is there: .json, .properties or .yaml.',
      cause,
    });
  }
}

function parseBody(
  path: string,
  body: string,
): { readonly name: string; readonly config: ReadonlyMap<string, string> } {
  const fallback = basename(path, extname(path));
  if (extname(path) === '.properties') return named(parseProperties(body), fallback);
  const found: unknown = parseStructured(path, body);
  const whole = wrapped.safeParse(found);
  if (whole.success) return { name: whole.data.name, config: new Map(Object.entries(whole.data.config)) };
  const bare = flat.safeParse(found);
  if (bare.success) return named(new Map(Object.entries(bare.data)), fallback);
  const shape = typeof found === 'object' && found !== null && 'config' in found ? whole.error : bare.error;
  throw new SluiceError('CONFIG_INVALID', `${path} is no connector: ${z.prettifyError(shape)}`, {
    context: { file: path },
    hint: 'It takes {"name": …, "config": {key: value}} with text, numbers or booleans as values.',
  });
}

function named(
  config: ReadonlyMap<string, string>,
  fallback: string,
): { readonly name: string; readonly config: ReadonlyMap<string, string> } {
  const rest = new Map(config);
  rest.delete('name');
  return { name: config.get('name') ?? fallback, config: rest };
}

function parseStructured(path: string, body: string): unknown {
  try {
    return extname(path) === '.json' ? JSON.parse(body) : parseYaml(body);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SluiceError('CONFIG_INVALID', `${path} cannot be parsed: ${why}`, {
      context: { file: path },
      cause,
    });
  }
}

type Place = {
  readonly key: string;
  readonly path: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** `${source.table}` and the like are left alone: only these two providers are ours. */
const REFERENCE = /\$\{(env|file):([^}]*)\}/g;

async function resolveReferences(value: string, place: Place): Promise<string> {
  let out = '';
  let from = 0;
  for (const found of value.matchAll(REFERENCE)) {
    const [whole, provider, name = ''] = found;
    out += value.slice(from, found.index);
    out += provider === 'env' ? fromEnvironment(name, place) : await fromFile(name, place);
    from = found.index + whole.length;
  }
  return out + value.slice(from);
}

function fromEnvironment(name: string, { key, environment }: Place): string {
  const value = environment[name];
  if (value === undefined) throw missing(key, `the environment variable ${name} is not set`);
  return value;
}

async function fromFile(reference: string, { key, path }: Place): Promise<string> {
  const at = reference.lastIndexOf(':');
  const file = resolve(dirname(path), at < 0 ? reference : reference.slice(0, at));
  const body = await readText(file);
  if (at < 0) return body.trimEnd();
  const value = parseProperties(body).get(reference.slice(at + 1));
  if (value === undefined) throw missing(key, `${file} has no ${reference.slice(at + 1)}`);
  return value;
}

function missing(key: string, why: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `${key}: ${why}`, { context: { key } });
}
