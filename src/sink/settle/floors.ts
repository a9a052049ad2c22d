import { ordersAcrossPartitions } from '../../cdc/position.js';
import type { TopicPartition } from '../../source/change-source.js';
import { domainsOf, partitionDomainName, type PartitionDomain } from './partition-domain.js';
import type { Snapshot } from '../../table/snapshot.js';

/** The place of a truncate, the part of it that is compared: no row at or below it comes back (R14). */
export type Floor = {
  readonly at: TopicPartition;
  readonly text: string;
  /** When it was, as a text. */ readonly time: string;
};

/**
 * The floors of a table: a truncate lies in one partition, the rows that it removes in all, so the greatest of all
 * floors counts for each. A floor that is a Kafka offset says something of its own partition only.
 */
export class Floors {
  readonly #own: ReadonlyMap<string, string>;
  /** The greatest floor that orders rows across partitions; '' for none. */
  readonly greatest: string;
  /** When the newest of those was that are not in the table yet (`sourceTimeText`). */
  readonly newestTime: string;

  private constructor(own: ReadonlyMap<string, string>, newestTime = '') {
    this.#own = own;
    this.newestTime = newestTime;
    this.greatest = [...own.values()]
      .filter(ordersAcrossPartitions)
      .reduce((greatest, floor) => (floor > greatest ? floor : greatest), '');
  }

  /** What the partitions' domains remember. */
  static of(snapshot: Snapshot | undefined): Floors {
    const domains: ReadonlyMap<string, PartitionDomain> = domainsOf(snapshot);
    return new Floors(new Map([...domains].map(([name, { floor = '' }]) => [name, floor])));
  }

  /** With one more; a lower one than is known changes nothing. */
  with({ at, text, time }: Floor): Floors {
    const name = partitionDomainName(at.topic, at.partition);
    const newest = time > this.newestTime ? time : this.newestTime;
    const own = new Map(this.#own);
    if (text > (own.get(name) ?? '')) own.set(name, text);
    return new Floors(own, newest);
  }

  /** The floor for rows of a partition; '' for none. */
  for({ topic, partition }: TopicPartition): string {
    const own = this.#own.get(partitionDomainName(topic, partition)) ?? '';
    return ordersAcrossPartitions(own) || own === '' ? this.greatest : own;
  }
}
