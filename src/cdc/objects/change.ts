import type { PlainValue } from '../../operations/plain-values.js';
import type { Origin } from '../changes.js';

/** Stands for the value of a column that the source did not give (an unchanged TOAST column): the sink keeps the table's. */
export const unavailable: unique symbol = Symbol('unavailable');

/**
 * A value of a row object, as `DeltaTable.toRows` gives it: decimals, dates and timestamps as text, LONG as bigint,
 * binary as Uint8Array. An operator may also put a Date.
 */
export type ObjectValue = PlainValue | Date | typeof unavailable;

/** Values by column name; a name that is missing counts as null. */
export type ObjectRow = Readonly<Record<string, ObjectValue>>;

/** What a change does; records that are no row change never become objects. */
export type ChangeOp = 'read' | 'create' | 'update' | 'delete' | 'truncate' | 'tombstone';

/**
 * A change as an object, for a user's operators between source and sink. An operator makes new objects and keeps
 * `topic`, `partition`, `offset` and `position` of the change they come from: offsets and order hang on them.
 */
export type Change = {
  readonly op: ChangeOp;
  readonly key: ObjectRow | null;
  readonly before: ObjectRow | null;
  readonly after: ObjectRow | null;
  readonly source: Origin;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The record's timestamp, ms since 1970. */
  readonly timestamp: number;
  readonly position: string;
};
