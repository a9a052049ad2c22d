import type { Recorded } from '../../support/recordings.js';
import { seeded } from '../support/randomness.js';
import { Draw } from './draw.js';
import { partitionOf, recordsOf, topicOf } from './debezium-records.js';
import type { Features } from './features.js';
import { SourceDatabase, type Row, type SourceChange, type SourceTable } from './source-database.js';
import { compareRows, type TextRow, type Workload } from './workload.js';

/** The table of which another engine deletes rows. */
export const ARCHIVE = 'archive';
/** The table that another engine restores. */
export const LEDGER = 'ledger';
/** The table whose topic is made anew. */
export const RENEWED = 'renewed';
/** Rows of the archive that the source leaves alone once they are in, and that the other engine deletes. */
export const DOOMED = 12;

const TABLES: readonly SourceTable[] = [
  { name: 'accounts', key: ['id'], columns: ['id', 'owner', 'balance', 'doc'], toasted: 'doc' },
  { name: 'lines', key: ['region', 'no'], columns: ['region', 'no', 'qty', 'note'] },
  { name: 'journal', key: [], columns: ['what', 'amount'] },
  { name: 'moves', key: [], columns: ['sku', 'delta', 'why'] },
  { name: ARCHIVE, key: ['id'], columns: ['id', 'label'] },
  { name: LEDGER, key: ['id'], columns: ['id', 'label'] },
  { name: RENEWED, key: ['id'], columns: ['id', 'label'] },
];

const PARTITIONS = 3;

/**
 * A source of its own: inserts, updates, deletes, keys that change and come again, values stored apart, truncates, equal
 * rows without a key, rows that share a place in the log; and stretches that are delivered a second time, as by a
 * connector that was killed before it had kept its offsets. The same seed gives the same records.
 */
export function generated(seed: number, steps: number, features: Features): Workload {
  const draw = new Draw(seeded(seed ^ 0x5eed));
  const database = new SourceDatabase(TABLES);
  const source = new Source(database, draw, features);
  const history: SourceChange[] = [];
  const records: Recorded[] = [];
  const write = (changes: readonly SourceChange[]): void => {
    for (const change of changes) records.push(...recordsOf(change, partitionFor(change, draw, features)));
  };
  const told = (changes: readonly SourceChange[]): void => {
    history.push(...changes);
    write(changes);
  };
  told(source.fill());
  for (let step = 0; step < steps; step++) {
    told(source.step());
    if (step > steps / 4 && draw.chance(0.015)) {
      const stretch = history.slice(-draw.between(8, 60));
      write(
        features.keylessRedelivery ? stretch : stretch.filter(({ table }) => shapeOf(table).key.length > 0),
      );
    }
  }
  return {
    name: 'generated',
    records,
    topics: TABLES.map(({ name }) => ({ topic: topicOf(name), partitions: partitionsOf(name, features) })),
    tables: TABLES.map(({ name, key }) => ({
      table: `shop/${name}`,
      topic: topicOf(name),
      compare: (store) => compareRows(store, truthOf(database, name, features), key),
    })),
  };
}

/** What the table comes to: the source's rows, less those that the other engine took away. */
function truthOf(database: SourceDatabase, table: string, { spark }: Features): readonly TextRow[] {
  const rows = database.truth(table);
  return spark && table === ARCHIVE ? rows.filter(({ id }) => Number(id) > DOOMED) : rows;
}

function shapeOf(table: string): SourceTable {
  const shape = TABLES.find(({ name }) => name === table);
  if (shape === undefined) throw new Error(`no table ${table}`);
  return shape;
}

/** Updates of a table without a key are in order only where one partition holds them, unless what came too early is remembered. */
function partitionsOf(table: string, features: Features): number {
  return table === 'moves' && !features.keylessRedelivery ? 1 : PARTITIONS;
}

function partitionFor({ key, table }: SourceChange, draw: Draw, features: Features): number {
  const partitions = partitionsOf(table, features);
  return key === undefined ? draw.below(partitions) : partitionOf(key, partitions);
}

/** What the source's users do, one thing at a time. */
class Source {
  readonly #database: SourceDatabase;
  readonly #draw: Draw;
  readonly #features: Features;
  #serial = 0;

  constructor(database: SourceDatabase, draw: Draw, features: Features) {
    this.#database = database;
    this.#draw = draw;
    this.#features = features;
  }

  /** The rows that are there when it begins. */
  fill(): readonly SourceChange[] {
    this.#database.begin();
    const ids = Array.from({ length: DOOMED }, (_, at) => at + 1);
    return [
      ...ids.map((id) => this.#database.insert(ARCHIVE, { id, label: `doomed ${id}` })),
      ...ids.map((id) => this.#database.insert('accounts', this.#account(id))),
      ...[LEDGER, RENEWED].flatMap((table) =>
        ids.slice(0, 6).map((id) => this.#database.insert(table, { id, label: this.#text('first') })),
      ),
    ];
  }

  step(): readonly SourceChange[] {
    this.#database.begin();
    const at = this.#draw.next();
    if (at < 0.42) return this.#stepOfAccounts();
    if (at < 0.6) return this.#stepOfLines();
    if (at < 0.68) return this.#stepOfJournal();
    if (at < 0.8) return this.#stepOfMoves();
    return this.#stepOfLabels(at < 0.87 ? ARCHIVE : at < 0.94 ? LEDGER : RENEWED);
  }

  #stepOfAccounts(): readonly SourceChange[] {
    const database = this.#database;
    const draw = this.#draw;
    const row = draw.of(database.rows('accounts'));
    const at = draw.next();
    if (row === undefined || at < 0.22) return [database.insert('accounts', this.#account(this.#freeId()))];
    if (at < 0.55) return [database.update('accounts', row, { balance: draw.below(100_000) })];
    if (at < 0.65) return [database.update('accounts', row, { doc: this.#document() })];
    if (at < 0.82) return [database.delete('accounts', row)];
    const set = this.#features.carriesAcrossPartitions ? {} : { doc: this.#document() };
    const moved = database.move('accounts', row, { id: this.#freeId() }, set);
    if (draw.chance(0.6)) return moved;
    const now = database.rows('accounts').at(-1);
    return now === undefined ? moved : [...moved, database.update('accounts', now, { balance: -1 })];
  }

  #stepOfLines(): readonly SourceChange[] {
    const database = this.#database;
    const draw = this.#draw;
    const rows = database.rows('lines');
    const row = draw.of(rows);
    const at = draw.next();
    if (at < 0.025) return [database.truncate('lines')];
    if (row === undefined || at < 0.5) {
      const region = draw.of(['eu', 'us', 'ap']) ?? 'eu';
      const no = this.#freeOf(rows.filter((one) => one['region'] === region).map((one) => Number(one['no'])));
      return [database.insert('lines', { region, no, qty: draw.below(50), note: this.#text('line') })];
    }
    if (at < 0.85) return [database.update('lines', row, { qty: draw.below(50) })];
    return [database.delete('lines', row)];
  }

  #stepOfJournal(): readonly SourceChange[] {
    const database = this.#database;
    const draw = this.#draw;
    const entry = (): Row => ({ what: draw.of(['in', 'out']) ?? 'in', amount: draw.below(4) });
    const at = draw.next();
    if (at < 0.02) return [database.truncate('journal')];
    if (at < 0.2) return database.copy('journal', Array.from({ length: draw.between(3, 12) }, entry));
    return Array.from({ length: draw.between(1, 3) }, () => database.insert('journal', entry()));
  }

  #stepOfMoves(): readonly SourceChange[] {
    const database = this.#database;
    const draw = this.#draw;
    const row = draw.of(database.rows('moves'));
    const at = draw.next();
    if (row === undefined || at < 0.6) {
      const why = this.#features.equalRowsAcrossPartitions ? null : this.#text('move');
      const move = { sku: draw.of(['A', 'B', 'C']) ?? 'A', delta: draw.below(3), why };
      return [database.insert('moves', move)];
    }
    if (at < 0.85) return [database.update('moves', row, { why: this.#text('because') })];
    return [database.delete('moves', row)];
  }

  #stepOfLabels(table: string): readonly SourceChange[] {
    const database = this.#database;
    const draw = this.#draw;
    const rows = database.rows(table).filter(({ id }) => table !== ARCHIVE || Number(id) > DOOMED);
    const row = draw.of(rows);
    const at = draw.next();
    if (row === undefined || at < 0.45) {
      const id = 100 + this.#freeOf(rows.map((one) => Number(one['id']) - 100));
      return [database.insert(table, { id, label: this.#text('new') })];
    }
    if (at < 0.8) return [database.update(table, row, { label: this.#text('again') })];
    return [database.delete(table, row)];
  }

  #account(id: number): Row {
    return { id, owner: this.#text('owner'), balance: this.#draw.below(1000), doc: this.#document() };
  }

  /** Mostly long enough to be stored apart. */
  #document(): string {
    const text = this.#text('document');
    return this.#draw.chance(0.75) ? `${text} ${'lorem ipsum '.repeat(this.#draw.between(6, 40))}` : text;
  }

  #text(what: string): string {
    this.#serial += 1;
    return `${what} ${this.#serial}`;
  }

  /** An id that no account has: one of few, so that ids of deleted rows come again. */
  #freeId(): number {
    return this.#freeOf(this.#database.rows('accounts').map(({ id }) => Number(id)));
  }

  #freeOf(taken: readonly number[]): number {
    const used = new Set(taken);
    let free = 1 + this.#draw.below(used.size * 2 + 8);
    while (used.has(free)) free += 1;
    return free;
  }
}
