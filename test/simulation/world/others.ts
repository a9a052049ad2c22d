import { randomUUID } from 'node:crypto';
import { isSluiceError } from '../../../src/base/errors.js';
import { concat, structOf, takeRows, type ArrowTable } from '../../../src/columnar/arrow.js';
import { reader } from '../../../src/columnar/cells.js';
import { parsePosition } from '../../../src/cdc/position.js';
import { alterTableActions } from '../../../src/operations/alter.js';
import type { RowPlaces } from '../../../src/operations/merge/rows.js';
import { stageRowChanges } from '../../../src/operations/merge/stage.js';
import { TableBuilder } from '../../../src/columnar/table-builder.js';
import { commitInfo } from '../../../src/protocol/commit-info.js';
import type { Action, AddFile, JsonObject } from '../../../src/protocol/actions.js';
import { removalOf } from '../../../src/protocol/file-actions.js';
import { field, STRING } from '../../../src/schema/build.js';
import { commit, type CommitRequest, type Winner } from '../../../src/table/commit.js';
import { openDataFile } from '../../../src/table/data-file.js';
import { writeDataFiles } from '../../../src/table/data-files.js';
import { scan } from '../../../src/table/scan.js';
import { loadSnapshot, type Snapshot } from '../../../src/table/snapshot.js';
import { textsOf } from '../checkers/rows.js';
import type { DbTable } from '../database/model.js';
import type { Kind } from '../kinds.js';
import type { Chance } from './chance.js';
import { Life } from './life.js';
import { SimulatedStore } from './store.js';
import { pathOf, type World } from './world.js';

const never = new AbortController().signal;

/** Other engines at work on the same tables while the world is busy: they rewrite, delete, alter and read. */
export async function othersMeddle(world: World): Promise<void> {
  const { plan, time } = world;
  const deeds = DEEDS.filter(([kind]) => plan.kinds.has(kind));
  await Promise.all(
    deeds.map(async ([kind, per, deed]) => {
      const chance = world.chance.fork(`others ${kind}`);
      const store = new SimulatedStore(world, new Life(kind), chance.fork('store'));
      for (;;) {
        const pause = (plan.busyMs / (per * plan.roughness)) * 2 * chance.next();
        if (time.elapsedMs + pause >= plan.busyMs) return;
        await world.sleep(pause);
        const table = chance.pick(world.stream.tables);
        if (table === undefined) return;
        await orGivenUp(world, kind, async () => {
          const snapshot = await loadSnapshot(store.at(pathOf(table)), { signal: never });
          if (snapshot !== undefined) await deed({ world, table, snapshot, chance });
        });
      }
    }),
  );
}

/** A store that fails is everybody's trouble; anything else is not to be. */
async function orGivenUp(world: World, kind: Kind, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (isSluiceError(cause) && cause.code.startsWith('STORE_'))
      world.history.note(`${kind} gives up: ${cause.message}`);
    else
      world.violate(
        'others get on',
        `${kind}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`,
      );
  }
}

type Deed = {
  readonly world: World;
  readonly table: DbTable;
  readonly snapshot: Snapshot;
  readonly chance: Chance;
};

/** What others do, and how often in a history. */
const DEEDS: readonly (readonly [Kind, number, (deed: Deed) => Promise<void>])[] = [
  ['optimize', 5, optimize],
  ['foreignDelete', 6, deleteRows],
  ['foreignInsert', 5, insert],
  ['foreignProperties', 2, alter],
  ['readers', 4, read],
  ['restore', 1, restore],
];

/** Rewrites some files as one, rows unchanged. */
async function optimize(deed: Deed): Promise<void> {
  const { snapshot, chance } = deed;
  const { store, layout } = snapshot;
  const all = [...snapshot.files];
  const files = chance.happens(0.5) ? all : all.filter(() => chance.happens(0.5));
  if (files.length === 0) return;
  const rows = concat(await Promise.all(files.map((file) => liveRows(snapshot, file))));
  const added = await writeDataFiles(store, rows, { layout, dataChange: false, signal: never });
  const paths = new Set(files.map(({ path }) => path));
  await awkwardly(deed, 'optimize');
  await commitAs(snapshot, 'OPTIMIZE', {
    actions: (nowMs) => [
      ...files.map((file): Action => ({
        kind: 'remove',
        remove: removalOf(file, { deletionTimestamp: nowMs, dataChange: false }),
      })),
      ...added.map((add): Action => ({ kind: 'add', add })),
    ],
    meets: ({ actions }) =>
      actions.some((action) => {
        return action.kind === 'metaData' || (action.kind === 'remove' && paths.has(action.remove.path));
      }),
  });
}

async function liveRows({ store, layout }: Snapshot, file: AddFile): Promise<ArrowTable> {
  using open = await openDataFile(store, file, { layout, signal: never });
  const deleted = await open.deleted(never);
  const rows = await open.read({ signal: never });
  const live = Array.from({ length: rows.numRows }, (_, row) => row).filter(
    (row) => deleted?.has(row) !== true,
  );
  return takeRows(rows, Uint32Array.from(live));
}

/** Deletes rows that the stream will never speak of again, or that it writes anew without looking at them. */
async function deleteRows(deed: Deed): Promise<void> {
  const { world, table, snapshot, chance } = deed;
  const { layout } = snapshot;
  const found = {
    file: [] as number[],
    ordinal: [] as number[],
    ids: [] as string[],
    rows: [] as ArrowTable[],
  };
  const files = [...snapshot.files];
  for (const [number, file] of files.entries()) {
    using open = await openDataFile(snapshot.store, file, { layout, signal: never });
    const deleted = await open.deleted(never);
    const rows = await open.read({ signal: never });
    const [id, position] = ['id', '__position'].map((name) => columnOf(rows, name));
    for (let row = 0; row < rows.numRows; row++) {
      const place = parsePosition(String(position?.(row)))?.place;
      const lsn = place?.kind === 'postgres' ? Number(place.lsn) : -1;
      const fate = world.stream.ifDeleted(table, String(id?.(row)), lsn);
      if (deleted?.has(row) === true || fate === undefined || chance.happens(0.5)) continue;
      found.file.push(number);
      found.ordinal.push(row);
      if (fate === 'gone') found.ids.push(String(id?.(row)));
      found.rows.push(takeRows(rows, Uint32Array.of(row)));
    }
  }
  if (found.rows.length === 0) return;
  const touched = [...new Set(found.file)];
  const removed: RowPlaces = {
    files: touched.flatMap((number) => files[number] ?? []),
    file: found.file.map((number) => touched.indexOf(number)),
    ordinal: found.ordinal,
  };
  const marks = layout.configuration['delta.enableDeletionVectors'] === 'true' && chance.happens(0.7);
  const staged = await stageRowChanges({
    snapshot,
    removed,
    changes: { deleted: concat(found.rows) },
    counts: { source: 0, inserted: 0, updated: 0, deleted: found.rows.length },
    strategy: marks ? 'merge-on-read' : 'copy-on-write',
    signal: never,
  });
  const paths = new Set(removed.files.map(({ path }) => path));
  await awkwardly(deed, 'foreignDelete');
  await commitAs(snapshot, 'DELETE', {
    actions: (nowMs) => staged.actions(nowMs),
    meets: ({ actions }) =>
      actions.some((action) => {
        return action.kind === 'metaData' || (action.kind === 'remove' && paths.has(action.remove.path));
      }),
    begins: (txnId) => world.foreignDeletes.push({ table: pathOf(table), txnId, ids: found.ids }),
  });
}

/** Puts a row under a key that the stream will write later, as others do: without a place in the source's history. */
async function insert(deed: Deed): Promise<void> {
  const { world, table, snapshot, chance } = deed;
  const { layout } = snapshot;
  const toCome = world.stream.keyToCome(table, world.time.elapsedMs, chance);
  if (toCome === undefined) return;
  const { id, atMs } = toCome;
  const files = [...snapshot.files];
  const rows = await Promise.all(files.map((file) => liveRows(snapshot, file)));
  const standing = rows.flatMap(idsIn);
  if (standing.includes(String(id))) return;
  const builder = new TableBuilder(layout.schema);
  for (const [at, { name, type }] of layout.schema.fields.entries()) {
    const isLong = type.kind === 'primitive' && type.name === 'long';
    if (name === 'id') builder.column(at).append(isLong ? BigInt(id) : id);
    else if (name === 'v') builder.column(at).append('theirs');
    else builder.column(at).appendNull();
  }
  const added = await writeDataFiles(snapshot.store, builder.finish(), { layout, signal: never });
  // Some come long before the stream's own row, some together with it.
  if (chance.happens(0.7) && atMs < world.plan.busyMs) {
    await world.sleep(atMs - world.time.elapsedMs);
    await awkwardly(deed, 'foreignInsert');
  }
  await commitAs(snapshot, 'WRITE', {
    actions: () => added.map((add): Action => ({ kind: 'add', add })),
    meets: async ({ actions }) => {
      for (const action of actions) {
        if (action.kind === 'metaData') return true;
        if (action.kind === 'add' && idsIn(await liveRows(snapshot, action.add)).includes(String(id)))
          return true;
      }
      return false;
    },
  });
}

function idsIn(rows: ArrowTable): readonly string[] {
  const at = columnOf(rows, 'id');
  return Array.from({ length: rows.numRows }, (_, row) => String(at?.(row)));
}

/** Perhaps waits until somebody else is about to commit. */
async function awkwardly({ world, table, chance }: Deed, self: Kind): Promise<void> {
  if (chance.happens(0.6)) await world.awkwardMoment(pathOf(table), self, chance.oneOf(500, 3_000, 10_000));
}

function columnOf(rows: ArrowTable, name: string): ((row: number) => unknown) | undefined {
  const type = structOf(rows.schema).fields.find((one) => one.name === name)?.type;
  return type === undefined ? undefined : reader(rows, name, type);
}

/** Sets a property, or adds a column that the stream knows nothing of. */
async function alter({ snapshot, chance }: Deed): Promise<void> {
  const { schema } = snapshot;
  const adds = chance.happens(0.4) && !schema.fields.some(({ name }) => name === 'theirs');
  const { actions } = alterTableActions(
    snapshot,
    adds
      ? { schema: { ...schema, fields: [...schema.fields, field('theirs', STRING)] } }
      : { set: { 'delta.checkpointInterval': String(chance.between(2, 9)) } },
  );
  if (actions.length > 0)
    await commitAs(snapshot, 'SET TBLPROPERTIES', { actions: () => actions, meets: () => true });
}

/** Takes the rows back to an earlier version, as Spark does: transactions and domains stay as they are. */
async function restore({ world, table, snapshot, chance }: Deed): Promise<void> {
  const pending = world.restores.some((one) => one.table === table && one.landed() && !one.answered);
  if (pending || snapshot.version === 0) return;
  const version = chance.below(snapshot.version);
  const then = await loadSnapshot(snapshot.store, { version, signal: never });
  if (then === undefined) return;
  const idOf = ({ path, deletionVector }: AddFile): string => `${path} ${JSON.stringify(deletionVector)}`;
  const [there, back] = [new Set([...snapshot.files].map(idOf)), new Set([...then.files].map(idOf))];
  await commitAs(snapshot, 'RESTORE', {
    actions: (nowMs) => [
      ...[...snapshot.files]
        .filter((file) => !back.has(idOf(file)))
        .map((file): Action => ({ kind: 'remove', remove: removalOf(file, { deletionTimestamp: nowMs }) })),
      ...[...then.files]
        .filter((file) => !there.has(idOf(file)))
        .map((file): Action => ({ kind: 'add', add: { ...file, dataChange: true } })),
    ],
    parameters: { version, timestamp: null },
    meets: () => true,
    begins: (txnId) => {
      const landed = (): boolean =>
        world.log
          .commits(pathOf(table))
          .some(({ actions }) =>
            actions.some((action) => action.kind === 'commitInfo' && action.commitInfo['txnId'] === txnId),
          );
      world.restores.push({ table, version, landed, answered: false });
    },
  });
}

/** Reads a whole table at its newest version. */
async function read({ world, table, snapshot }: Deed): Promise<void> {
  const rows: string[] = [];
  for await (const batch of scan(snapshot, { signal: never })) rows.push(...textsOf(batch, { own: true }));
  world.readings.push({ table: pathOf(table), version: snapshot.version, rows });
  world.history.note(`a reader saw ${rows.length} rows of ${pathOf(table)} ${snapshot.version}`);
}

/** Commits in another engine's name, or not at all if a winner meets what it read. */
async function commitAs(
  snapshot: Snapshot,
  operation: string,
  plan: {
    readonly actions: (nowMs: number) => readonly Action[];
    readonly meets: (winner: Winner) => boolean | Promise<boolean>;
    readonly parameters?: JsonObject;
    readonly begins?: (txnId: string) => void;
  },
): Promise<void> {
  const txnId = randomUUID();
  plan.begins?.(txnId);
  const request: CommitRequest = {
    readVersion: snapshot.version,
    txnId,
    signal: never,
    actions: ({ version, nowMs }) => [
      {
        kind: 'commitInfo',
        commitInfo: commitInfo({
          operation: { operation, operationParameters: plan.parameters ?? {} },
          timestamp: nowMs,
          readVersion: version - 1,
          isBlindAppend: false,
          txnId,
        }),
      },
      ...plan.actions(nowMs),
    ],
    reconcile: async (winner) =>
      (await plan.meets(winner)) ? { conflict: `version ${winner.version} meets it` } : request,
  };
  await commit(snapshot, snapshot.store, request);
}
