import { joinKeys } from '../../src/storage/keys.js';
import type { ObjectMeta, ObjectStore, WaitOptions } from '../../src/storage/object-store.js';

/** A store that tells of each key that it is asked for, from its root down. */
export class WatchedStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #asked: (key: string) => void;
  readonly #base: string;

  constructor(store: ObjectStore, asked: (key: string) => void, base = '') {
    this.#store = store;
    this.#asked = asked;
    this.#base = base;
  }

  get url(): string {
    return this.#store.url;
  }

  at(prefix: string): ObjectStore {
    return new WatchedStore(this.#store.at(prefix), this.#asked, joinKeys(this.#base, prefix));
  }

  get(key: string, options: WaitOptions): Promise<Uint8Array | undefined> {
    this.#tell(key);
    return this.#store.get(key, options);
  }

  getRange(key: string, start: number, end: number, options: WaitOptions): Promise<Uint8Array> {
    this.#tell(key);
    return this.#store.getRange(key, start, end, options);
  }

  put(key: string, body: Uint8Array, options: WaitOptions): Promise<void> {
    this.#tell(key);
    return this.#store.put(key, body, options);
  }

  putIfAbsent(key: string, body: Uint8Array, options: WaitOptions): Promise<'created' | 'exists'> {
    this.#tell(key);
    return this.#store.putIfAbsent(key, body, options);
  }

  head(key: string, options: WaitOptions): Promise<ObjectMeta | undefined> {
    this.#tell(key);
    return this.#store.head(key, options);
  }

  list(prefix: string, options: WaitOptions & { readonly from?: string }): AsyncIterable<ObjectMeta> {
    this.#tell(prefix);
    return this.#store.list(prefix, options);
  }

  delete(key: string, options: WaitOptions): Promise<void> {
    this.#tell(key);
    return this.#store.delete(key, options);
  }

  #tell(key: string): void {
    this.#asked(this.#base === '' ? key : `${this.#base}/${key}`);
  }
}
