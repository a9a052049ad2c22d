import type { Value } from '../../../schema/types.js';

/** A row's values by column name. */
export type RowImage = ReadonlyMap<string, Value>;

/**
 * What a commit leaves behind about rows that are not in the table (docs/architecture.md, "Memory of the dead").
 * `position` is a position text; `order` the part of one that is compared; `atMs` when it was noted.
 *
 * - `delete`: the row of this key was deleted there; an upsert at or before it is late (R24).
 * - `image`: the row that a key change took away there, for its create (R16). `unknown`: columns that were waiting
 *   themselves, and for which image.
 * - `pending`: the row of this key waits for these columns of the row under the key `from`, as it was when the key
 *   change at `order` took it away (R16). `keyValues` finds the row again.
 * - `settled`: these columns of that row wait no more; nothing else is said by it.
 * - `applied`: an event of a table without a key was applied (R18). `eventMs`, `partition`, `offset`: the time and place of
 *   its Kafka record.
 * - `owed`: an update or delete of a table without a key found no row that equals its `before`; the next such row from
 *   before `limit` is taken out as it comes (R18).
 * - `paid`: that row has come.
 */
export type MemoryRecord =
  | { readonly kind: 'delete'; readonly key: string; readonly position: string; readonly atMs: number }
  | {
      readonly kind: 'image';
      readonly key: string;
      readonly order: string;
      readonly row: RowImage;
      readonly unknown: ReadonlyMap<string, ImageSource>;
      readonly atMs: number;
    }
  | ({ readonly kind: 'pending'; readonly keyValues: RowImage; readonly atMs: number } & Wait)
  | ({ readonly kind: 'settled'; readonly atMs: number } & Wait)
  | {
      readonly kind: 'applied';
      readonly identity: string;
      readonly order: string;
      readonly eventMs: number;
      readonly partition: number;
      readonly offset: number;
      readonly atMs: number;
    }
  | ({ readonly kind: 'owed'; readonly atMs: number } & OwedRow)
  | { readonly kind: 'paid'; readonly identity: string; readonly atMs: number };

/** Which image holds a value: the one that the key change at `order` left under the key `key`. */
export type ImageSource = { readonly key: string; readonly order: string };

/** Columns of the row under `key` that wait for an image. */
export type Wait = {
  readonly key: string;
  readonly source: ImageSource;
  readonly columns: readonly string[];
};

/** A row of a table without a key that is to be taken out as it comes; `identity` names the change that takes it. */
export type OwedRow = { readonly identity: string; readonly limit: string; readonly row: RowImage };

/** The place of an image, as a map's key. */
export function imagePlace({ key, order }: ImageSource): string {
  return `${order} ${key}`;
}
