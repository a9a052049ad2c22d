import { must } from '../../base/errors.js';
import type { Snapshot } from '../../table/snapshot.js';
import { formatAppId, parseAppId } from '../app-id.js';
import { domainsOf, partitionDomainName, type PartitionDomain } from './partition-domain.js';

/** What a table holds of the newest making of one topic on one cluster. */
export type HeldTopic = {
  readonly identity: string;
  readonly topic: string;
  readonly incarnation: number;
  /** The partitions that its transactions tell of. */
  readonly partitions: ReadonlySet<number>;
  /** The next offset, by partition; one whose progress was taken back is left out. */
  readonly next: ReadonlyMap<number, number>;
};

type Growing = HeldTopic & { readonly partitions: Set<number>; readonly next: Map<number, number> };

/**
 * The offsets that a table's transactions hold, of all clusters and topics. Of several makings of a topic the highest
 * counts; what the table holds of lower ones is history.
 */
export class HeldOffsets {
  readonly #topics = new Map<string, Growing>();
  /** Partitions that some transaction tells of, by the names of their domains. */
  readonly #told = new Set<string>();

  constructor(snapshot: Snapshot, domains: ReadonlyMap<string, PartitionDomain> = domainsOf(snapshot)) {
    for (const [appId, { version }] of snapshot.state.txns) {
      const id = parseAppId(appId);
      if (id === undefined) continue;
      const { identity, topic, incarnation, partition } = id;
      const name = partitionDomainName(topic, partition);
      this.#told.add(name);
      const known = this.#topics.get(keyOf(identity, topic));
      if (known !== undefined && known.incarnation > incarnation) continue;
      const held =
        known?.incarnation === incarnation
          ? known
          : { identity, topic, incarnation, partitions: new Set<number>(), next: new Map<number, number>() };
      held.partitions.add(partition);
      this.#topics.set(keyOf(identity, topic), held);
      if (domains.get(name)?.unset !== true) held.next.set(partition, Number(version));
    }
  }

  get topics(): readonly HeldTopic[] {
    return [...this.#topics.values()];
  }

  of(identity: string, topic: string): HeldTopic | undefined {
    return this.#topics.get(keyOf(identity, topic));
  }

  /** The domains of all partitions that some transaction tells of, of whatever cluster and making. */
  get told(): ReadonlySet<string> {
    return this.#told;
  }

  /** The same partition's id of the making that the table holds, given that of any making. */
  appIdOf(appId: string): string {
    const id = must(parseAppId(appId), `an application id of ours: ${appId}`);
    return formatAppId({ ...id, incarnation: this.of(id.identity, id.topic)?.incarnation ?? id.incarnation });
  }
}

function keyOf(identity: string, topic: string): string {
  return JSON.stringify([identity, topic]);
}
