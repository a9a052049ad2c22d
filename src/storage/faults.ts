import { SluiceError, unreachable } from '../base/errors.js';
import type { ErrorCode } from '../base/errors.js';
import { joinKeys } from './keys.js';
import type { ObjectMeta, ObjectStore, WaitOptions } from './object-store.js';

export type StoreOperation = 'get' | 'getRange' | 'put' | 'putIfAbsent' | 'head' | 'list' | 'delete';

/** What happens to a call instead of, or besides, what it asks for. */
export type Fault =
  /** The caller is told `STORE_UNAVAILABLE`, ambiguous; the write has landed, or never will. */
  | { readonly kind: 'lost-answer'; readonly landed: boolean }
  /** A listing fails once it has given so many objects, or all; `STORE_UNAVAILABLE`, which may be tried again. */
  | { readonly kind: 'breaks-off'; readonly after: number }
  /** The call fails before it does anything, as a busy server answers (429, 5xx): `STORE_UNAVAILABLE` may be tried again. */
  | { readonly kind: 'fails'; readonly code: Extract<ErrorCode, `STORE_${string}`> }
  /** The call waits before it starts, or after it is done and before the caller hears. */
  | {
      readonly kind: 'delay';
      readonly when: 'before' | 'after';
      readonly until: (signal: AbortSignal) => Promise<void>;
    };

/** Which calls a fault befalls: of those that match, the `nth` (from 1), the `times` from there on. */
export type FaultRule = {
  readonly operation: StoreOperation;
  /** Matched against the key below the wrapped store's root, or a listing's prefix. */
  readonly key?: RegExp;
  readonly nth?: number;
  /** 1 unless given; Infinity for all from `nth` on. */
  readonly times?: number;
  readonly fault: Fault;
};

/**
 * The store with faults by operation and count, for tests of what stands above it. Of several rules that
 * befall one call the first counts. Stores made with `at` share the counts.
 */
export function withFaults(store: ObjectStore, plan: readonly FaultRule[]): ObjectStore {
  return new FaultyStore(store, new FaultCounter(plan), '');
}

class FaultCounter {
  readonly #rules: { readonly rule: FaultRule; calls: number }[];

  constructor(plan: readonly FaultRule[]) {
    this.#rules = plan.map((rule) => ({ rule, calls: 0 }));
  }

  next(operation: StoreOperation, key: string): Fault | undefined {
    let fault: Fault | undefined;
    for (const entry of this.#rules) {
      const { rule } = entry;
      // A pattern with the flag g or y would remember where it matched last.
      if (rule.operation !== operation || (rule.key !== undefined && key.search(rule.key) < 0)) continue;
      entry.calls++;
      const first = rule.nth ?? 1;
      if (entry.calls >= first && entry.calls < first + (rule.times ?? 1)) fault ??= rule.fault;
    }
    return fault;
  }
}

class FaultyStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #faults: FaultCounter;
  readonly #base: string;

  constructor(store: ObjectStore, faults: FaultCounter, base: string) {
    this.#store = store;
    this.#faults = faults;
    this.#base = base;
  }

  get url(): string {
    return this.#store.url;
  }

  at(prefix: string): ObjectStore {
    return new FaultyStore(this.#store.at(prefix), this.#faults, joinKeys(this.#base, prefix));
  }

  get(key: string, options: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#call('get', key, options, () => this.#store.get(key, options));
  }

  getRange(key: string, start: number, end: number, options: WaitOptions): Promise<Uint8Array> {
    return this.#call('getRange', key, options, () => this.#store.getRange(key, start, end, options));
  }

  put(key: string, body: Uint8Array, options: WaitOptions): Promise<void> {
    return this.#call('put', key, options, () => this.#store.put(key, body, options));
  }

  putIfAbsent(key: string, body: Uint8Array, options: WaitOptions): Promise<'created' | 'exists'> {
    return this.#call('putIfAbsent', key, options, () => this.#store.putIfAbsent(key, body, options));
  }

  head(key: string, options: WaitOptions): Promise<ObjectMeta | undefined> {
    return this.#call('head', key, options, () => this.#store.head(key, options));
  }

  async *list(prefix: string, options: WaitOptions & { readonly from?: string }): AsyncGenerator<ObjectMeta> {
    const fault = this.#faults.next('list', this.#fileOf(prefix));
    let left = fault?.kind === 'breaks-off' ? fault.after : undefined;
    const listing = await this.#suffer(fault, 'list', prefix, options, async () =>
      this.#store.list(prefix, options),
    );
    for await (const meta of listing) {
      if (left === 0) break;
      if (left !== undefined) left--;
      yield meta;
    }
    // Also where there was no more to give: its reader cannot know.
    if (left !== undefined) throw unavailable(`The listing of ${this.#fileOf(prefix)} breaks off.`, prefix);
  }

  delete(key: string, options: WaitOptions): Promise<void> {
    return this.#call('delete', key, options, () => this.#store.delete(key, options));
  }

  #call<T>(
    operation: StoreOperation,
    key: string,
    options: WaitOptions,
    perform: () => Promise<T>,
  ): Promise<T> {
    return this.#suffer(this.#faults.next(operation, this.#fileOf(key)), operation, key, options, perform);
  }

  #fileOf(key: string): string {
    return this.#base === '' ? key : `${this.#base}/${key}`;
  }

  async #suffer<T>(
    fault: Fault | undefined,
    operation: StoreOperation,
    key: string,
    { signal }: WaitOptions,
    perform: () => Promise<T>,
  ): Promise<T> {
    if (fault === undefined || fault.kind === 'breaks-off') return perform();
    const file = this.#fileOf(key);
    switch (fault.kind) {
      case 'lost-answer':
        if (fault.landed) await perform();
        throw new SluiceError('STORE_UNAVAILABLE', `The answer to ${operation} of ${file} got lost.`, {
          retry: 'ambiguous',
          context: { file },
        });
      case 'fails':
        if (fault.code === 'STORE_UNAVAILABLE')
          throw unavailable(`${operation} of ${file} is made to fail.`, file);
        throw new SluiceError(fault.code, `${operation} of ${file} is made to fail.`, { context: { file } });
      case 'delay': {
        if (fault.when === 'before') await fault.until(signal);
        const answer = await perform();
        if (fault.when === 'after') await fault.until(signal);
        return answer;
      }
      default:
        return unreachable(fault);
    }
  }
}

function unavailable(message: string, file: string): SluiceError {
  return new SluiceError('STORE_UNAVAILABLE', message, { retry: 'safe', context: { file } });
}
