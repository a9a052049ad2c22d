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
 * - `taken`: an update or delete of a table without a key was applied, and which row it took (R18).
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
  | ({ readonly kind: 'taken'; readonly image: RowImage; readonly atMs: number } & Taken);

/** Where a change came from: its position text, and its place in Kafka. */
export type Origin = { readonly position: string; readonly partition: number; readonly offset: number };

/**
 * The change `by` took the row that `row` put there; undefined: one that had not come. It takes another when a row comes
 * late: of what is said of one change the highest round counts.
 */
export type Taken = { readonly by: Origin; readonly round: number; readonly row: Origin | undefined };

/** Which image holds a value: the one that the key change at `order` left under the key `key`. */
export type ImageSource = { readonly key: string; readonly order: string };

/** Columns of the row under `key` that wait for an image. */
export type Wait = {
  readonly key: string;
  readonly source: ImageSource;
  readonly columns: readonly string[];
};

/** The place of an image, as a map's key. */
export function imagePlace({ key, order }: ImageSource): string {
  return `${order} ${key}`;
}
