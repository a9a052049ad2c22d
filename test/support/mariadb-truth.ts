import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { micros } from '../../src/cli/demo/postgres-text.js';
import { RECORDINGS } from './recordings.js';

/** A table as mysqldump printed it: column types, and rows as text (binary columns as hex), null for null. */
export type MariaTable = {
  readonly types: ReadonlyMap<string, string>;
  readonly keys: readonly string[];
  readonly rows: readonly ReadonlyMap<string, string | null>[];
};

export function readMariaTruth(phase: string, table: string): MariaTable {
  const xml = readFileSync(join(RECORDINGS, 'mariadb/truth', phase, `${table}.xml`), 'utf8');
  const types = new Map<string, string>();
  const keys: string[] = [];
  for (const [, name = '', type = '', rest = ''] of xml.matchAll(
    /<field Field="(.*?)" Type="(.*?)"(.*?)\/>/g,
  )) {
    types.set(name, unescape(type));
    if (rest.includes('Key="PRI"')) keys.push(name);
  }
  const rows = [...xml.matchAll(/<row>([\s\S]*?)<\/row>/g)].map(([, body = '']) => {
    const cells = body.matchAll(
      /<field name="(.*?)"(?: xsi:type="xs:hexBinary")?(?: xsi:nil="true" \/>|>([\s\S]*?)<\/field>)/g,
    );
    return new Map(
      [...cells].map(([, name = '', text]) => [name, text === undefined ? null : unescape(text)]),
    );
  });
  return { types, keys, rows };
}

/**
 * Whether a cell is the value that MariaDB prints. `cell` is what the stream's plain JSON carries (times as numbers,
 * binary as base64), or, where the table's columns were configured, a value of the column's own type.
 */
export function equalsMariaDb(type: string, text: string | null, cell: unknown): boolean {
  if (text === null || cell === null || cell === undefined) return text === null && (cell ?? null) === null;
  if (type === 'tinyint(1)' && typeof cell === 'boolean') return cell === (text === '1');
  if (type.endsWith('unsigned') && typeof cell === 'bigint') return BigInt.asUintN(64, cell) === BigInt(text);
  if (/^(bigint|int|tinyint|year)/.test(type)) return BigInt(String(cell)) === BigInt(text);
  if (type.startsWith('decimal')) return Number(cell) === Number(text) && plain(String(cell)) === plain(text);
  if (type.startsWith('bit')) return hex(cell).match(/../g)?.toReversed().join('') === text.toLowerCase();
  if (type.startsWith('varbinary')) return hex(cell) === text.toLowerCase();
  if (type === 'date') return epochMicros(cell, 86_400_000_000n) === micros(`${text} 00:00:00`);
  if (type === 'datetime(3)') return epochMicros(cell, 1000n) === micros(text);
  if (/^(datetime|timestamp)/.test(type)) return epochMicros(cell, 1n) === micros(text);
  if (type.startsWith('time')) return epochMicros(cell, 1n) === timeMicros(text);
  return cell === text;
}

function epochMicros(cell: unknown, unit: bigint): bigint | undefined {
  if (typeof cell === 'bigint') return cell * unit;
  const text = String(cell);
  if (/^\d\d:/.test(text)) return timeMicros(text);
  return text.includes(':') ? micros(text) : micros(`${text} 00:00:00`);
}

function timeMicros(text: string): bigint {
  return micros(`1970-01-01 ${text}`) ?? 0n;
}

function plain(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function hex(cell: unknown): string {
  const bytes = cell instanceof Uint8Array ? Buffer.from(cell) : Buffer.from(String(cell), 'base64');
  return bytes.toString('hex');
}

function unescape(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}
