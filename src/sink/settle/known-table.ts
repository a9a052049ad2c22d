import { must, SluiceError } from '../../base/errors.js';
import { partitionKey, type TopicPartition } from '../../source/change-source.js';
import { loadSnapshot, type Snapshot } from '../../table/snapshot.js';
import { parseAppId } from '../app-id.js';
import type { Applied, OffsetRange, TableTarget } from '../settler.js';
import { compareBases } from './bases.js';
import { HeldOffsets, type HeldTopic } from './held-offsets.js';
import { domainsOf, partitionDomainName } from './partition-domain.js';
import { rewoundError, RewindWatch } from './rewinds.js';
import { refuseForgetful } from './target.js';

/** Whoever makes a table forget transactions, if only for a while, rarely makes it forget those of a week. */
const REFRESH_AFTER_MS = 7 * 24 * 3_600_000;

/**
 * A table as one settler knows it: the newest version that was read, with all that was done to it since the sink's last
 * commit looked at (R7), and the offsets that it was seen to hold.
 */
export class KnownTable {
  readonly #target: TableTarget;
  readonly #rewinds = new RewindWatch();
  /** The last offset seen in the table, by partition: it never goes back unnoticed. */
  readonly #seen = new Map<string, number>();
  /** The making of its topic under which a partition was first seen in the table: offsets of another mean nothing here. */
  readonly #making = new Map<string, number>();
  /** Partitions that were asked for. */
  readonly #owned = new Map<string, TopicPartition>();
  #snapshot: Snapshot | undefined;
  #offsets: { readonly of: Snapshot; readonly held: HeldOffsets } | undefined;

  constructor(target: TableTarget) {
    this.#target = target;
  }

  /** `TableSettler.recover`. */
  async recover(
    partitions: readonly TopicPartition[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, number>> {
    // Read whole: a process that takes a table over trusts nothing that it remembers.
    const snapshot = await this.#load(undefined, signal);
    const next = new Map<string, number>();
    if (snapshot === undefined) return next;
    refuseForgetful(this.#target, snapshot);
    for (const partition of partitions) {
      const held = this.#heldTopic(snapshot, partition);
      if (held === undefined) this.#refuseStranger(snapshot, partition);
      const offset = held?.next.get(partition.partition);
      const key = partitionKey(partition.topic, partition.partition);
      this.#owned.set(key, partition);
      if (offset !== undefined) this.#seen.set(key, offset);
      this.#making.delete(key);
      if (held !== undefined) this.#making.set(key, held.incarnation);
      // A start policy spoke of the topic as it was first: one that was made anew is wanted whole.
      const from = offset ?? ((held?.incarnation ?? 0) > 0 ? 0 : undefined);
      if (from !== undefined) next.set(key, from);
    }
    return next;
  }

  /** `TableSettler.applied`. */
  applied(partition: TopicPartition): Applied {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return { incarnation: undefined, last: undefined };
    const held = this.#heldTopic(snapshot, partition);
    const next = held?.next.get(partition.partition) ?? 0;
    const domain = domainsOf(snapshot).get(partitionDomainName(partition.topic, partition.partition));
    const last = domain?.last;
    return {
      incarnation: held?.incarnation,
      last: last !== undefined && last.offset < next ? last : undefined,
    };
  }

  /**
   * The newest version; undefined where there is no table. `TABLE_REWOUND` if somebody replaced it since our last
   * commit.
   */
  refresh(signal: AbortSignal): Promise<Snapshot | undefined> {
    return this.#load(this.#snapshot, signal);
  }

  /** A commit of ours landed: `snapshot` is the table after it, `next` what it then holds. */
  committed(snapshot: Snapshot, next: ReadonlyMap<string, number>): void {
    this.#snapshot = snapshot;
    this.#rewinds.reached(snapshot.version);
    for (const [key, offset] of next) this.#seen.set(key, offset);
  }

  /** Where ranges stand against what the table holds and was seen to hold; undefined if they go on from there. */
  compare(snapshot: Snapshot | undefined, ranges: readonly OffsetRange[]): ReturnType<typeof compareBases> {
    const anew = ranges.find((range) => snapshot !== undefined && this.#isMadeAnew(snapshot, range));
    if (anew !== undefined) {
      const { topic, partition, base } = anew;
      return { kind: 'rewound', topic, partition, expected: base, found: undefined };
    }
    return compareBases(ranges, (range) => ({
      held: snapshot === undefined ? undefined : this.#held(snapshot, range),
      seen: this.#seen.get(partitionKey(range.topic, range.partition)),
    }));
  }

  /** Whether an operator has accepted another making of the topic since the partition was asked for. */
  #isMadeAnew(snapshot: Snapshot, range: OffsetRange): boolean {
    const found = this.#heldTopic(snapshot, range)?.incarnation;
    if (found === undefined) return false;
    const key = partitionKey(range.topic, range.partition);
    const known = this.#making.get(key);
    if (known === undefined) this.#making.set(key, found);
    return known !== undefined && known !== found;
  }

  /** The target with the application ids that the table holds: of several makings of a topic the newest counts. */
  targetAt(snapshot: Snapshot | undefined): TableTarget {
    if (snapshot === undefined) return this.#target;
    const held = this.#offsetsIn(snapshot);
    return { ...this.#target, appId: (partition) => held.appIdOf(this.#target.appId(partition)) };
  }

  /**
   * Empty ranges `[v, v)` of partitions, not among `spans`, whose transaction nobody has written for long. In the next
   * commit they renew its `lastUpdated`, under the same compare-and-swap as rows, so that what another writer commits
   * meanwhile is never taken back (R9).
   */
  idle(snapshot: Snapshot, spans: readonly OffsetRange[]): readonly OffsetRange[] {
    const taken = new Set(spans.map(({ topic, partition }) => partitionKey(topic, partition)));
    const oldest = this.#target.now() - REFRESH_AFTER_MS;
    const target = this.targetAt(snapshot);
    return [...this.#owned.values()].flatMap(({ topic, partition }) => {
      const at = this.#held(snapshot, { topic, partition });
      const writtenMs = snapshot.state.txns.get(target.appId({ topic, partition }))?.lastUpdated ?? oldest;
      const fresh = writtenMs > oldest || taken.has(partitionKey(topic, partition));
      return at === undefined || fresh ? [] : [{ topic, partition, base: at, next: at }];
    });
  }

  async #load(after: Snapshot | undefined, signal: AbortSignal): Promise<Snapshot | undefined> {
    const { store, url, name } = this.#target;
    const snapshot = await loadSnapshot(store, {
      signal,
      heard: (commit) => this.#rewinds.hear(commit),
      ...(after === undefined ? {} : { after }),
    });
    if (snapshot !== undefined) {
      const rewind = await this.#rewinds.find(snapshot, signal);
      if (rewind !== undefined) throw await rewoundError(rewind, snapshot, { table: url, name, signal });
    }
    this.#snapshot = snapshot;
    return snapshot;
  }

  #held(snapshot: Snapshot, partition: TopicPartition): number | undefined {
    return this.#heldTopic(snapshot, partition)?.next.get(partition.partition);
  }

  #heldTopic(snapshot: Snapshot, partition: TopicPartition): HeldTopic | undefined {
    const { identity } = must(parseAppId(this.#target.appId(partition)), 'an application id of ours');
    return this.#offsetsIn(snapshot).of(identity, partition.topic);
  }

  #offsetsIn(snapshot: Snapshot): HeldOffsets {
    if (this.#offsets?.of !== snapshot) this.#offsets = { of: snapshot, held: new HeldOffsets(snapshot) };
    return this.#offsets.held;
  }

  #refuseStranger(snapshot: Snapshot, { topic, partition }: TopicPartition): void {
    const stranger = this.#offsetsIn(snapshot).topics.find((held) => held.topic === topic);
    if (stranger === undefined) return;
    throw new SluiceError(
      'TOPIC_REGRESSED',
      `${this.#target.name} holds rows of ${topic} from another cluster, ${stranger.identity}`,
      {
        context: { table: this.#target.url, topic, partition, cluster: stranger.identity },
        hint: 'its offsets mean nothing here: write into another table',
      },
    );
  }
}
