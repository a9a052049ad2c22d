import { Flag, Op, type Half, type SourceColumn } from '../../cdc/changes.js';
import { assert, SluiceError } from '../../base/errors.js';
import { LONG, INTEGER, STRING, field } from '../../schema/build.js';
import { planEvolution } from '../../schema/evolve.js';
import { formatType } from '../../schema/type-text.js';
import type { StructField, StructType } from '../../schema/types.js';
import type { BadRecord, Slice, TableOptions } from '../settler.js';

/** Columns of a keyless table that say where a row came from, beside its position. */
export const PARTITION_COLUMN = '__partition';
export const OFFSET_COLUMN = '__offset';

/** The schema that a batch needs, and how it differs from the table's. */
export type SchemaPlan =
  | {
      readonly kind: 'planned';
      readonly schema: StructType;
      readonly added: readonly string[];
      readonly widened: readonly string[];
    }
  | { readonly kind: 'bad-records'; readonly records: readonly BadRecord[] };

/** Records whose columns the table must have, and which half of them. */
type Wanted = { readonly slice: Slice; readonly records: Uint32Array; readonly half: Half };

/** Our own columns of a table with or without a key, in the order in which they are created. */
export function ownColumns(options: TableOptions, keyed: boolean): readonly StructField[] {
  const position = options.positionColumn === undefined ? [] : [field(options.positionColumn, STRING)];
  return keyed ? position : [...position, field(PARTITION_COLUMN, INTEGER), field(OFFSET_COLUMN, LONG)];
}

/**
 * Records whose columns the table must have. Without a key a row is found by all of its old columns, also by those that
 * the table does not have yet, and what is taken is remembered before there is a table.
 */
export function wantedOf(slice: Slice, exists: boolean, keyed: boolean): readonly Wanted[] {
  const { op, flags } = slice.changes;
  const puts = slice.rows.filter((record) =>
    [Op.read, Op.create, Op.update].some((one) => one === op[record]),
  );
  const after: readonly Wanted[] =
    puts.length === 0 && !exists ? [] : [{ slice, records: puts, half: 'after' }];
  if (keyed) return after;
  const takes = slice.rows.filter(
    (record) =>
      (op[record] === Op.update || op[record] === Op.delete) && ((flags[record] ?? 0) & Flag.before) !== 0,
  );
  return takes.length === 0 ? after : [...after, { slice, records: takes, half: 'before' }];
}

/**
 * The smallest schema that holds the table's rows and the batch's (`schema/evolve`), with our own columns. Records whose
 * columns can't be brought together with the others' are named, each with the column that stands in the way.
 *
 * @throws SluiceError SCHEMA_MISMATCH where `schema.evolution` forbids what the batch needs
 */
export function planSchema(
  known: StructType | undefined,
  wanted: readonly Wanted[],
  options: TableOptions,
  own: readonly StructField[],
): SchemaPlan {
  let schema: StructType = known ?? { kind: 'struct', fields: [] };
  const units = new Map<string, SourceColumn['metadata']>();
  const added = new Set<string>();
  const widened = new Set<string>();
  for (const { slice, records, half } of wanted) {
    if (records.length === 0) continue;
    const found = slice.changes.columns(records, half, schema.fields.length === 0 ? undefined : schema);
    const columns = found.kind === 'found' ? withoutOwn(found.columns, own) : [];
    const evolution = planEvolution(schema, columns);
    if (found.kind === 'problem' || evolution.kind === 'impossible') {
      return { kind: 'bad-records', records: badRecordsOf(schema, { slice, records, half }, own) };
    }
    for (const column of columns) if (!units.has(column.name)) units.set(column.name, column.metadata);
    if (evolution.kind === 'evolved') {
      schema = evolution.schema;
      for (const name of evolution.added) added.add(name);
      for (const { column } of evolution.widened) widened.add(column);
    }
  }
  const complete = withOwn(withMetadata(schema, known, units), own);
  if (known !== undefined) refuseIfFixed(options, added, widened);
  return {
    kind: 'planned',
    schema: complete,
    added: [...added],
    widened: known === undefined ? [] : [...widened],
  };
}

function withoutOwn(columns: readonly SourceColumn[], own: readonly StructField[]): readonly SourceColumn[] {
  for (const column of columns) {
    if (own.some(({ name }) => name === column.name)) {
      throw new SluiceError(
        'CONFIG_INVALID',
        `the source has a column named ${column.name}, which is Sluice's own`,
        {
          context: { column: column.name },
          hint: 'Give position.column another name, or leave the column out with field.exclude.list.',
        },
      );
    }
  }
  return columns;
}

function withOwn(schema: StructType, own: readonly StructField[]): StructType {
  const missing = own.filter(({ name }) => !schema.fields.some((have) => have.name === name));
  return missing.length === 0 ? schema : { kind: 'struct', fields: [...schema.fields, ...missing] };
}

/** New columns carry the source's metadata, and no history of how their type was found inside the batch. */
function withMetadata(
  schema: StructType,
  known: StructType | undefined,
  units: ReadonlyMap<string, SourceColumn['metadata']>,
): StructType {
  const fields = schema.fields.map((have) => {
    if (known?.fields.some(({ name }) => name === have.name) === true) return have;
    return { ...have, metadata: units.get(have.name) ?? {} };
  });
  return { kind: 'struct', fields };
}

function refuseIfFixed(
  options: TableOptions,
  added: ReadonlySet<string>,
  widened: ReadonlySet<string>,
): void {
  const names = [...added, ...widened];
  if (names.length === 0 || options.schemaEvolution === 'evolve' || options.schemaEvolution === 'lenient')
    return;
  throw new SluiceError(
    'SCHEMA_MISMATCH',
    `the source has columns that the table does not hold as they are: ${names.join(', ')}`,
    {
      context: { columns: names.join(', ') },
      hint: `schema.evolution=${options.schemaEvolution} forbids the change; alter the table, or set it to evolve.`,
    },
  );
}

/** Enough to get on with, few enough for the batch to be looked at again for each: the caller asks again for the rest. */
const CLASHES_MAX = 64;

/** The records because of which a batch's columns can't be: at least one. */
function badRecordsOf(schema: StructType, wanted: Wanted, own: readonly StructField[]): BadRecord[] {
  const bad = misfits(schema, wanted, own);
  if (bad.length === 0) bad.push(...clashes(schema, wanted));
  assert(bad.length > 0, 'columns that cannot be brought together have a record that is to blame');
  return bad;
}

/** Records that are fine by themselves and that the values of others before them leave no type for. */
function clashes(schema: StructType, { slice, records, half }: Wanted): BadRecord[] {
  const known = schema.fields.length === 0 ? undefined : schema;
  const bad: BadRecord[] = [];
  let rest = records;
  while (bad.length < CLASHES_MAX) {
    const found = slice.changes.columns(rest, half, known);
    if (found.kind !== 'problem') break;
    bad.push({ ...placeOf(slice, found.row), problem: found.problem });
    rest = rest.filter((record) => record !== found.row);
  }
  return bad.toSorted((a, b) => a.offset - b.offset);
}

function placeOf(slice: Slice, record: number): Omit<BadRecord, 'problem'> {
  const { topic, partition, changes } = slice;
  return { topic, partition, offset: changes.offset(record), index: record };
}

function misfits(
  schema: StructType,
  { slice, records, half }: Wanted,
  own: readonly StructField[],
): BadRecord[] {
  const bad: BadRecord[] = [];
  let grown = schema;
  for (const record of records) {
    const one = Uint32Array.of(record);
    const found = slice.changes.columns(one, half, grown.fields.length === 0 ? undefined : grown);
    const at = placeOf(slice, record);
    if (found.kind === 'problem') {
      bad.push({ ...at, problem: found.problem });
      continue;
    }
    const evolution = planEvolution(grown, withoutOwn(found.columns, own));
    if (evolution.kind === 'impossible') {
      const { column, have, want } = evolution;
      const reason = `the column is ${formatType(have)} and the record has ${formatType(want)}`;
      bad.push({ ...at, problem: { kind: 'schema', reason, field: column } });
    } else if (evolution.kind === 'evolved') {
      grown = evolution.schema;
    }
  }
  return bad;
}
