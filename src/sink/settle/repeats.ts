import { Flag } from '../../cdc/changes.js';
import { orderText, ordersAcrossPartitions } from '../../cdc/position.js';
import type { TopicPartition } from '../../source/change-source.js';
import type { Events } from './events.js';
import { changesRow } from './keys.js';
import type { Applied, Memory } from './memory/memory.js';
import { Lookups, type Lookup } from './memory/reads.js';

/**
 * Equal changes at one place whose Kafka records were made within this time are several changes, as a COPY of equal rows
 * makes them; with more time between them the later one was delivered again, for a connector takes longer to start.
 */
const EQUAL_CHANGES_WITHIN_MS = 5_000;

/** An event with its identity; those without one cannot be told from a repeat and are taken as they come. */
export type Identified = { readonly event: number; readonly identity: string | undefined };

export type Sifted = {
  readonly news: readonly Identified[];
  readonly repeats: number;
  /** What was asked of the memory, or would have been had it reached so far. */
  readonly lookups: readonly Lookup[];
};

/**
 * Tells the events of a table without a key that were applied before from those that are news (R18): by place and
 * `transaction.total_order`, or by place and content where the source does not number its changes. A snapshot's rows and
 * events whose place is a Kafka offset have no identity: delivered again they come from another place.
 */
export async function siftRepeats(
  events: Events,
  candidates: readonly number[],
  memory: Memory,
): Promise<Sifted> {
  const identified = candidates.map((event): Identified => ({ event, identity: identityOf(events, event) }));
  const lookups = new Lookups();
  const inReach = new Lookups();
  for (const { event, identity } of identified) {
    if (identity === undefined) continue;
    const at: TopicPartition = events.sliceOf(event);
    const order = orderText(events.position(event));
    lookups.add(at, order, identity);
    if (memory.mayReach(at, order)) inReach.add(at, order, identity);
  }
  const known = new Map<string, Applied[]>();
  for (const { at, order, names } of inReach.all()) {
    for (const [identity, applied] of await memory.applied(at, order, names)) {
      // Partitions may ask for the same: what one found is what the other finds.
      known.set(identity, [...applied]);
    }
  }
  const news = identified.filter((each) => isNews(events, each, known));
  return { news, repeats: identified.length - news.length, lookups: lookups.all() };
}

function isNews(events: Events, { event, identity }: Identified, known: Map<string, Applied[]>): boolean {
  if (identity === undefined) return true;
  const { partition, offset } = events.place(event);
  const own = { eventMs: events.timestamp(event), partition, offset };
  const same = known.get(identity);
  if (same === undefined) {
    known.set(identity, [own]);
    return true;
  }
  if (!isContent(identity)) return false;
  // An operator may have sent the partition back: it is the very record.
  if (same.some((each) => each.partition === partition && each.offset === offset)) return false;
  const news = same.some((each) => Math.abs(each.eventMs - own.eventMs) <= EQUAL_CHANGES_WITHIN_MS);
  if (news) same.push(own);
  return news;
}

function identityOf(events: Events, event: number): string | undefined {
  if (!changesRow(events.op(event)) || (events.flags(event) & Flag.snapshot) !== 0) return undefined;
  const order = orderText(events.position(event));
  if (!ordersAcrossPartitions(order)) return undefined;
  const { kind, text } = events.changes(event).identity(events.record[event] ?? 0);
  return `${order}${kind === 'content' ? CONTENT : ORDINAL}${text}`;
}

const CONTENT = '=';
const ORDINAL = '#';

function isContent(identity: string): boolean {
  return identity.includes(CONTENT);
}
