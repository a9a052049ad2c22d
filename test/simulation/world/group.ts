import type { TopicPartition } from '../../../src/source/change-source.js';
import type { Broker } from './broker.js';
import type { Chance } from './chance.js';
import type { History } from './history.js';
import type { Life } from './life.js';
import type { Time } from './time.js';

/** Who takes part in a consumer group. */
export interface Member {
  readonly life: Life;
  /** Partitions taken away, and given. Told in the order of the group's generations. */
  assign(change: {
    readonly revoked: readonly TopicPartition[];
    readonly assigned: readonly TopicPartition[];
  }): void;
}

/** How long a member may be silent. */
const SESSION_MS = 10_000;

/**
 * A consumer group: each partition is one member's, until the group decides otherwise. Members that die or stand still
 * are found out after their session; a member that stood still longer learns of it some time after it has woken, and goes
 * on reading until then, as Kafka lets it.
 */
export class Group {
  readonly #world: { readonly time: Time; readonly history: History; readonly broker: Broker };
  readonly #chance: Chance;
  readonly #members = new Set<Member>();
  /** What each member has been told that it owns. */
  readonly #owned = new Map<Member, readonly TopicPartition[]>();
  /** When each hears what it was told last. */
  readonly #hears = new Map<Member, number>();

  constructor(
    world: { readonly time: Time; readonly history: History; readonly broker: Broker },
    chance: Chance,
  ) {
    this.#world = world;
    this.#chance = chance;
  }

  join(member: Member): void {
    this.#members.add(member);
    this.rebalance(`${member.life.name} joins`);
  }

  leave(member: Member): void {
    this.#owned.delete(member);
    if (this.#members.delete(member)) this.rebalance(`${member.life.name} leaves`);
  }

  /** The member has died or stands still: unless it moves in time, it is out. */
  silent(life: Life): void {
    this.#world.time.in(SESSION_MS, () => {
      if (life.state === 'running') return;
      const member = [...this.#members].find((one) => one.life === life);
      if (member === undefined) return;
      this.#members.delete(member);
      this.rebalance(`the session of ${life.name} ran out`);
    });
  }

  /** A member that stood still goes on. If it is out by now it hears so later, and joins again. */
  awake(life: Life): void {
    const member = [...this.#owned.keys()].find((one) => one.life === life);
    if (member === undefined || this.#members.has(member)) return;
    this.#world.time.in(this.#chance.between(1, 3_000), () =>
      life.deliver(() => {
        if (!this.#owned.has(member) || this.#members.has(member)) return;
        this.join(member);
      }),
    );
  }

  /** Whether the group takes the process for the partition's owner. */
  owns(name: string, { topic, partition }: TopicPartition): boolean {
    return [...this.#members].some(
      (member) =>
        member.life.name === name &&
        this.#owned.get(member)?.some((one) => one.topic === topic && one.partition === partition) === true,
    );
  }

  /** A topic is gone: nobody owns its partitions any more. */
  lose(topic: string): void {
    for (const [member, owned] of this.#owned) {
      const revoked = owned.filter((one) => one.topic === topic);
      this.#owned.set(
        member,
        owned.filter((one) => one.topic !== topic),
      );
      if (revoked.length > 0 && this.#members.has(member)) this.#tell(member, { revoked, assigned: [] });
    }
  }

  /** Deals the partitions out anew: all of them, or only those that must move. */
  rebalance(why: string): void {
    const { broker, history } = this.#world;
    const members = [...this.#members];
    history.note(`group: ${why}; ${members.length} members`);
    const eager = this.#chance.happens(0.7);
    const dealt = new Map<Member, TopicPartition[]>(members.map((member) => [member, []]));
    for (const partition of broker.partitions) {
      const member = this.#chance.pick(members);
      if (member !== undefined) dealt.get(member)?.push(partition);
    }
    for (const [member, given] of dealt) {
      const had = this.#owned.get(member) ?? [];
      const isIn = (list: readonly TopicPartition[], one: TopicPartition): boolean =>
        list.some(({ topic, partition }) => topic === one.topic && partition === one.partition);
      const revoked = eager ? had : had.filter((one) => !isIn(given, one));
      const assigned = eager ? given : given.filter((one) => !isIn(had, one));
      this.#owned.set(member, given);
      if (revoked.length + assigned.length > 0) this.#tell(member, { revoked, assigned });
    }
  }

  /** What is told one after another is heard one after another. */
  #tell(member: Member, change: Parameters<Member['assign']>[0]): void {
    const { time } = this.#world;
    const atMs = Math.max(time.nowMs + this.#chance.between(1, 500), this.#hears.get(member) ?? 0);
    this.#hears.set(member, atMs);
    time.in(atMs - time.nowMs, () => member.life.deliver(() => member.assign(change)));
  }
}
