import { isMap, isScalar, LineCounter, parseDocument, type Pair, type YAMLMap } from 'yaml';
import { JsonSyntaxError, parseJson } from '../base/json.js';
import { SluiceError } from '../base/errors.js';
import type { ConfigProblem } from '../runtime/config-def.js';
import { parseProperties } from './properties.js';

/** A setting as its file has it; `origin` names the file and the line. */
export type Entry = { readonly key: string; readonly value: string; readonly origin: string };

/** A connector's file, read as far as it could be. */
export type ConnectorText = {
  readonly name: string | undefined;
  readonly entries: readonly Entry[];
  readonly problems: readonly ConfigProblem[];
};

export type ConnectorSyntax = 'json' | 'yaml' | 'properties';

const SHAPE = 'It takes {"name": …, "config": {key: value}} with text, numbers or booleans as values.';

/**
 * Reads a connector: Kafka Connect's JSON (`{"name", "config"}`, or the config alone with a `name` in it), the same as
 * YAML, or a standalone worker's properties. `file` is what origins call it. Messages hold no part of the text, which may
 * hold a secret.
 *
 * @throws SluiceError CONFIG_INVALID for a text that is none of these
 */
export function parseConnectorText(text: string, syntax: ConnectorSyntax, file: string): ConnectorText {
  if (syntax !== 'properties') return parseStructured(text, syntax, file);
  // As Java does: of a key that comes twice the last value stays.
  const last = new Map(parseProperties(text).map((property) => [property.key, property]));
  const entries = [...last.values()].map(({ key, value, line }) => ({
    key,
    value,
    origin: `${file}:${line}`,
  }));
  return withoutName(entries, []);
}

function parseStructured(text: string, syntax: 'json' | 'yaml', file: string): ConnectorText {
  // YAML takes more than JSON does; what calls itself JSON is held to it.
  if (syntax === 'json') assertJson(text, file);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    throw invalid(file, `${error.code} at ${at(lines, error.pos[0])}`);
  }
  const { contents } = document;
  if (!isMap(contents)) throw invalid(file, 'it holds no object');
  const reader = new MapReader(lines, file);
  const config = contents.get('config', true);
  if (config === undefined) {
    const entries = reader.entries(contents);
    return withoutName(entries, reader.problems);
  }
  if (!isMap(config)) throw invalid(file, 'its config is no object');
  const entries = reader.entries(config);
  const outer = reader.entries(contents, ['config']);
  const name = outer.find(({ key }) => key === 'name')?.value;
  for (const { key, value, origin } of outer) {
    if (key === 'name') continue;
    reader.problems.push({ key, value, origin, message: 'stands beside config; settings stand in it' });
  }
  return { ...withoutName(entries, reader.problems), ...(name === undefined ? {} : { name }) };
}

/** Reads the settings of one object; what cannot be one is a problem. */
class MapReader {
  readonly problems: ConfigProblem[] = [];
  readonly #lines: LineCounter;
  readonly #file: string;

  constructor(lines: LineCounter, file: string) {
    this.#lines = lines;
    this.#file = file;
  }

  entries(map: YAMLMap, except: readonly string[] = []): readonly Entry[] {
    const found = new Map<string, Entry>();
    for (const pair of map.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      if (except.includes(key)) continue;
      const origin = this.#originOf(pair);
      const value = this.#textOf(pair.value);
      const before = found.get(key);
      if (value === undefined) {
        const message = 'must be text, a number, true or false';
        this.problems.push({ key, value: undefined, origin, message });
      } else if (before !== undefined) {
        this.problems.push({ key, value, origin, message: `is set before, at ${before.origin}` });
      } else {
        found.set(key, { key, value, origin });
      }
    }
    return [...found.values()];
  }

  #originOf({ key }: Pair): string {
    const offset = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
    return `${this.#file}:${this.#lines.linePos(offset).line}`;
  }

  /** The digits of a number as they were written: a double would not give back all of them. */
  #textOf(value: unknown): string | undefined {
    if (!isScalar(value)) return undefined;
    if (typeof value.value === 'string') return value.value;
    const written = typeof value.value === 'number' || typeof value.value === 'boolean';
    return written ? (value.source ?? String(value.value)) : undefined;
  }
}

function assertJson(text: string, file: string): void {
  try {
    parseJson(text);
  } catch (cause) {
    if (!(cause instanceof JsonSyntaxError)) throw cause;
    const lines = text.slice(0, cause.position).split('\n');
    const column = (lines.at(-1)?.length ?? 0) + 1;
    throw invalid(file, `it is no JSON at line ${lines.length}, column ${column}`);
  }
}

function at(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `line ${line}, column ${col}`;
}

function withoutName(entries: readonly Entry[], problems: readonly ConfigProblem[]): ConnectorText {
  return {
    name: entries.find(({ key }) => key === 'name')?.value,
    entries: entries.filter(({ key }) => key !== 'name'),
    problems,
  };
}

function invalid(file: string, why: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `${file} cannot be read as a connector: ${why}`, {
    context: { file },
    hint: SHAPE,
  });
}
