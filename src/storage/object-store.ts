export type ObjectMeta = {
  /** Decoded key relative to the store's root, `/` between its parts. */
  readonly key: string;
  readonly size: number;
  readonly modifiedAtMs: number;
};

export type WaitOptions = { readonly signal: AbortSignal };

/**
 * Bytes at rest below one root. Keys are decoded, relative, `/`-separated and never leave the root: a
 * key that would is refused. An implementation passes the suite in `testing`.
 */
export interface ObjectStore {
  /** The root as a URL, for messages and for joining; no slash at its end. */
  readonly url: string;

  /** A store rooted below this one, sharing what this one holds. */
  at(prefix: string): ObjectStore;

  /** The whole object, or undefined where there is none. */
  get(key: string, options: WaitOptions): Promise<Uint8Array | undefined>;

  /** Bytes `[start, end)` of an object that exists; a range past its end is cut. */
  getRange(key: string, start: number, end: number, options: WaitOptions): Promise<Uint8Array>;

  /** Writes or replaces the object; readers see the old or the new whole, never a part. Durable on return. */
  put(key: string, body: Uint8Array, options: WaitOptions): Promise<void>;

  /**
   * Creates the object only if nothing is there: the one operation that commits depend on. At most one
   * caller ever gets `created` for a key, no reader ever sees a part of it, and it is durable on
   * return. A rejection with `retry: 'ambiguous'` means that this caller may have been the one.
   */
  putIfAbsent(key: string, body: Uint8Array, options: WaitOptions): Promise<'created' | 'exists'>;

  /** Size and time of the object, or undefined. */
  head(key: string, options: WaitOptions): Promise<ObjectMeta | undefined>;

  /**
   * Objects whose key begins with `prefix` (a folder when it ends in `/`), sorted by the UTF-8 bytes of
   * their keys, from the first key >= `from` on. Recursive.
   */
  list(prefix: string, options: WaitOptions & { readonly from?: string }): AsyncIterable<ObjectMeta>;

  /** Removes the object; none there is fine. */
  delete(key: string, options: WaitOptions): Promise<void>;
}
