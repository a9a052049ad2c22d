import { SluiceError } from '../../base/errors.js';
import { ordersAcrossPartitions } from '../../cdc/position.js';
import type { Snapshot } from '../../table/snapshot.js';
import { formatAppId } from '../app-id.js';
import { HeldOffsets, type HeldTopic } from '../settle/held-offsets.js';
import {
  domainsOf,
  highestEpoch,
  partitionDomainName,
  partitionOfDomain,
  type PartitionDomain,
} from '../settle/partition-domain.js';
import type { Rewind } from '../settle/rewinds.js';
import { memoryAt } from './memory-at.js';
import { positionsAreOffsets } from './position-kind.js';

/** A change to the offsets that a table holds. */
export type OffsetsChange =
  /** The table wants the partition from `to` on. */
  | { readonly kind: 'set'; readonly topic: string; readonly partition: number; readonly to: number }
  /** The start policy decides, for one topic or all of the table's. */
  | { readonly kind: 'reset'; readonly topic?: string }
  /** The table was replaced, and its offsets, as they are now, are right. */
  | { readonly kind: 'accept-rewind' }
  /** The topic was made anew: it is read from its start, beside what came from the old one. */
  | { readonly kind: 'accept-new-topic'; readonly topic?: string }
  /** The source's positions began anew: whatever comes from here on is newer than what stands. */
  | { readonly kind: 'accept-new-epoch'; readonly topic?: string };

/** What a change does to one partition. */
export type PartitionChange = {
  readonly topic: string;
  readonly partition: number;
  /** Undefined: nothing, the start policy decides. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly incarnation: number;
};

/** The partition as the commit leaves it. `appId` undefined: no transaction is written. */
export type PlannedPartition = PartitionChange & {
  readonly appId: string | undefined;
  readonly domain: Omit<PartitionDomain, 'version'>;
};

type State = {
  readonly snapshot: Snapshot;
  readonly domains: ReadonlyMap<string, PartitionDomain>;
  readonly held: HeldOffsets;
};

/**
 * What a change comes to in the table as it is; empty if that is how it is already.
 *
 * @throws SluiceError CONFIG_INVALID for a table that no sink has written, or of which it cannot be told which offsets
 *   are meant; TOPIC_NOT_FOUND for a topic or partition that it holds nothing of
 */
export async function planChange(
  change: OffsetsChange,
  snapshot: Snapshot,
  { rewind, signal }: { readonly rewind: Rewind | undefined; readonly signal: AbortSignal },
): Promise<readonly PlannedPartition[]> {
  const domains = domainsOf(snapshot);
  const state = { snapshot, domains, held: new HeldOffsets(snapshot, domains) };
  if (domains.size === 0 && state.held.topics.length === 0) throw notOurs(snapshot);
  switch (change.kind) {
    case 'set':
      return planSet(change, state, signal);
    case 'reset':
      return planReset(change.topic, state, signal);
    case 'accept-rewind':
      return rewind === undefined ? [] : planAccepted(state);
    case 'accept-new-topic':
      return planNewTopic(oneTopic(change.topic, state), state);
    case 'accept-new-epoch':
      return planNewEpoch(oneTopic(change.topic, state), state);
  }
}

async function planSet(
  { topic, partition, to }: Extract<OffsetsChange, { kind: 'set' }>,
  state: State,
  signal: AbortSignal,
): Promise<readonly PlannedPartition[]> {
  const held = oneTopic(topic, state);
  const domain = state.domains.get(partitionDomainName(topic, partition));
  if (domain === undefined && !held.partitions.has(partition)) {
    throw new SluiceError(
      'TOPIC_NOT_FOUND',
      `the table holds nothing of partition ${partition} of ${topic}`,
      {
        context: { table: state.snapshot.store.url, topic, partition },
        hint: `it holds partitions ${[...held.partitions].toSorted((a, b) => a - b).join(', ')}`,
      },
    );
  }
  const from = held.next.get(partition);
  if (from === to) return [];
  const kept =
    from === undefined || to < from
      ? await memoryAt(state.snapshot, { ...held, partition, to, domain }, signal)
      : (domain ?? NEW_DOMAIN);
  return [
    {
      ...changed(held, partition, { from, to }),
      appId: formatAppId({ ...held, partition }),
      domain: forgotten(kept, 'last', 'unset'),
    },
  ];
}

async function planReset(
  topic: string | undefined,
  state: State,
  signal: AbortSignal,
): Promise<readonly PlannedPartition[]> {
  const names = topic === undefined ? [...new Set(state.held.topics.map((held) => held.topic))] : [topic];
  const planned: PlannedPartition[] = [];
  for (const held of names.map((name) => oneTopic(name, state))) {
    for (const partition of held.partitions) {
      const from = held.next.get(partition);
      if (from === undefined) continue;
      const domain = state.domains.get(partitionDomainName(held.topic, partition));
      const kept = await memoryAt(state.snapshot, { ...held, partition, to: 0, domain }, signal);
      planned.push({
        ...changed(held, partition, { from, to: undefined }),
        appId: formatAppId({ ...held, partition }),
        domain: { ...forgotten(kept, 'last'), unset: true },
      });
    }
  }
  return planned;
}

/** Every domain, so that the newest of their versions is the one of this commit; what was torn is made whole. */
function planAccepted({ domains, held }: State): readonly PlannedPartition[] {
  const told = held.topics.flatMap((topic) =>
    [...topic.partitions].map((partition): PlannedPartition => {
      const next = topic.next.get(partition);
      return {
        ...changed(topic, partition, { from: next, to: next }),
        appId: formatAppId({ ...topic, partition }),
        domain: domains.get(partitionDomainName(topic.topic, partition)) ?? {
          ...NEW_DOMAIN,
          keys: [...domains.values()].find(({ keys }) => keys.length > 0)?.keys ?? [],
        },
      };
    }),
  );
  const lost = [...domains].filter(([name]) => !held.told.has(name));
  return [
    ...told,
    ...lost.map(([name, domain]): PlannedPartition => {
      const { topic, partition } = partitionOfDomain(name);
      const at = { topic, partition, incarnation: 0, from: undefined, to: undefined };
      return { ...at, appId: undefined, domain: { ...forgotten(domain, 'last'), unset: true } };
    }),
  ];
}

function planNewTopic(held: HeldTopic, { snapshot, domains }: State): readonly PlannedPartition[] {
  const incarnation = held.incarnation + 1;
  // Places that are offsets begin anew with the topic; the source's own go on.
  const epoch = highestEpoch(domains, held.topic) + (positionsAreOffsets(snapshot) ? 1 : 0);
  return [...held.partitions].map((partition) => {
    const domain = domains.get(partitionDomainName(held.topic, partition)) ?? NEW_DOMAIN;
    const kept = forgotten(domain, 'last', 'unset');
    const floored = domain.floor !== undefined && ordersAcrossPartitions(domain.floor);
    return {
      ...changed({ ...held, incarnation }, partition, { from: held.next.get(partition), to: 0 }),
      appId: formatAppId({ ...held, incarnation, partition }),
      domain: {
        ...(floored ? kept : forgotten(kept, 'floor')),
        epochs: epoch === 0 ? [] : [{ offset: 0, epoch }],
      },
    };
  });
}

function planNewEpoch(held: HeldTopic, { domains }: State): readonly PlannedPartition[] {
  const epoch = highestEpoch(domains) + 1;
  return [...held.partitions].map((partition) => {
    const domain = domains.get(partitionDomainName(held.topic, partition)) ?? NEW_DOMAIN;
    const next = held.next.get(partition);
    const offset = next ?? 0;
    return {
      ...changed(held, partition, { from: next, to: next }),
      appId: formatAppId({ ...held, partition }),
      domain: {
        ...domain,
        epochs: [...domain.epochs.filter((each) => each.offset < offset), { offset, epoch }],
      },
    };
  });
}

const NEW_DOMAIN: Omit<PartitionDomain, 'version'> = { epochs: [], keys: [], files: [] };

function changed(
  { topic, incarnation }: Pick<HeldTopic, 'topic' | 'incarnation'>,
  partition: number,
  { from, to }: Pick<PartitionChange, 'from' | 'to'>,
): PartitionChange {
  return { topic, partition, incarnation, from, to };
}

function forgotten(
  domain: Omit<PartitionDomain, 'version'>,
  ...members: readonly ('last' | 'unset' | 'floor')[]
): Omit<PartitionDomain, 'version'> {
  const { last, unset, floor, ...kept } = domain;
  return {
    ...kept,
    ...(last === undefined || members.includes('last') ? {} : { last }),
    ...(unset === undefined || members.includes('unset') ? {} : { unset }),
    ...(floor === undefined || members.includes('floor') ? {} : { floor }),
  };
}

/** The topic of that name, or the only one of the table. */
function oneTopic(name: string | undefined, { held, snapshot }: State): HeldTopic {
  const found = held.topics.filter(({ topic }) => name === undefined || topic === name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const table = snapshot.store.url;
  const known = held.topics.map(({ topic, identity }) => `${topic} of cluster ${identity}`).join(', ');
  if (only === undefined) {
    throw new SluiceError('TOPIC_NOT_FOUND', `the table holds no offset of ${name ?? 'any topic'}`, {
      context: { table, topic: name },
      ...(known === '' ? {} : { hint: `it holds offsets of ${known}` }),
    });
  }
  throw new SluiceError(
    'CONFIG_INVALID',
    name === undefined
      ? 'the table holds offsets of several topics'
      : `the table holds offsets of ${name} from several clusters`,
    {
      context: { table, topic: name },
      hint:
        name === undefined ? `say which with --topic: ${known}` : 'nothing can tell which of them is meant',
    },
  );
}

function notOurs({ store }: Snapshot): SluiceError {
  return new SluiceError('CONFIG_INVALID', `${store.url} holds no offsets: no sink has written it`, {
    context: { table: store.url },
    hint: 'look at the path: offsets stand in each table, not at the base URL',
  });
}
