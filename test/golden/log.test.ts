import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/base/errors.js';
import { isJsonObject, parseJson } from '../../src/base/json.js';
import { formatActions, parseActions } from '../../src/protocol/action-json.js';
import type { Action, DeletionVectorDescriptor } from '../../src/protocol/actions.js';
import {
  decodeDeletionVector,
  dvFileKey,
  encodeDeletionVectors,
} from '../../src/protocol/deletion-vector.js';
import { canRead } from '../../src/protocol/features.js';
import { checksumOf, parseLastCheckpoint } from '../../src/protocol/last-checkpoint.js';
import { parseLogFile } from '../../src/protocol/log-files.js';
import { isAbsolutePath } from '../../src/protocol/path.js';
import { LogReplay, type TableState } from '../../src/protocol/replay.js';
import { encodeRoaring } from '../../src/protocol/roaring.js';
import { planSegment, type Segment, type SegmentProblem } from '../../src/protocol/segment.js';
import { parseStats, recordCount } from '../../src/protocol/stats.js';
import { corpusTables, expectedText, logFiles, OWN, readLog, type CorpusTable } from './corpus.js';

const TABLES: readonly CorpusTable[] = [...OWN, ...corpusTables()];

function commitsOf(table: CorpusTable): { version: number; text: string; actions: Action[] }[] {
  return logFiles(table).flatMap((name) => {
    const file = parseLogFile(name);
    if (file.kind !== 'commit') return [];
    const text = readLog(table, name);
    return [{ version: file.version, text, actions: parseActions(text, name) }];
  });
}

/** States by version, from commits alone; none for a log whose first commits are gone or that has to be refused. */
function statesOf(table: CorpusTable): TableState[] {
  if (kindOf(table) === 'refuse' || kindOf(table) === 'either' || planOf(table).kind !== 'segment') return [];
  const replay = new LogReplay();
  return commitsOf(table).map(({ version, actions }) => replay.apply(actions, version).finish());
}

function planOf(table: CorpusTable): Segment | SegmentProblem {
  const files = logFiles(table).map((name) => parseLogFile(name));
  return planSegment(files.filter(({ kind }) => kind === 'commit'));
}

function kindOf(table: CorpusTable): string | undefined {
  const meta: { readonly kind?: string } = JSON.parse(expectedText(table, '../meta.json') ?? '{}');
  return meta.kind;
}

function vectorsOf(table: CorpusTable): DeletionVectorDescriptor[] {
  return commitsOf(table).flatMap(({ actions }) =>
    actions
      .flatMap((action) => (action.kind === 'add' ? [action.add.deletionVector] : []))
      .filter((dv) => dv !== undefined),
  );
}

/** Hints that are broken on purpose. */
const BROKEN_HINTS = /corrupted-last-checkpoint/;

/** Its checkpoint was made anew with other metadata, which the commits do not tell. */
const OTHER_CHECKPOINT = /parquet_row_group_skipping/;

/** The file of a deletion vector; undefined for one that is inline, far away or absent by design. */
function fileOf(table: CorpusTable, descriptor: DeletionVectorDescriptor): Uint8Array | undefined {
  const key = dvFileKey(descriptor);
  if (key === undefined || isAbsolutePath(key)) return undefined;
  const file = path.join(table.table, key);
  return existsSync(file) ? readFileSync(file) : undefined;
}

describe.each(TABLES)('$name', (table) => {
  test('its commits read the same once written again, and to the byte where Spark 4.2 wrote them', () => {
    for (const { version, text, actions } of commitsOf(table)) {
      const again = formatActions(actions);
      expect({ version, actions: parseActions(again) }).toEqual({ version, actions });
      const bySpark = table.name.startsWith('spark/');
      expect({ version, text: bySpark ? again : '' }).toEqual({ version, text: bySpark ? text : '' });
    }
  });

  test('its deletion vectors hold as many rows as they say and come back as the same bytes', () => {
    for (const descriptor of vectorsOf(table)) {
      const file = fileOf(table, descriptor);
      if (file === undefined && descriptor.storageType !== 'i') continue;
      const set = decodeDeletionVector(file ?? new Uint8Array(), descriptor);
      expect(set.size).toBe(descriptor.cardinality);
      if (file === undefined || descriptor.offset === undefined) continue;
      const bitmap = file.subarray(descriptor.offset + 4, descriptor.offset + 4 + descriptor.sizeInBytes);
      expect(Buffer.from(encodeRoaring(set))).toEqual(Buffer.from(bitmap));
      // Behind the version byte a record is the same wherever it stands.
      const record = file.subarray(descriptor.offset, descriptor.offset + descriptor.sizeInBytes + 8);
      expect(Buffer.from(encodeDeletionVectors([set]).file.subarray(1))).toEqual(Buffer.from(record));
    }
  });

  test('its stats are read: every file that says how many rows it has keeps them apart from null', () => {
    for (const state of statesOf(table).slice(-1)) {
      if (canRead(state.protocol).length > 0 || state.metadata.schemaString === '') continue;
      for (const { stats } of state.files) {
        const count = recordCount(stats);
        if (stats === undefined || count === undefined) continue;
        const read = parseStats(stats, state.schema);
        expect(read?.numRecords).toBe(count);
        for (const nulls of read?.nullCount.values() ?? []) expect(nulls).toBeLessThanOrEqual(count);
      }
    }
  });

  test('its hint at a checkpoint has the checksum that it says', () => {
    if (!logFiles(table).includes('_last_checkpoint') || BROKEN_HINTS.test(table.name)) return;
    const text = readLog(table, '_last_checkpoint');
    const hint = parseJson(text);
    expect(parseLastCheckpoint(text)).toBeDefined();
    const checksum = isJsonObject(hint) ? hint['checksum'] : undefined;
    expect(isJsonObject(hint) && checksum !== undefined ? checksumOf(hint) : undefined).toBe(checksum);
  });

  test('its versions hold what they are known to hold', () => {
    const text = expectedText(table, 'snapshots.json');
    const expected: Snapshots = text === undefined ? {} : JSON.parse(text);
    for (const state of statesOf(table)) {
      const known = expected[String(state.version)];
      if (known === undefined || OTHER_CHECKPOINT.test(table.name)) continue;
      expect({ version: state.version, ...summary(state) }).toEqual({ version: state.version, ...known });
    }
    const rows: Rows = JSON.parse(expectedText(table, '../meta.json') ?? '{}');
    for (const state of statesOf(table)) {
      const known = rows.expected?.[String(state.version)]?.rows;
      if (
        known === undefined ||
        !state.files.toArray().every(({ stats }) => recordCount(stats) !== undefined)
      )
        continue;
      const live = state.files.toArray().map(({ stats, deletionVector }) => {
        return (recordCount(stats) ?? 0) - (deletionVector?.cardinality ?? 0);
      });
      expect(live.reduce((sum, n) => sum + n, 0)).toBe(known);
    }
  });
});

const REFUSED = TABLES.filter((table) => kindOf(table) === 'refuse' && logFiles(table).length > 0);

// What only a checkpoint gets wrong is told by whoever reads it.
test.each(
  REFUSED.filter((table) => !logFiles(table).some((name) => parseLogFile(name).kind === 'checkpoint')),
)('$name is refused', (table) => {
  const load = () => {
    const plan = planOf(table);
    if (plan.kind !== 'segment') throw new SluiceError('CORRUPT_LOG', plan.kind);
    const replay = new LogReplay();
    for (const { version, actions } of commitsOf(table)) replay.apply(actions, version);
    const unsupported = canRead(replay.finish().protocol);
    if (unsupported.length > 0) throw new SluiceError('PROTOCOL_UNSUPPORTED', unsupported.join());
  };
  expect(load).toThrow(SluiceError);
});

type Rows = { readonly expected?: { readonly [version: string]: { readonly rows?: number } } };
type Snapshots = { readonly [version: string]: object };

/** A state in the form of the corpus's `snapshots.json`. */
function summary(state: TableState): object {
  const files = state.files.toArray();
  return {
    protocol: state.protocol,
    partitionColumns: state.partitionColumns,
    configuration: state.configuration,
    columns: state.schema.fields.map(({ name }) => name),
    numFiles: files.length,
    sizeInBytes: files.reduce((sum, { size }) => sum + size, 0),
    txns: Object.fromEntries([...state.txns].map(([appId, { version }]) => [appId, Number(version)])),
    domains: Object.fromEntries(state.domains),
    deletedRows: files.reduce((sum, { deletionVector }) => sum + (deletionVector?.cardinality ?? 0), 0),
    files:
      files.length > 60
        ? undefined
        : files
            .map((file) => ({
              path: file.path,
              size: file.size,
              modificationTime: file.modificationTime,
              partitionValues: Object.fromEntries(file.partitionValues),
              ...(file.deletionVector === undefined ? {} : { deletedRows: file.deletionVector.cardinality }),
            }))
            .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path))),
  };
}
