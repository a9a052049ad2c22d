import type { TopicPartition } from '../../../source/change-source.js';
import type { PartitionDomain } from '../partition-domain.js';
import type { Memory } from './memory.js';

/** Changes of one partition that were looked up: by key, or by identity where the table has no key. */
export type Lookup = {
  readonly at: TopicPartition;
  readonly order: string;
  readonly names: ReadonlySet<string>;
};

/** What a plan took from the memory, and so what a winner must not have added to it (R14). */
export type MemoryReads = {
  /**
   * Keys without a row, identities, and contents of a table without a key by their text, gathered when a winner has
   * noted something; `order`: the least place that asks.
   */
  readonly deletes: () => readonly Lookup[];
  readonly applied: () => readonly Lookup[];
  readonly taken: () => { readonly from: string; readonly texts: Iterable<string> };
  /** A row asks for an image that has not been seen. */
  readonly asks: boolean;
  /** The plan puts in an image that others may wait for. */
  readonly offers: boolean;
};

export const READS_NOTHING: MemoryReads = {
  deletes: () => [],
  applied: () => [],
  taken: () => ({ from: '', texts: [] }),
  asks: false,
  offers: false,
};

/**
 * The domains of a winner with only those files that were not named before: what it has added. Merged files hold what
 * was known.
 */
export function addedFiles(
  known: ReadonlyMap<string, PartitionDomain>,
  theirs: ReadonlyMap<string, PartitionDomain>,
): ReadonlyMap<string, PartitionDomain> {
  const added = new Map<string, PartitionDomain>();
  for (const [name, domain] of theirs) {
    const before = new Set((known.get(name)?.files ?? []).map(({ path }) => path));
    const files = domain.files.filter(({ path, merged }) => !merged && !before.has(path));
    if (files.length > 0) added.set(name, { ...domain, files });
  }
  return added;
}

/** Why what a winner has added to the memory changes what a plan decided; undefined if it does not. */
export async function meetsMemory(
  reads: MemoryReads,
  added: ReadonlyMap<string, PartitionDomain>,
  memory: Memory,
): Promise<string | undefined> {
  for (const [name, { files }] of added) {
    if (reads.asks && files.some(({ images }) => images > 0)) return `it parked images in ${name}`;
    if (reads.offers && files.some(({ waits }) => waits > 0)) return `it left something waiting in ${name}`;
  }
  for (const { at, order, names } of reads.deletes()) {
    if ((await memory.deletes(at, order, names)).size > 0) return 'it deleted rows of our keys';
  }
  for (const { at, order, names } of reads.applied()) {
    if ((await memory.applied(at, order, names)).size > 0) return 'it applied changes of ours';
  }
  const { from, texts } = reads.taken();
  if ((await memory.taken(from, texts)).size > 0) return 'it took rows that equal ours';
  return undefined;
}

/** Gathers what is looked up, by partition. */
export class Lookups {
  readonly #byPartition = new Map<string, { at: TopicPartition; order: string; names: Set<string> }>();

  add(at: TopicPartition, order: string, name: string): void {
    const key = `${at.topic}:${at.partition}`;
    const known = this.#byPartition.get(key);
    if (known === undefined) {
      const { topic, partition } = at;
      this.#byPartition.set(key, { at: { topic, partition }, order, names: new Set([name]) });
      return;
    }
    if (order < known.order) known.order = order;
    known.names.add(name);
  }

  all(): readonly Lookup[] {
    return [...this.#byPartition.values()];
  }
}
