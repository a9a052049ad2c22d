import { setMaxListeners } from 'node:events';
import { SluiceError, type ErrorCode } from '../../../src/base/errors.js';
import type { ObjectMeta, ObjectStore, WaitOptions } from '../../../src/storage/object-store.js';
import { joinKeys } from '../../../src/storage/keys.js';
import type { Chance } from './chance.js';
import type { History } from './history.js';
import type { Life } from './life.js';
import type { Time } from './time.js';

/** How the network to the store is at the moment; probabilities by call. */
export type StoreWeather = {
  /** The answer to a write gets lost; whether the write landed is chance. */
  readonly lost: number;
  /** The call fails before it does anything, and may be tried again. */
  readonly fails: number;
  /** Ms that a call takes there and back, at most. */
  readonly slowMs: number;
  /** Writes are refused, until people help. */
  readonly refused: Extract<ErrorCode, 'STORE_FULL' | 'STORE_DENIED'> | undefined;
};

export const CALM: StoreWeather = { lost: 0, fails: 0, slowMs: 20, refused: undefined };

export type StoreWorld = {
  readonly time: Time;
  readonly history: History;
  /** What holds the objects; answers at once. */
  readonly objects: ObjectStore;
  weather(): StoreWeather;
  /** Told of each object as it lands. */
  landed(key: string, body: Uint8Array, by: string): void;
};

type Operation = 'get' | 'getRange' | 'put' | 'putIfAbsent' | 'head' | 'list' | 'delete';

/**
 * One process's way to the object store. A call takes effect at one moment on its way, whole or not at all, and is
 * answered at another; calls overtake each other. Answers get lost, calls fail, and what a process that died or gave
 * up had under way may land after its end.
 */
export class SimulatedStore implements ObjectStore {
  readonly #world: StoreWorld;
  readonly #life: Life;
  readonly #chance: Chance;
  readonly #prefix: string;

  constructor(world: StoreWorld, life: Life, chance: Chance, prefix = '') {
    this.#world = world;
    this.#life = life;
    this.#chance = chance;
    this.#prefix = prefix;
  }

  get url(): string {
    return this.#prefix === '' ? this.#world.objects.url : `${this.#world.objects.url}/${this.#prefix}`;
  }

  at(prefix: string): ObjectStore {
    return new SimulatedStore(this.#world, this.#life, this.#chance, joinKeys(this.#prefix, prefix));
  }

  get(key: string, { signal }: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#call('get', key, signal, (file, own) => this.#world.objects.get(file, own));
  }

  getRange(key: string, start: number, end: number, { signal }: WaitOptions): Promise<Uint8Array> {
    return this.#call('getRange', key, signal, (file, own) =>
      this.#world.objects.getRange(file, start, end, own),
    );
  }

  put(key: string, body: Uint8Array, { signal }: WaitOptions): Promise<void> {
    return this.#call('put', key, signal, (file, own) => {
      this.#world.landed(file, body, this.#life.name);
      return this.#world.objects.put(file, body, own);
    });
  }

  putIfAbsent(key: string, body: Uint8Array, { signal }: WaitOptions): Promise<'created' | 'exists'> {
    return this.#call('putIfAbsent', key, signal, async (file, own) => {
      const answer = await this.#world.objects.putIfAbsent(file, body, own);
      if (answer === 'created') this.#world.landed(file, body, this.#life.name);
      return answer;
    });
  }

  head(key: string, { signal }: WaitOptions): Promise<ObjectMeta | undefined> {
    return this.#call('head', key, signal, async (file, own) => {
      const meta = await this.#world.objects.head(file, own);
      return meta && { ...meta, key };
    });
  }

  /** In pages: what is written between two of them may be in the later one. */
  async *list(
    prefix: string,
    { signal, from = '' }: WaitOptions & { readonly from?: string },
  ): AsyncGenerator<ObjectMeta> {
    const { objects } = this.#world;
    const below = this.#prefix === '' ? objects : objects.at(this.#prefix);
    let start = from;
    for (;;) {
      const size = this.#chance.happens(0.2) ? this.#chance.between(1, 3) : 1000;
      const page = await this.#call('list', prefix, signal, async (_, own) => {
        const found: ObjectMeta[] = [];
        for await (const meta of below.list(prefix, { ...own, from: start })) {
          found.push(meta);
          if (found.length > size) break;
        }
        return found;
      });
      yield* page.slice(0, size);
      const next = page[size];
      if (next === undefined) return;
      start = next.key;
    }
  }

  delete(key: string, { signal }: WaitOptions): Promise<void> {
    return this.#call('delete', key, signal, (file, own) => this.#world.objects.delete(file, own));
  }

  #call<T>(
    operation: Operation,
    key: string,
    signal: AbortSignal,
    effect: (file: string, own: WaitOptions) => Promise<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => reject(signal.reason);
      // As many calls as there are files wait under one signal: more than Node thinks plausible, and no leak.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', onAbort, { once: true });
      const answer = (tell: () => void): void => {
        this.#world.time.in(this.#way(), () =>
          this.#life.deliver(() => {
            signal.removeEventListener('abort', onAbort);
            tell();
          }),
        );
      };
      // A process that is paused asks when it goes on.
      this.#life.deliver(() => this.#send(operation, key, signal, effect, { resolve, reject, answer }));
    });
  }

  #send<T>(
    operation: Operation,
    key: string,
    signal: AbortSignal,
    effect: (file: string, own: WaitOptions) => Promise<T>,
    to: {
      readonly resolve: (value: T) => void;
      readonly reject: (cause: unknown) => void;
      readonly answer: (tell: () => void) => void;
    },
  ): void {
    const { time, history } = this.#world;
    const file = joinKeys(this.#prefix, key);
    time.in(this.#way(), () => {
      const { lost, fails, refused } = this.#world.weather();
      const writes = operation === 'put' || operation === 'putIfAbsent' || operation === 'delete';
      const nobodyWaits = signal.aborted || this.#life.state === 'dead';
      // What is under way when its sender gives up arrives, or does not.
      if (nobodyWaits && !(writes && this.#chance.happens(0.5))) return;
      if (refused !== undefined && writes && operation !== 'delete') {
        history.note(`${this.#life.name} ${operation} ${file}: ${refused}`);
        to.answer(() => to.reject(failure(refused, operation, file, 'never')));
        return;
      }
      if (this.#chance.happens(fails)) {
        history.note(`${this.#life.name} ${operation} ${file}: fails`);
        to.answer(() => to.reject(failure('STORE_UNAVAILABLE', operation, file, 'safe')));
        return;
      }
      if (writes && this.#chance.happens(lost)) {
        const lands = this.#chance.happens(0.5);
        history.note(
          `${this.#life.name} ${operation} ${file}: answer lost, ${lands ? 'landed' : 'not landed'}`,
        );
        if (lands) void effect(file, { signal: never });
        to.answer(() => to.reject(failure('STORE_UNAVAILABLE', operation, file, 'ambiguous')));
        return;
      }
      if (writes) history.note(`${this.#life.name} ${operation} ${file}`);
      effect(file, { signal: never }).then(
        (value) => to.answer(() => to.resolve(value)),
        (cause: unknown) => to.answer(() => to.reject(cause)),
      );
    });
  }

  #way(): number {
    const { slowMs } = this.#world.weather();
    return Math.floor(this.#chance.next() ** 2 * slowMs * 0.5) + 1;
  }
}

/** Effects are done whole: nobody calls them back half way. */
const never = new AbortController().signal;

function failure(
  code: Extract<ErrorCode, `STORE_${string}`>,
  operation: Operation,
  file: string,
  retry: 'never' | 'safe' | 'ambiguous',
): SluiceError {
  return new SluiceError(code, `${operation} of ${file} failed`, { retry, context: { file } });
}
