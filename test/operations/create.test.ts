import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { alterTableActions } from '../../src/operations/alter.js';
import { append } from '../../src/operations/append.js';
import { createTableActions, type CreateOptions } from '../../src/operations/create.js';
import {
  DOUBLE,
  INTEGER,
  LONG,
  STRING,
  TIMESTAMP_NTZ,
  array,
  decimal,
  field,
  map,
  struct,
} from '../../src/schema/build.js';
import { planEvolution } from '../../src/schema/evolve.js';
import type { StructType } from '../../src/schema/types.js';
import { memoryStore } from '../../src/storage/memory.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { ID_V, commitActions, idV, liveRows, newTable, rowsTable } from './tables.js';

function created(
  schema: StructType,
  more: Partial<CreateOptions> = {},
): ReturnType<typeof createTableActions> {
  return createTableActions({ schema, nowMs: 1_700_000_000_000, ...more });
}

const BASE = ['appendOnly', 'changeDataFeed', 'deletionVectors', 'domainMetadata', 'invariants'];

describe('createTableActions', () => {
  test('a plain table has exactly the features of every table', () => {
    const { protocol, metaData, actions, layout } = created(ID_V);
    expect(protocol).toEqual({
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['deletionVectors'],
      writerFeatures: BASE,
    });
    expect(metaData.configuration).toEqual({
      'delta.enableDeletionVectors': 'true',
      'delta.enableChangeDataFeed': 'true',
    });
    expect(metaData.createdTime).toBe(1_700_000_000_000);
    expect(actions.map(({ kind }) => kind)).toEqual(['protocol', 'metaData']);
    expect(layout.schema).toEqual(ID_V);
  });

  test('features follow from types and properties', () => {
    const ntz = created(struct([field('at', array(TIMESTAMP_NTZ))]));
    expect(ntz.protocol.writerFeatures).toEqual([...BASE, 'timestampNtz']);
    const off = created(ID_V, { properties: { 'delta.enableDeletionVectors': 'false' } });
    expect(off.protocol.readerFeatures).toEqual([]);
    const widening = created(ID_V, { properties: { 'delta.enableTypeWidening': 'true' } });
    expect(widening.protocol.readerFeatures).toContain('typeWidening');
  });

  test.each([
    ['delta.appendOnly', 'true', 'appendOnly'],
    ['delta.checkpointPolicy', 'v2', 'v2Checkpoint'],
    ['delta.columnMapping.mode', 'name', 'columnMapping'],
    ['delta.enableChangeDataFeed', 'true', 'changeDataFeed'],
    ['delta.enableDeletionVectors', 'true', 'deletionVectors'],
    ['delta.enableInCommitTimestamps', 'true', 'inCommitTimestamp'],
    ['delta.enableRowTracking', 'true', 'rowTracking'],
    ['delta.enableTypeWidening', 'true', 'typeWidening'],
    ['delta.feature.vacuumProtocolCheck', 'supported', 'vacuumProtocolCheck'],
    ['delta.minWriterVersion', '3', 'checkConstraints'],
    ['delta.minReaderVersion', '2', 'columnMapping'],
  ])('%s=%s brings %s, on creation and later on', async (property, value, feature) => {
    const at = created(ID_V, { properties: { [property]: value } });
    expect(at.protocol.writerFeatures).toContain(feature);
    const plain = await newTable(memoryStore(), {
      properties: { 'delta.enableChangeDataFeed': 'false', 'delta.enableDeletionVectors': 'false' },
    });
    const { actions, layout } = alterTableActions(plain, { set: { [property]: value } });
    const later = actions.find((action) => action.kind === 'protocol')?.protocol ?? plain.state.protocol;
    expect(later.writerFeatures).toContain(feature);
    for (const { configuration } of [at.metaData, layout]) {
      const instructs = /feature|min(Reader|Writer)Version/.test(property);
      expect(configuration[property]).toBe(instructs ? undefined : value);
    }
  });

  test.each([
    ['delta.feature.moonPhases', 'supported', 'moonPhases'],
    ['delta.feature.vacuumProtocolCheck', 'maybe', 'is not supported'],
    ['delta.enableIcebergCompatV2', 'true', 'icebergCompatV2'],
    ['delta.feature.catalogManaged', 'supported', 'catalogManaged'],
    ['delta.universalFormat.enabledFormats', 'iceberg', 'universalFormat'],
    ['delta.minWriterVersion', '8', 'a version from 1 to 7'],
    ['delta.checkpointInterval', 'often', 'delta.checkpointInterval'],
    ['delta.logRetentionDuration', 'interval 1 month', 'delta.logRetentionDuration'],
  ])('%s=%s is refused, on creation and later on', async (property, value, why) => {
    const set = { [property]: value };
    const refused = expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(why),
    });
    expect(() => created(ID_V, { properties: set })).toThrow(refused);
    const plain = await newTable(memoryStore());
    expect(() => alterTableActions(plain, { set })).toThrow(refused);
  });

  test('column mapping is switched on once and stays', async () => {
    const plain = await newTable(memoryStore());
    const mapped = await newTable(memoryStore(), { properties: { 'delta.columnMapping.mode': 'name' } });
    for (const [snapshot, mode] of [
      [plain, 'id'],
      [mapped, 'none'],
      [mapped, 'id'],
    ] as const) {
      const alter = () => alterTableActions(snapshot, { set: { 'delta.columnMapping.mode': mode } });
      expect(alter).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    }
  });

  test.each(' ,;{}()\n\t='.split(''))('a name with %j turns column mapping on', (character) => {
    const { protocol, metaData, layout } = created(
      struct([field('id', LONG), field(`a${character}b`, STRING)]),
    );
    expect(protocol.readerFeatures).toContain('columnMapping');
    expect(metaData.configuration).toMatchObject({
      'delta.columnMapping.mode': 'name',
      'delta.columnMapping.maxColumnId': '2',
    });
    for (const [i, { metadata }] of layout.schema.fields.entries()) {
      expect(metadata['delta.columnMapping.id']).toBe(i + 1);
      expect(metadata['delta.columnMapping.physicalName']).toMatch(/^col-[0-9a-f]{8}-[0-9a-f-]{27}$/);
    }
  });

  test('fields at every depth are mapped, each with an id of its own', () => {
    const inner = struct([field('x y', LONG)]);
    const { layout, metaData } = created(
      struct([field('list', array(inner)), field('pairs', map(STRING, inner)), field('s', inner)]),
    );
    const text = JSON.stringify(layout.schema);
    expect(text.match(/columnMapping\.id/g)).toHaveLength(6);
    expect(metaData.configuration['delta.columnMapping.maxColumnId']).toBe('6');
  });

  test.each([
    ['names that differ only by case', struct([field('id', LONG), field('ID', LONG)]), {}],
    [
      'nested names that differ only by case',
      struct([field('s', struct([field('a', LONG), field('A', LONG)]))]),
      {},
    ],
    ['a name of the feed', struct([field('_change_type', STRING), field('id', LONG)]), {}],
    ['an empty name', struct([field('', STRING)]), {}],
    ['a partition column that is not there', ID_V, { partitionBy: ['nope'] }],
    ['a table of partition columns', ID_V, { partitionBy: ['id', 'v'] }],
    [
      'a partition column that is a list',
      struct([field('l', array(LONG)), field('v', STRING)]),
      { partitionBy: ['l'] },
    ],
  ])('%s: SCHEMA_MISMATCH', (_, schema, more) => {
    expect(() => created(schema, more)).toThrow(expect.objectContaining({ code: 'SCHEMA_MISMATCH' }));
  });

  test('a name of the feed is fine while the feed is off', () => {
    const properties = { 'delta.enableChangeDataFeed': 'false' };
    expect(() => created(struct([field('_change_type', STRING)]), { properties })).not.toThrow();
  });

  test.each(['delta.constraints.positive', 'delta.feature.allowColumnDefaults'])(
    'property %s: CONFIG_INVALID',
    (property) => {
      const properties = { [property]: 'true' };
      expect(() => created(ID_V, { properties })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
    },
  );

  test('a second creation is TABLE_EXISTS', async () => {
    const store = memoryStore();
    await newTable(store);
    await expect(newTable(store)).rejects.toMatchObject({ code: 'TABLE_EXISTS' });
  });
});

describe('alterTableActions', () => {
  async function evolved(
    from: StructType,
    wanted: Parameters<typeof planEvolution>[1],
  ): Promise<ReturnType<typeof alterTableActions>> {
    const snapshot = await newTable(memoryStore(), { schema: from });
    const plan = planEvolution(snapshot.schema, wanted);
    if (plan.kind !== 'evolved') throw new Error(plan.kind);
    return alterTableActions(snapshot, { schema: plan.schema });
  }

  test('nothing to change makes no action', async () => {
    const snapshot = await newTable(memoryStore());
    expect(alterTableActions(snapshot, { schema: snapshot.schema, set: {} }).actions).toEqual([]);
  });

  test('a new column needs no protocol, one of timestamp_ntz its feature', async () => {
    const plain = await evolved(ID_V, [{ name: 'n', type: LONG }]);
    expect(plain.actions.map(({ kind }) => kind)).toEqual(['metaData']);
    const ntz = await evolved(ID_V, [{ name: 'at', type: TIMESTAMP_NTZ }]);
    expect(ntz.actions.map(({ kind }) => kind)).toEqual(['protocol', 'metaData']);
  });

  test('a widened type turns type widening on in the same commit', async () => {
    const { actions, layout } = await evolved(struct([field('id', INTEGER)]), [{ name: 'id', type: LONG }]);
    const protocol = actions.find((action) => action.kind === 'protocol')?.protocol;
    expect(protocol?.readerFeatures).toContain('typeWidening');
    expect(layout.configuration['delta.enableTypeWidening']).toBe('true');
  });

  test('rows from before and after a widening and a new column read as one table', async () => {
    const store = memoryStore();
    const schema = struct([field('id', INTEGER), field('d', decimal(10, 2))]);
    let snapshot = await newTable(store, { schema });
    ({ snapshot } = await append(snapshot, [rowsTable(schema, [[1, 150n]])], { signal: never }));
    const plan = planEvolution(snapshot.schema, [
      { name: 'id', type: LONG },
      { name: 'd', type: decimal(20, 4) },
      { name: 'new', type: DOUBLE },
    ]);
    if (plan.kind !== 'evolved') throw new Error(plan.kind);
    const { actions, layout } = alterTableActions(snapshot, { schema: plan.schema });
    snapshot = await commitActions(snapshot, 'CHANGE COLUMNS', () => actions);
    const rows = rowsTable(layout.schema, [[2n ** 40n, 12345n, 0.5]]);
    ({ snapshot } = await append(snapshot, [rows], { signal: never }));
    const expected = [
      [1n, 15000n, null],
      [2n ** 40n, 12345n, 0.5],
    ];
    expect(await liveRows(snapshot)).toEqual(expected);
    expect(await liveRows(await openSnapshot(store, { signal: never }))).toEqual(expected);
  });

  test('a name that needs mapping keeps old files readable, and their columns their names', async () => {
    const store = memoryStore();
    let snapshot = await newTable(store);
    ({ snapshot } = await append(snapshot, [idV([1, 'a'])], { signal: never }));
    const plan = planEvolution(snapshot.schema, [{ name: 'with space', type: LONG }]);
    if (plan.kind !== 'evolved') throw new Error(plan.kind);
    const { actions, layout } = alterTableActions(snapshot, { schema: plan.schema });
    const names = layout.schema.fields.map(({ metadata }) => metadata['delta.columnMapping.physicalName']);
    expect(names).toEqual(['id', 'v', expect.stringMatching(/^col-/)]);
    expect(layout.configuration).toMatchObject({
      'delta.columnMapping.mode': 'name',
      'delta.columnMapping.maxColumnId': '3',
    });
    snapshot = await commitActions(snapshot, 'ADD COLUMNS', () => actions);
    const rows = rowsTable(layout.schema, [[2n, 'b', 5n]]);
    ({ snapshot } = await append(snapshot, [rows], { signal: never }));
    expect(await liveRows(snapshot)).toEqual([
      [1n, 'a', null],
      [2n, 'b', 5n],
    ]);
    const more = planEvolution(snapshot.schema, [{ name: 'more', type: LONG }]);
    if (more.kind !== 'evolved') throw new Error(more.kind);
    const again = alterTableActions(snapshot, { schema: more.schema });
    expect(again.layout.configuration['delta.columnMapping.maxColumnId']).toBe('4');
  });

  test('properties bring the features that they need', async () => {
    const properties = { 'delta.enableChangeDataFeed': 'false', 'delta.enableDeletionVectors': 'false' };
    const snapshot = await newTable(memoryStore(), { properties });
    const { actions, layout } = alterTableActions(snapshot, {
      set: { 'delta.enableDeletionVectors': 'true' },
    });
    const protocol = actions.find((action) => action.kind === 'protocol')?.protocol;
    expect(protocol?.readerFeatures).toEqual(['deletionVectors']);
    expect(layout.configuration['delta.enableDeletionVectors']).toBe('true');
  });

  test('properties are unset, and what they needed stays supported', async () => {
    const snapshot = await newTable(memoryStore(), { properties: { note: 'x', 'delta.appendOnly': 'true' } });
    const unset = ['note', 'delta.appendOnly'];
    const { actions, layout } = alterTableActions(snapshot, { set: { more: 'y' }, unset });
    expect(actions.map(({ kind }) => kind)).toEqual(['metaData']);
    const left = Object.entries(snapshot.configuration).filter(([key]) => !unset.includes(key));
    expect(layout.configuration).toEqual({ ...Object.fromEntries(left), more: 'y' });
    const after = await commitActions(snapshot, 'UNSET TBLPROPERTIES', () => actions);
    expect(after.configuration).toEqual(layout.configuration);
    expect(after.state.protocol).toEqual(snapshot.state.protocol);
  });

  test.each([
    ['delta.columnMapping.mode', 'cannot go from name to none'],
    ['delta.columnMapping.maxColumnId', 'cannot be unset'],
    ['delta.rowTracking.materializedRowIdColumnName', 'cannot be unset'],
    ['delta.inCommitTimestampEnablementVersion', 'cannot be unset'],
    ['delta.colour', 'is not set'],
    ['delta.enableRowTracking', 'set and unset at once'],
  ])('%s is not unset', async (property, why) => {
    const snapshot = await newTable(memoryStore(), {
      properties: { 'delta.columnMapping.mode': 'name', 'delta.enableRowTracking': 'true' },
    });
    expect(() =>
      alterTableActions(snapshot, { set: { 'delta.enableRowTracking': 'true' }, unset: [property] }),
    ).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(why) }));
  });
});
