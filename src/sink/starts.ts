import { createHash } from 'node:crypto';
import { assert, SluiceError } from '../base/errors.js';
import type { StartPolicy, TopicPartition } from '../source/change-source.js';
import type { ObjectStore } from '../storage/object-store.js';
import { formatAppId } from './app-id.js';
import { keyOf } from './standing.js';

export type StartsOptions = {
  /** Rooted at the base URL of the tables. */
  readonly store: ObjectStore;
  /** What stands for the source in application ids. */
  readonly identity: string;
  readonly policy: StartPolicy;
  /** The source's answer to where a policy begins. */
  resolve(partition: TopicPartition, start: StartPolicy, signal: AbortSignal): Promise<number>;
  /** The partitions a topic has now. */
  partitionsOf(topic: string, signal: AbortSignal): Promise<readonly number[]>;
  readonly now: () => number;
};

/**
 * Where partitions begin for tables that hold nothing of them. A start policy is resolved once: the answer is a
 * file under `_sluice/starts/` of the base URL before the first record is fetched, and stands whatever the
 * policy would answer later. A partition that the topic did not have at its first start begins at 0: what was
 * written to it before it was seen must not be passed over.
 *
 * Files are created if absent, so of several workers one decides and the others read.
 */
export class Starts {
  readonly #options: StartsOptions;
  readonly #known = new Map<string, Promise<number>>();

  constructor(options: StartsOptions) {
    this.#options = options;
  }

  /** Asked again after a failure; kept after an answer. */
  of(partition: TopicPartition, signal: AbortSignal): Promise<number> {
    const key = keyOf(partition);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const answer = this.#settle(partition, signal);
    this.#known.set(key, answer);
    answer.catch(() => this.#known.delete(key));
    return answer;
  }

  async #settle(partition: TopicPartition, signal: AbortSignal): Promise<number> {
    const { identity, policy, now } = this.#options;
    const { topic } = partition;
    const key = startKey(formatAppId({ identity, topic, incarnation: 0, partition: partition.partition }));
    const kept = await this.#read(key, signal);
    if (kept !== undefined) return offsetIn(kept, key);

    const partitions = await this.#partitionsAtFirstStart(topic, signal);
    const fromPolicy = partitions.includes(partition.partition);
    const offset = fromPolicy ? await this.#options.resolve(partition, policy, signal) : 0;
    const start = fromPolicy ? policy : 'the beginning of a partition added later';
    return offsetIn(await this.#keep(key, { ...partition, offset, start, atMs: now() }, signal), key);
  }

  async #partitionsAtFirstStart(topic: string, signal: AbortSignal): Promise<readonly number[]> {
    const key = startKey(`${this.#options.identity}:${topic}`);
    const kept =
      (await this.#read(key, signal)) ??
      (await this.#keep(
        key,
        { topic, partitions: await this.#options.partitionsOf(topic, signal), atMs: this.#options.now() },
        signal,
      ));
    const { partitions } = kept;
    if (Array.isArray(partitions) && partitions.every((n): n is number => Number.isSafeInteger(n)))
      return partitions;
    throw unreadable(key);
  }

  /** What stands after this: ours, or what was there first. */
  async #keep(key: string, record: Json, signal: AbortSignal): Promise<Json> {
    const body = new TextEncoder().encode(`${JSON.stringify(record)}\n`);
    // Whether it was us or another, and whatever became of a lost answer: the file says what stands.
    await this.#options.store.putIfAbsent(key, body, { signal });
    const kept = await this.#read(key, signal);
    assert(kept !== undefined, () => `${key} was put and is not there`);
    return kept;
  }

  async #read(key: string, signal: AbortSignal): Promise<Json | undefined> {
    const body = await this.#options.store.get(key, { signal });
    if (body === undefined) return undefined;
    const parsed = parseRecord(new TextDecoder().decode(body));
    if (parsed === undefined) throw unreadable(key);
    return parsed;
  }
}

type Json = Readonly<Record<string, unknown>>;

function startKey(name: string): string {
  return `_sluice/starts/${recordName(name)}.json`;
}

// Room for an ending within the 255 bytes of common file systems.
const NAME_BYTES_MAX = 240;

/** The name of a file that keeps something about `name`: readable where it is short enough, and always its own. */
export function recordName(name: string): string {
  const plain = [...Buffer.from(name, 'utf8')]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9_.-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
  if (plain.length <= NAME_BYTES_MAX) return plain;
  return `${plain.slice(0, 150)}-${createHash('sha256').update(name).digest('hex')}`;
}

function offsetIn(record: Json, key: string): number {
  const { offset } = record;
  if (typeof offset === 'number' && Number.isSafeInteger(offset) && offset >= 0) return offset;
  throw unreadable(key);
}

/** An object, or undefined. */
export function parseRecord(text: string): Json | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined; // Not JSON: the caller knows which file it was.
  }
}

function unreadable(key: string): SluiceError {
  return new SluiceError('CORRUPT_FILE', `${key} does not hold what Sluice wrote there`, {
    context: { file: key },
    hint: 'restore the file, or delete it to let the start policy decide anew',
  });
}
