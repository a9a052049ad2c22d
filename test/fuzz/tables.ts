import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseLogFile } from '../../src/protocol/log-files.js';

/** A kind of file of a table that can be damaged. */
export type FileKind =
  'commit' | 'checkpoint' | 'sidecar' | 'hint' | 'checksum' | 'vectors' | 'data' | 'changes';

/** A table on disk, as it was written: the bytes of its files by key. */
export type BaseTable = {
  readonly name: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly keys: ReadonlyMap<FileKind, readonly string[]>;
};

/** Whole small tables that Spark wrote, of many features. Folders below the project's root. */
const FOLDERS = ['test/golden/spark', 'test/fixtures/spark'];

/** The tables that are damaged: those that can be read. */
export function baseTables(): readonly BaseTable[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('refuse'))
      .map(({ name }) => readTable(name, join(folder, name, 'delta')))
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
  );
}

function readTable(name: string, folder: string): BaseTable {
  const files = new Map<string, Uint8Array>();
  const keys = new Map<FileKind, string[]>();
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of paths) {
    const key = path.slice(folder.length + 1);
    files.set(key, new Uint8Array(readFileSync(path)));
    const kind = kindOf(key);
    if (kind !== undefined) keys.set(kind, [...(keys.get(kind) ?? []), key]);
  }
  return { name, files, keys };
}

function kindOf(key: string): FileKind | undefined {
  if (key === '_delta_log/_last_checkpoint') return 'hint';
  if (key.startsWith('_delta_log/_sidecars/')) return 'sidecar';
  if (key.startsWith('_delta_log/')) {
    const { kind } = parseLogFile(key.slice('_delta_log/'.length));
    if (kind === 'commit' || kind === 'checkpoint') return kind;
    return key.endsWith('.crc') ? 'checksum' : undefined;
  }
  if (key.endsWith('.bin')) return 'vectors';
  if (!key.endsWith('.parquet')) return undefined;
  return key.startsWith('_change_data/') ? 'changes' : 'data';
}
