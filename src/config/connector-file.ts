import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { SluiceError } from '../base/errors.js';
import type { ConfigProblem, Setting } from '../runtime/config-def.js';
import { parseConnectorText, type ConnectorSyntax, type Entry } from './connector-text.js';
import { resolveReferences } from './references.js';

/** A connector as its file has it: its name, and settings with where each came from. */
export type ConnectorFile = {
  readonly path: string;
  readonly name: string;
  readonly settings: ReadonlyMap<string, Setting>;
  /** Keys whose value came from outside by `${…}`: never shown, never logged. */
  readonly secrets: ReadonlySet<string>;
  /** What stood outside, value by value. */
  readonly secretValues: readonly string[];
  /** Keys whose reference leads nowhere: their value is the reference's text. */
  readonly unresolved: ReadonlySet<string>;
  /** What is wrong with the file as such. */
  readonly problems: readonly ConfigProblem[];
};

export type ReadOptions = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Settings from the command line: they win over the file's. */
  readonly overrides?: ReadonlyMap<string, string>;
};

/**
 * Reads a connector's file, `.properties`, JSON or YAML by its ending; see `parseConnectorText`. `${env:NAME}` and
 * `${file:path:key}` are replaced by what they name, a path being relative to the file. Whatever is wrong with single
 * settings is in `problems`.
 *
 * @throws SluiceError CONFIG_INVALID for a file that is not there or no connector at all
 */
export async function readConnectorFile(path: string, options: ReadOptions): Promise<ConnectorFile> {
  const { name, entries, problems } = parseConnectorText(
    await readText(path),
    syntaxOf(path),
    basename(path),
  );
  const settings = new Map<string, Setting>();
  const secrets = new Set<string>();
  const secretValues: string[] = [];
  const unresolved = new Set<string>();
  const found = [...problems];
  for (const { key, value, origin } of overridden(entries, options.overrides ?? new Map<string, string>())) {
    const resolved = await resolveReferences(value, { environment: options.environment, file: path });
    if (resolved.kind === 'missing') {
      unresolved.add(key);
      settings.set(key, { value, origin });
      found.push({ key, value, origin, message: resolved.why });
      continue;
    }
    settings.set(key, { value: resolved.text, origin });
    if (resolved.values.length > 0) secrets.add(key);
    secretValues.push(...resolved.values);
  }
  return {
    path,
    name: settings.get('name')?.value ?? name ?? basename(path, extname(path)),
    settings: without(settings, 'name'),
    secrets,
    secretValues,
    unresolved,
    problems: found,
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new SluiceError('CONFIG_INVALID', `${path} cannot be read (${why})`, {
      context: { file: path },
      hint: 'Name a connector file that is there: .json, .properties or .yaml.',
      cause,
    });
  }
}

function syntaxOf(path: string): ConnectorSyntax {
  const ending = extname(path).toLowerCase();
  if (ending === '.properties') return 'properties';
  if (ending === '.json') return 'json';
  if (ending === '.yaml' || ending === '.yml') return 'yaml';
  throw new SluiceError('CONFIG_INVALID', `${path} is no connector file by its name`, {
    context: { file: path },
    hint: 'It ends in .json, .properties or .yaml.',
  });
}

function overridden(entries: readonly Entry[], overrides: ReadonlyMap<string, string>): readonly Entry[] {
  const own = [...overrides].map(([key, value]) => ({ key, value, origin: 'command line' }));
  return [...entries.filter(({ key }) => !overrides.has(key)), ...own];
}

function without(settings: ReadonlyMap<string, Setting>, key: string): ReadonlyMap<string, Setting> {
  return new Map([...settings].filter(([name]) => name !== key));
}
