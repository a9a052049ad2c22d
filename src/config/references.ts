import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseProperties } from './properties.js';

/** Where references of a connector's file lead. */
export type Outside = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The connector's file: paths are relative to its folder. */
  readonly file: string;
};

/** A text with its references replaced: what they stood for, or why one stands for nothing. */
export type Resolved =
  | { readonly kind: 'resolved'; readonly text: string; readonly values: readonly string[] }
  | { readonly kind: 'missing'; readonly why: string };

/** `${source.table}` and the like are left alone: only these two providers are ours. */
const REFERENCE = /\$\{(env|file):([^}]*)\}/g;

/**
 * Replaces `${env:NAME}` by an environment variable, `${file:path:key}` by a key of a properties file and `${file:path}`
 * by a file's whole text less the line's end. A value that is put in is not looked through for references again.
 */
export async function resolveReferences(text: string, outside: Outside): Promise<Resolved> {
  const values: string[] = [];
  let out = '';
  let from = 0;
  for (const found of text.matchAll(REFERENCE)) {
    const [whole, provider, name = ''] = found;
    const value = provider === 'env' ? fromEnvironment(name, outside) : await fromFile(name, outside);
    if ('why' in value) return { kind: 'missing', why: value.why };
    out += text.slice(from, found.index) + value.value;
    from = found.index + whole.length;
    values.push(value.value);
  }
  return { kind: 'resolved', text: out + text.slice(from), values };
}

type Found = { readonly value: string } | { readonly why: string };

function fromEnvironment(name: string, { environment }: Outside): Found {
  const value = environment[name];
  return value === undefined ? { why: `the environment variable ${name} is not set` } : { value };
}

async function fromFile(reference: string, { file }: Outside): Promise<Found> {
  const colon = reference.lastIndexOf(':');
  const path = resolve(dirname(file), colon < 0 ? reference : reference.slice(0, colon));
  let body: string;
  try {
    body = await readFile(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    return { why: `the file ${path} cannot be read (${code})` };
  }
  if (colon < 0) return { value: body.trimEnd() };
  const key = reference.slice(colon + 1);
  const property = parseProperties(body).findLast((one) => one.key === key);
  return property === undefined ? { why: `the file ${path} has no ${key}` } : { value: property.value };
}
