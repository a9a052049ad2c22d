import type { Chance } from '../world/chance.js';

/** Values of a row by column; null where SQL has NULL. */
export type DbRow = Readonly<Record<string, string | number | null>>;

export type DbTable = {
  readonly name: string;
  readonly topic: string;
  readonly keyed: boolean;
  /** Events carry whole old rows (REPLICA IDENTITY FULL). Tables without a key always do. */
  readonly fullImages: boolean;
  /** `big` is kept out of line: an update that leaves it alone does not carry it. */
  readonly toast: boolean;
};

/** A change as the database's log has it. */
export type DbChange = {
  readonly table: DbTable;
  readonly op: 'r' | 'c' | 'u' | 'd' | 't';
  readonly before: DbRow | undefined;
  readonly after: DbRow | undefined;
  /** The update left `big` alone, and its event does not carry it. */
  readonly bigUnchanged: boolean;
  /** The other key of a key change, on its delete and on its create. */
  readonly otherKey: DbRow | undefined;
  readonly lsn: number;
  readonly transaction: { readonly id: number; readonly order: number };
};

/** The row's key, as the record key has it. */
export function keyOf(row: DbRow): DbRow {
  return { id: row['id'] ?? null };
}

/** A row as text, so that equal rows are equal texts; columns that are null count like columns that are not there. */
export function rowText(row: Iterable<readonly [string, unknown]>): string {
  const parts: string[] = [];
  for (const [name, value] of row)
    if (value !== null && value !== undefined) parts.push(`${name}=${String(value)}`);
  return parts.sort().join(' ');
}

export type ModelOptions = {
  readonly tables: readonly DbTable[];
  readonly chance: Chance;
  readonly deletes: boolean;
  readonly truncates: boolean;
  /** From which change on rows have one column more; undefined: never. */
  readonly newColumnAt: number | undefined;
  /** Keys that a key change may lead to from this one. */
  readonly mayBecome: ((table: DbTable, from: number, to: number) => boolean) | undefined;
};

/** Keys are few, so that they meet again and again. */
const KEYS = 12;

/** The database: tables that are changed one statement after another, and what its log says of it. */
export class Database {
  readonly #options: ModelOptions;
  readonly #rows = new Map<DbTable, DbRow[]>();
  #lsn = 1000;
  #snapshotLsn = 0;
  #transaction = 1;
  #value = 0;
  #changes = 0;

  constructor(options: ModelOptions) {
    this.#options = options;
    for (const table of options.tables) this.#rows.set(table, []);
  }

  get tables(): readonly DbTable[] {
    return this.#options.tables;
  }

  /** The table's rows as they are now. */
  rows(table: DbTable): readonly DbRow[] {
    return this.#rows.get(table) ?? [];
  }

  /** Rows that were there before the log begins, as a snapshot finds them. */
  snapshot(rows: number): readonly DbChange[] {
    const changes: DbChange[] = [];
    for (const table of this.tables) {
      for (let i = 0; i < rows; i++) {
        const row = this.#newRow(table);
        if (row !== undefined) changes.push(this.#insert(table, row, 'r', { id: 0, order: 0 }));
      }
    }
    // All of it at the one place that the snapshot was taken. Transactions that were open then commit later and have
    // written before it.
    this.#snapshotLsn = this.#lsn + this.#options.chance.below(60);
    return changes.map((change) => ({ ...change, lsn: this.#snapshotLsn }));
  }

  /** One transaction's changes; may be none. */
  transaction(): readonly DbChange[] {
    const { chance } = this.#options;
    const id = this.#transaction++;
    const changes: DbChange[] = [];
    const statements = chance.happens(0.7) ? 1 : chance.between(2, 4);
    for (let i = 0; i < statements; i++) {
      const table = chance.pick(this.tables);
      if (table !== undefined) changes.push(...this.#statement(table, { id, order: changes.length + 1 }));
    }
    this.#changes += changes.length;
    return changes;
  }

  #statement(table: DbTable, at: { id: number; order: number }): readonly DbChange[] {
    const { chance, deletes, truncates, mayBecome } = this.#options;
    const rows = this.#rows.get(table) ?? [];
    const row = chance.pick(rows);
    this.#lsn += chance.between(1, 20);
    // A truncate waits for all who are at the table, a snapshot among them.
    if (truncates && this.#lsn > this.#snapshotLsn && chance.happens(0.03))
      return [this.#truncate(table, at)];
    if (row === undefined || chance.happens(0.3)) return this.#insertSome(table, at);
    if (deletes && chance.happens(0.25)) return [this.#delete(table, row, at)];
    if (mayBecome !== undefined && table.keyed && chance.happens(0.2)) return this.#changeKey(table, row, at);
    return [this.#update(table, row, at)];
  }

  /** One row, or several that a COPY writes at one place. */
  #insertSome(table: DbTable, at: { id: number; order: number }): readonly DbChange[] {
    const { chance } = this.#options;
    const wanted = chance.happens(0.15) ? chance.between(2, 5) : 1;
    const changes: DbChange[] = [];
    for (let i = 0; i < wanted; i++) {
      const row = this.#newRow(table);
      if (row !== undefined)
        changes.push(this.#insert(table, row, 'c', { id: at.id, order: at.order + changes.length }));
    }
    return changes;
  }

  #newRow(table: DbTable): DbRow | undefined {
    const { chance } = this.#options;
    if (!table.keyed) return this.#valuesOf(table, chance.below(KEYS));
    const taken = new Set(this.rows(table).map(({ id }) => id));
    const free = Array.from({ length: KEYS }, (_, id) => id).filter((id) => !taken.has(id));
    const id = chance.pick(free);
    return id === undefined ? undefined : this.#valuesOf(table, id);
  }

  #valuesOf(table: DbTable, id: number): DbRow {
    const { chance, newColumnAt } = this.#options;
    const unique = table.keyed || chance.happens(0.4);
    const row = {
      id,
      v: unique ? `v${++this.#value}` : `same${chance.below(2)}`,
      n: chance.happens(0.3) ? null : chance.below(unique ? 1000 : 2),
      big: unique && chance.happens(0.8) ? `big${this.#value}` : null,
    };
    const extended = newColumnAt !== undefined && this.#changes >= newColumnAt;
    return extended ? { ...row, extra: chance.happens(0.7) ? `x${chance.below(9)}` : null } : row;
  }

  #insert(table: DbTable, row: DbRow, op: 'r' | 'c', transaction: DbChange['transaction']): DbChange {
    this.#rows.set(table, [...this.rows(table), row]);
    return this.#change({ table, op, after: row, transaction });
  }

  #update(table: DbTable, before: DbRow, transaction: DbChange['transaction']): DbChange {
    const { chance } = this.#options;
    const values = this.#valuesOf(table, Number(before['id']));
    const keepsBig = chance.happens(0.6);
    const after = keepsBig ? { ...values, big: before['big'] ?? null } : values;
    this.#replace(table, before, after);
    const bigUnchanged = keepsBig && table.toast && !table.fullImages && before['big'] !== null;
    return this.#change({ table, op: 'u', before, after, bigUnchanged, transaction });
  }

  #delete(table: DbTable, before: DbRow, transaction: DbChange['transaction']): DbChange {
    this.#replace(table, before, undefined);
    return this.#change({ table, op: 'd', before, transaction });
  }

  #truncate(table: DbTable, transaction: DbChange['transaction']): DbChange {
    this.#rows.set(table, []);
    return this.#change({ table, op: 't', transaction });
  }

  /** A delete under the old key and a create under the new one, at one place. */
  #changeKey(table: DbTable, before: DbRow, transaction: DbChange['transaction']): readonly DbChange[] {
    const { chance, mayBecome } = this.#options;
    const taken = new Set(this.rows(table).map(({ id }) => id));
    const from = Number(before['id']);
    const free = Array.from({ length: 4 * KEYS }, (_, id) => id).filter(
      (id) => !taken.has(id) && mayBecome?.(table, from, id) === true,
    );
    const to = chance.pick(free);
    if (to === undefined) return [this.#update(table, before, transaction)];
    const values = this.#valuesOf(table, to);
    const keepsBig = chance.happens(0.7);
    const after = keepsBig ? { ...values, big: before['big'] ?? null } : values;
    this.#replace(table, before, after);
    const bigUnchanged = keepsBig && table.toast && !table.fullImages && before['big'] !== null;
    const gone = this.#change({ table, op: 'd', before, otherKey: keyOf(after), transaction });
    const created = { id: transaction.id, order: transaction.order + 1 };
    return [
      gone,
      this.#change({ table, op: 'c', after, bigUnchanged, otherKey: keyOf(before), transaction: created }),
    ];
  }

  #replace(table: DbTable, row: DbRow, next: DbRow | undefined): void {
    const rows = [...this.rows(table)];
    rows.splice(rows.indexOf(row), 1, ...(next === undefined ? [] : [next]));
    this.#rows.set(table, rows);
  }

  #change(change: Pick<DbChange, 'table' | 'op' | 'transaction'> & Partial<Omit<DbChange, 'lsn'>>): DbChange {
    return {
      before: undefined,
      after: undefined,
      otherKey: undefined,
      bigUnchanged: false,
      ...change,
      lsn: this.#lsn,
    };
  }
}
