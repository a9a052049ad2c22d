import { assert, SluiceError } from '../base/errors.js';
import { compareUtf8 } from '../base/utf8-order.js';
import { checkedKey, checkedPrefix, joinKeys } from './keys.js';
import type { ObjectMeta, ObjectStore, WaitOptions } from './object-store.js';

type StoredObject = { readonly body: Uint8Array; readonly modifiedAtMs: number };

const named = new Map<string, Map<string, StoredObject>>();
let unnamed = 0;

/**
 * A store that lives as long as the process. All stores of one name share their objects; one without a
 * name is alone.
 */
export function memoryStore(name?: string): ObjectStore {
  if (name === undefined) return new MemoryStore(new Map(), `memory://unnamed-${++unnamed}`, '');
  let objects = named.get(name);
  if (objects === undefined) {
    objects = new Map();
    named.set(name, objects);
  }
  return new MemoryStore(objects, `memory://${encodeURIComponent(name)}`, '');
}

class MemoryStore implements ObjectStore {
  readonly url: string;
  readonly #objects: Map<string, StoredObject>;
  readonly #rootUrl: string;
  /** What stands before each key, with its slash. */
  readonly #base: string;

  constructor(objects: Map<string, StoredObject>, rootUrl: string, prefix: string) {
    this.#objects = objects;
    this.#rootUrl = rootUrl;
    this.#base = prefix === '' ? '' : `${prefix}/`;
    this.url = prefix === '' ? rootUrl : `${rootUrl}/${prefix.split('/').map(encodeURIComponent).join('/')}`;
  }

  at(prefix: string): ObjectStore {
    return new MemoryStore(this.#objects, this.#rootUrl, joinKeys(this.#base.slice(0, -1), prefix));
  }

  async get(key: string, { signal }: WaitOptions): Promise<Uint8Array | undefined> {
    const at = this.#at(key);
    signal.throwIfAborted();
    return this.#objects.get(at)?.body.slice();
  }

  async getRange(key: string, start: number, end: number, { signal }: WaitOptions): Promise<Uint8Array> {
    assert(start >= 0 && start <= end, () => `no such range: [${start}, ${end})`);
    const at = this.#at(key);
    signal.throwIfAborted();
    const object = this.#objects.get(at);
    if (object !== undefined) return object.body.slice(start, end);
    const file = `${this.url}/${key}`;
    throw new SluiceError('FILE_NOT_FOUND', `There is no object ${file}.`, { context: { file } });
  }

  async put(key: string, body: Uint8Array, { signal }: WaitOptions): Promise<void> {
    const at = this.#at(key);
    signal.throwIfAborted();
    this.#objects.set(at, { body: body.slice(), modifiedAtMs: Date.now() });
  }

  async putIfAbsent(key: string, body: Uint8Array, options: WaitOptions): Promise<'created' | 'exists'> {
    const at = this.#at(key);
    options.signal.throwIfAborted();
    if (this.#objects.has(at)) return 'exists';
    this.#objects.set(at, { body: body.slice(), modifiedAtMs: Date.now() });
    return 'created';
  }

  async head(key: string, { signal }: WaitOptions): Promise<ObjectMeta | undefined> {
    const at = this.#at(key);
    signal.throwIfAborted();
    const object = this.#objects.get(at);
    return object && { key, size: object.body.length, modifiedAtMs: object.modifiedAtMs };
  }

  async *list(
    prefix: string,
    { signal, from = '' }: WaitOptions & { readonly from?: string },
  ): AsyncGenerator<ObjectMeta> {
    const start = this.#base + checkedPrefix(prefix);
    signal.throwIfAborted();
    const found: ObjectMeta[] = [];
    for (const [at, { body, modifiedAtMs }] of this.#objects) {
      const key = at.slice(this.#base.length);
      if (!at.startsWith(start) || compareUtf8(key, from) < 0) continue;
      found.push({ key, size: body.length, modifiedAtMs });
    }
    found.sort((a, b) => compareUtf8(a.key, b.key));
    for (const meta of found) {
      signal.throwIfAborted();
      yield meta;
    }
  }

  async delete(key: string, { signal }: WaitOptions): Promise<void> {
    const at = this.#at(key);
    signal.throwIfAborted();
    this.#objects.delete(at);
  }

  #at(key: string): string {
    return this.#base + checkedKey(key);
  }
}
