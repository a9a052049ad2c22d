import type { Kind } from '../kinds.js';

/** A piece of source text, found exactly once in its file, and what stands there instead. */
type Patch = { readonly file: string; readonly find: string; readonly put: string };

/** A promise broken by hand. */
export type Breakage = {
  /** What the code does wrong, for people. */
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Kinds without which nobody would notice; they are switched on in every history. */
  readonly with?: readonly Kind[];
};

/** Each of them was a sink's real failure somewhere; one of the checkers must see it. */
export const BREAKAGES: readonly Breakage[] = [
  {
    name: 'acknowledges before the commit',
    patches: [
      {
        file: 'src/sink/lane.ts',
        find: `        this.#begin(effect.batch);
        break;`,
        put: `        for (const range of effect.batch.ranges) this.#options.acknowledge(only(range), range.next);
        this.#begin(effect.batch);
        break;`,
      },
    ],
  },
  {
    name: 'deletion vectors united without their base',
    patches: [
      {
        file: 'src/operations/merge/take-out.ts',
        find: 'touched.map(({ dead, gone }) => (dead === undefined ? gone : dead.union(gone)))',
        put: 'touched.map(({ gone }) => gone)',
      },
    ],
  },
  {
    name: "a rebase drops the winner's deletion vector",
    patches: [
      {
        file: 'src/operations/merge/rebase.ts',
        find: 'base: add, dead: marked.after }',
        put: 'base: add }',
      },
    ],
    with: ['workers', 'slowStore'],
  },
  {
    name: "a rebase does not look into the winner's new files",
    patches: [
      {
        file: 'src/operations/merge/rebase.ts',
        find: 'return hits.count > 0 ?',
        put: 'return hits.count < 0 ?',
      },
    ],
    with: ['foreignInsert'],
  },
  {
    name: 'a rebase does not see that the winner took our rows',
    patches: [
      {
        file: 'src/operations/merge/rebase.ts',
        find: 'if (located?.intersects(deleted) === true)',
        put: 'if (located?.intersects(deleted) === undefined)',
      },
      {
        file: 'src/operations/merge/rebase.ts',
        find: 'if (after.minus(base).intersects(mine.gone))',
        put: 'if (after.minus(base).intersects(mine.gone) && base.size < 0)',
      },
    ],
    with: ['foreignDelete'],
  },
  {
    name: 'the floor of a truncate is not kept',
    patches: [
      {
        file: 'src/sink/settle/sink-commit.ts',
        find: 'const floor = step.floor ?? previous?.floor;',
        put: 'const floor = previous?.floor;',
      },
    ],
    with: ['truncate'],
  },
  {
    name: 'a floor counts for its own partition only',
    patches: [
      {
        file: 'src/sink/settle/floors.ts',
        find: "return ordersAcrossPartitions(own) || own === '' ? this.greatest : own;",
        put: 'return own;',
      },
    ],
    with: ['truncate'],
  },
  {
    name: 'no compare-and-swap on the offsets',
    patches: [
      {
        file: 'src/sink/settle/bases.ts',
        find: 'if (held > base) moved = true;',
        put: 'if (held > base && held < 0) moved = true;',
      },
    ],
    with: ['workers', 'pause', 'rebalance'],
  },
  {
    name: 'a lost answer is taken for a success',
    patches: [
      {
        file: 'src/table/commit.ts',
        find: 'if (lost && !unsure) unsure = true;',
        put: 'if (lost) return undefined;',
      },
    ],
    with: ['lostAnswers'],
  },
  {
    name: 'a lost answer is taken for a failure, and the commit carried over itself',
    patches: [
      {
        file: 'src/table/commit.ts',
        find: "return there.commitInfo?.['txnId'] === txnId ? undefined : there;",
        put: 'return there;',
      },
      {
        file: 'src/operations/merge/rebase.ts',
        find: 'if (appIds.has(action.txn.appId))',
        put: 'if (appIds.has(action.txn.appId) && appIds.size < 0)',
      },
      {
        file: 'src/operations/merge/rebase.ts',
        find: 'if (domains.has(action.domainMetadata.domain))',
        put: 'if (domains.has(action.domainMetadata.domain) && domains.size < 0)',
      },
    ],
    with: ['lostAnswers'],
  },
  {
    name: 'a commit overwrites what is there',
    patches: [
      {
        file: 'src/table/commit.ts',
        find: "if (!unsure && (await store.putIfAbsent(key, body, { signal })) === 'created') return undefined;",
        put: 'if (!unsure) return void (await store.put(key, body, { signal }));',
      },
    ],
    with: ['workers'],
  },
  {
    name: 'the commit that makes a table is carried over another that made it',
    patches: [
      {
        file: 'src/table/commit.ts',
        find: "if (creates) return { kind: 'conflicted'",
        put: "if (creates && version < 0) return { kind: 'conflicted'",
      },
      {
        file: 'src/sink/settle/committer.ts',
        find: "if (state === undefined) return { conflict: 'the table was made by another writer' };",
        put: 'if (state === undefined) return this.over(undefined);',
      },
    ],
    with: ['workers', 'rebalance'],
  },
  {
    name: 'the feed tells new rows as the old ones',
    patches: [
      {
        file: 'src/sink/settle/plan-keyed.ts',
        find: 'before: imagesOf(updates.map(({ located }) => located)),',
        put: 'before: takeRows(rows, range(0, updates.length)),',
      },
    ],
  },
  {
    name: 'a lane that ends keeps its credit',
    patches: [
      {
        file: 'src/sink/lane.ts',
        find: `      case 'drop-all':
        this.#held.dropAll();`,
        put: `      case 'drop-all':`,
      },
    ],
    with: ['badRecord'],
  },
  {
    name: 'offsets are saved past rows that wait',
    patches: [
      {
        file: 'src/sink/standing.ts',
        find: 'return settled > committed ? { topic, partition, base: committed, next: settled } : undefined;',
        put: 'return held > committed ? { topic, partition, base: committed, next: held } : undefined;',
      },
      {
        file: 'src/sink/standing.ts',
        find: 'export function unsaved({ topic, partition, committed, settled }',
        put: 'export function unsaved({ topic, partition, committed, held }',
      },
    ],
  },
  {
    name: 'a bad record is passed before its letter is safe',
    patches: [
      {
        file: 'src/sink/lane.ts',
        find: 'await this.#options.writeLetters(records, slices, this.#signal);',
        put: 'void this.#options.writeLetters(records, slices, this.#signal).catch(() => undefined);',
      },
    ],
    with: ['badRecord', 'deadLetters'],
  },
  {
    name: 'a streamed change loses to a row of the snapshot',
    patches: [
      {
        file: 'src/cdc/compare.ts',
        find: "if (standingIsSnapshot && !eventIsSnapshot) return 'newer';",
        put: '',
      },
    ],
    with: ['snapshot'],
  },
  {
    name: 'a late change wins',
    patches: [
      {
        file: 'src/cdc/compare.ts',
        find: "if (order !== 0) return order > 0 ? 'newer' : 'stale';",
        put: "if (order !== 0) return 'newer';",
      },
    ],
    with: ['redelivery', 'deletes'],
  },
  {
    name: 'the values of a changed key are forgotten',
    patches: [
      {
        file: 'src/sink/settle/fold.ts',
        find: "return { kind: 'parked', key: input.oldKeyText(event), order: orderText(input.events.position(event)) };",
        put: "return { kind: 'missing' };",
      },
    ],
    with: ['keyChange', 'crossPartitionKeyChange', 'toast'],
  },
  {
    name: 'the memory of deletes is not read',
    patches: [
      {
        file: 'src/sink/settle/plan-keyed.ts',
        find: 'for (const [text, position] of await memory.deletes(at, order, names)) {',
        put: 'for (const [text, position] of new Map<string, string>()) {',
      },
    ],
    with: ['redelivery', 'deletes'],
  },
  {
    name: 'changes of a table without a key that come again are not recognised',
    patches: [
      {
        file: 'src/sink/settle/repeats.ts',
        find: 'const same = known.get(identity);',
        put: 'const same: Applied[] | undefined = undefined;',
      },
    ],
    with: ['redelivery', 'keyless'],
  },
  {
    name: 'checkpoints leave the offsets out',
    patches: [
      {
        file: 'src/protocol/checkpoint-rows.ts',
        find: 'const txns = [...state.txns.values()];',
        put: 'const txns = [...state.txns.values()].slice(0, 0);',
      },
    ],
    with: ['checkpoints', 'restart'],
  },
];
