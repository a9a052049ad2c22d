import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Action, AddFile } from '../../src/protocol/actions.js';
import { canonicalPath } from '../../src/protocol/path.js';
import {
  deletionVectorId,
  foldActions,
  forgetTombstones,
  LogReplay,
  type TableState,
} from '../../src/protocol/replay.js';
import { actions } from './arbitraries.js';

const PROTOCOL: Action = { kind: 'protocol', protocol: { minReaderVersion: 1, minWriterVersion: 2 } };
const METADATA: Action = {
  kind: 'metaData',
  metaData: {
    id: 'id',
    schemaString: '{"type":"struct","fields":[{"name":"n","type":"long","nullable":true,"metadata":{}}]}',
    partitionColumns: [],
    configuration: {},
  },
};

function add(path: string, extra: Partial<AddFile> = {}): Action {
  return {
    kind: 'add',
    add: { path, partitionValues: new Map(), size: 1, modificationTime: 1, dataChange: true, ...extra },
  };
}

function remove(path: string, extra: Partial<AddFile> & { deletionTimestamp?: number } = {}): Action {
  return { kind: 'remove', remove: { path, dataChange: true, ...extra } };
}

function vector(name: string) {
  return {
    deletionVector: {
      storageType: 'u' as const,
      pathOrInlineDv: name,
      offset: 1,
      sizeInBytes: 1,
      cardinality: 1,
    },
  };
}

function paths(state: TableState): string[] {
  return state.files.toArray().map(({ path }) => path);
}

function keyOf(file: { path: string; deletionVector?: AddFile['deletionVector'] }): string {
  const { deletionVector } = file;
  return JSON.stringify([canonicalPath(file.path), deletionVector && deletionVectorId(deletionVector)]);
}

/** Reconciliation as the protocol states it: newest first, the first sighting of each key counts. */
function model(commits: readonly (readonly Action[])[]) {
  const files = new Map<string, Action>();
  const txns = new Map<string, Action>();
  const domains = new Map<string, Action>();
  let protocol: Action | undefined;
  let metaData: Action | undefined;
  for (const action of commits.flat().reverse()) {
    if (action.kind === 'add' && !files.has(keyOf(action.add))) files.set(keyOf(action.add), action);
    if (action.kind === 'remove' && !files.has(keyOf(action.remove))) files.set(keyOf(action.remove), action);
    if (action.kind === 'txn' && !txns.has(action.txn.appId)) txns.set(action.txn.appId, action);
    if (action.kind === 'domainMetadata' && !domains.has(action.domainMetadata.domain)) {
      domains.set(action.domainMetadata.domain, action);
    }
    if (action.kind === 'protocol') protocol ??= action;
    if (action.kind === 'metaData') metaData ??= action;
  }
  const live = [...files].flatMap(([key, action]) =>
    action.kind === 'add' ? [[key, action.add] as const] : [],
  );
  return {
    protocol: protocol?.kind === 'protocol' && protocol.protocol,
    metadata: metaData?.kind === 'metaData' && metaData.metaData,
    live: new Map(live),
    removed: new Set([...files].flatMap(([key, action]) => (action.kind === 'remove' ? [key] : []))),
    txns: new Map(
      [...txns].flatMap(([id, action]) => (action.kind === 'txn' ? [[id, action.txn] as const] : [])),
    ),
    domains: new Map(
      [...domains].flatMap(([name, { ...action }]) =>
        action.kind === 'domainMetadata' && !action.domainMetadata.removed
          ? [[name, action.domainMetadata.configuration] as const]
          : [],
      ),
    ),
  };
}

function expectModel(state: TableState, commits: readonly (readonly Action[])[]): void {
  const expected = model(commits);
  expect(state.protocol).toEqual(expected.protocol);
  expect(state.metadata).toEqual(expected.metadata);
  expect(new Map(state.files.toArray().map((file) => [keyOf(file), file]))).toEqual(expected.live);
  expect(state.files.size).toBe(expected.live.size);
  expect(new Set(state.tombstones.toArray().map(keyOf))).toEqual(expected.removed);
  expect(state.tombstones.size).toBe(expected.removed.size);
  expect(new Map(state.txns)).toEqual(expected.txns);
  expect(new Map(state.domains)).toEqual(expected.domains);
}

const commit = fc.array(actions, { maxLength: 6 });

describe('replay of a log', () => {
  test('the newest action of each key counts, at every version, also looked at late and out of order', () => {
    fc.assert(
      fc.property(fc.array(commit, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (later, order) => {
        const commits: (readonly Action[])[] = [[PROTOCOL, METADATA], ...later];
        const states: TableState[] = [];
        for (const [version, list] of commits.entries())
          states.push(foldActions(states.at(-1), list, version));
        // Old versions stay valid whatever was made of them, in whichever order they are asked.
        const asked = states.map((state, version) => ({ state, version, at: order.next().value }));
        asked.sort((a, b) => a.at - b.at);
        for (const { state, version } of asked) {
          expect(state.version).toBe(version);
          expectModel(state, commits.slice(0, version + 1));
        }
      }),
    );
  });

  test('a fold in pieces is the fold of the whole', () => {
    fc.assert(
      fc.property(fc.array(commit, { maxLength: 8 }), fc.nat(), (later, cut) => {
        const commits: (readonly Action[])[] = [[PROTOCOL, METADATA], ...later];
        const at = 1 + (cut % commits.length);
        const whole = new LogReplay();
        for (const [version, list] of commits.entries()) whole.apply(list, version);
        const first = new LogReplay();
        for (const [version, list] of commits.slice(0, at).entries()) first.apply(list, version);
        const second = new LogReplay(first.finish());
        for (const [i, list] of commits.slice(at).entries()) second.apply(list, at + i);
        const [a, b] = [whole.finish(), second.finish()];
        expect(b.files.toArray()).toEqual(a.files.toArray());
        expect(b.tombstones.toArray()).toEqual(a.tombstones.toArray());
        expect([b.protocol, b.metadata, b.version]).toEqual([a.protocol, a.metadata, a.version]);
        expect([[...b.txns], [...b.domains]]).toEqual([[...a.txns], [...a.domains]]);
      }),
    );
  });

  test('two versions made of one do not see each other', () => {
    const base = foldActions(undefined, [PROTOCOL, METADATA, add('a'), add('b')], 0);
    const left = foldActions(base, [remove('a'), add('l')], 1);
    const right = foldActions(base, [remove('b'), add('r')], 1);
    expect(paths(left)).toEqual(['b', 'l']);
    expect(paths(right)).toEqual(['a', 'r']);
    expect(paths(base).sort()).toEqual(['a', 'b']);
  });

  test('a walk over the files of a version is not disturbed by the next one', () => {
    const base = foldActions(undefined, [PROTOCOL, METADATA, add('a'), add('b')], 0);
    const seen: string[] = [];
    for (const { path } of base.files) {
      foldActions(base, [remove('a'), remove('b'), add('c')], 1);
      seen.push(path);
    }
    expect(seen).toEqual(['a', 'b']);
  });

  test('an action that is refused leaves the version it was folded into as it was', () => {
    const base = foldActions(undefined, [PROTOCOL, METADATA, add('a')], 0);
    expect(() => foldActions(base, [remove('a'), add('../b')], 1)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_LOG' }),
    );
    expect(paths(base)).toEqual(['a']);
    expect(paths(foldActions(base, [add('c')], 1))).toEqual(['a', 'c']);
  });

  test('a removal names path and deletion vector: another vector of the path stays', () => {
    const marked = foldActions(undefined, [PROTOCOL, METADATA, add('a', vector('d1'))], 0);
    expect(foldActions(marked, [remove('a')], 1).files.size).toBe(1);
    expect(foldActions(marked, [remove('a', vector('d2'))], 1).files.size).toBe(1);
    const replaced = foldActions(marked, [add('a', vector('d2')), remove('a', vector('d1'))], 1);
    expect(replaced.files.byPath('a')).toMatchObject(vector('d2'));
    expect(replaced.tombstones.toArray()).toMatchObject([vector('d1')]);
  });

  test('trap 18: a file is found under any spelling of its path', () => {
    const state = foldActions(undefined, [PROTOCOL, METADATA, add('a%20b'), add('file:/x/y')], 0);
    expect(state.files.byPath('a b')).toBeDefined();
    expect(state.files.find({ path: '/x/y' })).toBeDefined();
    expect(foldActions(state, [remove('a b'), remove('file:///x/y')], 1).files.size).toBe(0);
  });

  test('protocol and metadata may come in any commit, but must have come', () => {
    const replay = new LogReplay().apply([add('a'), METADATA], 0);
    expect(() => replay.finish()).toThrow(
      expect.objectContaining({ code: 'CORRUPT_LOG', context: { version: 0 } }),
    );
    expect(replay.apply([PROTOCOL], 1).finish().files.size).toBe(1);
    expect(() => foldActions(undefined, [PROTOCOL], 0)).toThrow('metaData');
  });

  test('a schema is read when it is asked for, once for all versions that share it', () => {
    const bad: Action = { kind: 'metaData', metaData: { ...bodyOf(METADATA), schemaString: 'no schema' } };
    const state = foldActions(undefined, [PROTOCOL, bad], 0);
    expect(() => state.schema).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }));
    const first = foldActions(state, [METADATA], 1);
    const second = foldActions(first, [add('a'), METADATA], 2);
    expect(second.schema).toBe(first.schema);
    expect(second.schema.fields.map(({ name }) => name)).toEqual(['n']);
  });

  test('tombstones are forgotten once they are older than asked, those without a time first', () => {
    const state = foldActions(
      undefined,
      [
        PROTOCOL,
        METADATA,
        remove('a'),
        remove('b', { deletionTimestamp: 9 }),
        remove('c', { deletionTimestamp: 10 }),
      ],
      0,
    );
    expect(
      forgetTombstones(state, 10)
        .tombstones.toArray()
        .map(({ path }) => path),
    ).toEqual(['c']);
    expect(state.tombstones.size).toBe(3);
    expect(forgetTombstones(state, 0)).toBe(state);
  });

  test('a commit costs what it changes, not what the table holds', () => {
    const many = Array.from({ length: 50_000 }, (_, i) => add(`part-${i}`));
    let state = foldActions(undefined, [PROTOCOL, METADATA, ...many], 0);
    const start = performance.now();
    for (let version = 1; version <= 5000; version++) {
      state = foldActions(state, [remove(`part-${version}`), add(`new-${version}`)], version);
    }
    // A copy of the table per commit would take minutes.
    expect(performance.now() - start).toBeLessThan(5000);
    expect(state.files.size).toBe(50_000);
  });
});

function bodyOf(action: Action) {
  if (action.kind !== 'metaData') throw new Error('metaData');
  return action.metaData;
}
