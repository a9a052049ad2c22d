import { Op } from '../../src/cdc/changes.js';
import { compareChange, type Standing } from '../../src/cdc/compare.js';
import type { RecordDecoder } from '../../src/cdc/decoder.js';
import {
  changeObjects,
  unavailable,
  type Change,
  type ObjectRow,
  type ObjectValue,
} from '../../src/cdc/object-changes.js';
import { comparePositions } from '../../src/cdc/position.js';
import type { Recorded } from '../support/recordings.js';

export type Row = Readonly<Record<string, Exclude<ObjectValue, typeof unavailable>>>;

const OPS = {
  read: Op.read,
  create: Op.create,
  update: Op.update,
  delete: Op.delete,
  truncate: Op.truncate,
  tombstone: Op.tombstone,
};

/**
 * The slow and obvious table: a map from key to row, each change one assignment, `compareChange` the only judge. What it
 * holds after a recording must be what the database holds.
 */
export class MapTable {
  readonly #rows = new Map<string, Row>();
  readonly #standing = new Map<string, Standing>();
  /** Rows as they were when a key change deleted them, for the create on the other side. */
  readonly #left = new Map<string, Row>();
  #floor = '';
  /** Changes that were news. */
  applied = 0;

  apply(change: Change, oldKey: ObjectRow | undefined): void {
    if (change.op === 'tombstone') return;
    if (change.op === 'truncate') return this.#truncate(change);
    if (this.#floor !== '' && comparePositions(change.position, this.#floor) <= 0) return;
    const key = keyText(change.key ?? fail('a key'));
    const event = { position: change.position, op: OPS[change.op], fromOldKey: oldKey !== undefined };
    const standing = this.#standing.get(key);
    if (standing !== undefined && compareChange(event, standing) !== 'newer') return;
    this.applied++;
    const before = this.#rows.get(key);
    this.#standing.set(key, { position: change.position, dead: change.op === 'delete', op: event.op });
    if (change.op === 'delete') {
      if (before !== undefined) this.#left.set(key, before);
      this.#rows.delete(key);
      return;
    }
    const lender = oldKey === undefined ? before : this.#left.get(keyText(oldKey));
    this.#rows.set(key, filled(change.after ?? fail('a row'), lender));
  }

  rows(): Row[] {
    return [...this.#rows.values()];
  }

  #truncate({ position }: Change): void {
    this.#floor = position;
    for (const [key, { position: at }] of this.#standing) {
      if (at !== null && comparePositions(at, position) <= 0) this.#rows.delete(key);
    }
  }
}

/** The slow and obvious table without a key: updates and deletes change one row that equals what was before. */
export class ListTable {
  #rows: Row[] = [];

  apply(change: Change): void {
    const { op, before, after } = change;
    if (op === 'truncate') this.#rows = [];
    if (op === 'update' || op === 'delete') {
      const at = this.#rows.findIndex((row) => keyText(row) === keyText(before ?? {}));
      if (at < 0) throw new Error('no row equals what was before');
      this.#rows.splice(at, 1);
    }
    if (after !== null) this.#rows.push(filled(after, undefined));
  }

  rows(): readonly Row[] {
    return this.#rows;
  }
}

/** Changes of one topic with the key that each had before, as objects; partitions one after another. */
export function decode(
  decoder: RecordDecoder,
  records: readonly Recorded[],
): { readonly change: Change; readonly oldKey: ObjectRow | undefined }[] {
  const partitions = new Set(records.map(({ partition }) => partition));
  return [...partitions].flatMap((partition) => {
    const list = records.filter((one) => one.partition === partition);
    const raw = list.map(({ record }) => record);
    const changes = decoder.peek(list[0]?.topic ?? '', partition, raw);
    const headers = new Map(raw.map((one) => [Number(one.offset), one.headers?.['__debezium.oldkey']]));
    return [...changeObjects(changes)].map((change) => {
      const header = headers.get(change.offset);
      // The recordings' key headers are plain JSON of small numbers and ASCII texts.
      const oldKey: ObjectRow | undefined = header === undefined ? undefined : parseKey(String(header));
      return { change, oldKey };
    });
  });
}

function parseKey(text: string): ObjectRow {
  const key: Record<string, string | number> = JSON.parse(text);
  return Object.fromEntries(Object.entries(key).map(([name, part]) => [name, part]));
}

function filled(after: ObjectRow, lender: Row | undefined): Row {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [
      name,
      value === unavailable ? (lender?.[name] ?? null) : value,
    ]),
  );
}

function keyText(key: ObjectRow): string {
  return JSON.stringify(Object.entries(key), (_name, part: unknown) =>
    typeof part === 'bigint' ? Number(part) : part,
  );
}

function fail(what: string): never {
  throw new Error(`${what} is missing`);
}
