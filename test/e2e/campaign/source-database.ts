import type { TextRow } from './workload.js';

/** A column's value in the source. */
export type Cell = string | number | null;
export type Row = Readonly<Record<string, Cell>>;

/** What the source says of itself, as Debezium's PostgreSQL connector tells it. */
export type SourceChange = {
  readonly table: string;
  readonly op: 'c' | 'u' | 'd' | 't';
  /** The record's key; undefined for tables without one and for truncates. */
  readonly key: Row | undefined;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
  readonly lsn: number;
  readonly txId: number;
  /** Place in its transaction. */
  readonly order: number;
  /** The other half of a key change. */
  readonly oldKey?: Row;
  readonly newKey?: Row;
};

export type SourceTable = {
  readonly name: string;
  /** Key columns; none: replica identity FULL and a null record key. */
  readonly key: readonly string[];
  readonly columns: readonly string[];
  /** A column whose values are stored out of line: left out of changes that do not touch it. */
  readonly toasted?: string;
};

/** What stands for a value that was stored out of line and not touched (Debezium docs, `unavailable.value.placeholder`). */
export const UNAVAILABLE = '__debezium_unavailable_value';

/** A source database in memory: the rows as they stand, and the changes that brought them there, in commit order. */
export class SourceDatabase {
  readonly #tables = new Map<string, { readonly shape: SourceTable; rows: Row[] }>();
  #lsn = 40_000_000;
  #txId = 700;
  #order = 0;

  constructor(tables: readonly SourceTable[]) {
    for (const shape of tables) this.#tables.set(shape.name, { shape, rows: [] });
  }

  /** Changes that follow belong to a new transaction. */
  begin(): void {
    this.#txId += 1;
    this.#order = 0;
    this.#lsn += 96;
  }

  rows(table: string): readonly Row[] {
    return this.#of(table).rows;
  }

  /** What a reader of the table sees. */
  truth(table: string): readonly TextRow[] {
    return this.rows(table).map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]),
      ),
    );
  }

  insert(table: string, row: Row): SourceChange {
    const own = this.#of(table);
    own.rows.push(row);
    return this.#change(own.shape, { op: 'c', before: undefined, after: row });
  }

  /** Rows put in as one statement that shares one place in the log, as COPY does. */
  copy(table: string, rows: readonly Row[]): readonly SourceChange[] {
    const lsn = this.#lsn;
    return rows.map((row) => {
      this.#lsn = lsn;
      return this.insert(table, row);
    });
  }

  /** Changes a row that stands; its key stays. */
  update(table: string, row: Row, set: Row): SourceChange {
    const own = this.#of(table);
    const after = { ...row, ...set };
    own.rows[this.#at(own.rows, row)] = after;
    const { toasted, key } = own.shape;
    const untouched = key.length > 0 && toasted !== undefined && !(toasted in set);
    const told = untouched && isStoredApart(row[toasted]) ? { ...after, [toasted]: UNAVAILABLE } : after;
    return this.#change(own.shape, {
      op: 'u',
      before: key.length > 0 ? undefined : row,
      after: told,
    });
  }

  delete(table: string, row: Row): SourceChange {
    const own = this.#of(table);
    own.rows.splice(this.#at(own.rows, row), 1);
    return this.#change(own.shape, { op: 'd', before: this.#oldImage(own.shape, row), after: undefined });
  }

  /** Changes a row's key: told as a delete and an insert at one place in the log. */
  move(table: string, row: Row, key: Row, set: Row = {}): readonly [SourceChange, SourceChange] {
    const own = this.#of(table);
    const after = { ...row, ...key, ...set };
    own.rows.splice(this.#at(own.rows, row), 1);
    own.rows.push(after);
    const { toasted } = own.shape;
    const untouched = toasted !== undefined && !(toasted in set) && isStoredApart(row[toasted]);
    const told = untouched ? { ...after, [toasted]: UNAVAILABLE } : after;
    const before = this.#oldImage(own.shape, row);
    const lsn = this.#lsn;
    const gone = this.#change(own.shape, { op: 'd', before, after: undefined });
    this.#lsn = lsn;
    const come = this.#change(own.shape, { op: 'c', before: undefined, after: told });
    const oldKey = keyOf(own.shape, row);
    const newKey = keyOf(own.shape, after);
    return [
      newKey === undefined ? gone : { ...gone, newKey },
      oldKey === undefined ? come : { ...come, oldKey },
    ];
  }

  truncate(table: string): SourceChange {
    const own = this.#of(table);
    own.rows = [];
    const told = this.#change(own.shape, { op: 't', before: undefined, after: undefined });
    return { ...told, key: undefined };
  }

  #of(table: string): { readonly shape: SourceTable; rows: Row[] } {
    const own = this.#tables.get(table);
    if (own === undefined) throw new Error(`the source has no table ${table}`);
    return own;
  }

  #at(rows: readonly Row[], row: Row): number {
    const at = rows.indexOf(row);
    if (at < 0) throw new Error(`the source has no such row: ${JSON.stringify(row)}`);
    return at;
  }

  /** With replica identity DEFAULT only the key is told of a row that is gone. */
  #oldImage({ key, columns }: SourceTable, row: Row): Row {
    if (key.length === 0) return row;
    return Object.fromEntries(columns.map((name) => [name, key.includes(name) ? (row[name] ?? null) : null]));
  }

  #change(shape: SourceTable, told: Pick<SourceChange, 'op' | 'before' | 'after'>): SourceChange {
    const image = told.after ?? told.before;
    this.#order += 1;
    const change = {
      ...told,
      table: shape.name,
      key: image === undefined ? undefined : keyOf(shape, image),
      lsn: this.#lsn,
      txId: this.#txId,
      order: this.#order,
    };
    this.#lsn += 56;
    return change;
  }
}

function keyOf({ key }: SourceTable, row: Row): Row | undefined {
  return key.length === 0 ? undefined : Object.fromEntries(key.map((name) => [name, row[name] ?? null]));
}

/** Long values are stored apart from their row. */
function isStoredApart(value: Cell | undefined): boolean {
  return typeof value === 'string' && value.length >= 64;
}
