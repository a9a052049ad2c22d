import fc from 'fast-check';
import { unreachable } from '../../src/base/errors.js';
import { array, decimal, field, map, primitive, struct } from '../../src/schema/build.js';
import type { DataType, PrimitiveName, StructType, Value } from '../../src/schema/types.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import type { ArrowTable } from '../../src/columnar/arrow.js';

const PRIMITIVES: readonly PrimitiveName[] = [
  'string',
  'long',
  'integer',
  'short',
  'byte',
  'float',
  'double',
  'boolean',
  'binary',
  'date',
  'timestamp',
  'timestamp_ntz',
];

/** Types that are one value each. */
export const scalarType: fc.Arbitrary<DataType> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...PRIMITIVES.map((name) => primitive(name))) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 38 }), fc.nat())
      .map(([precision, scale]) => decimal(precision, scale % (precision + 1))),
  },
);

/** Any Delta type, nested up to three levels. */
export const dataType: fc.Arbitrary<DataType> = fc.letrec<{ type: DataType }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalarType,
    tie('type').map((element) => array(element)),
    fc.tuple(scalarType, tie('type')).map(([key, value]) => map(key, value)),
    fc.array(tie('type'), { minLength: 1, maxLength: 3 }).map(structOf),
  ),
})).type;

function structOf(types: readonly DataType[]): StructType {
  return struct(types.map((type, index) => field(`f${index}`, type)));
}

/** A table's columns. */
export const columns = (type: fc.Arbitrary<DataType> = dataType): fc.Arbitrary<StructType> =>
  fc.array(type, { minLength: 1, maxLength: 4 }).map(structOf);

const int = (bits: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 }),
    fc.constantFrom(0, -1, 1, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1),
  );

const long: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -10n, max: 10n }),
  fc.constantFrom(
    -(2n ** 63n),
    2n ** 63n - 1n,
    2n ** 53n + 1n,
    -(2n ** 53n) - 1n,
    2n ** 54n - 1n,
    2n ** 32n,
    -(2n ** 31n),
  ),
);

const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('', 'a', 'ab', 'é', '\u{1f600}', '\uff5e', '\u{10ffff}', 'x'.repeat(40)),
);

function scalarValue(name: PrimitiveName): fc.Arbitrary<Value> {
  switch (name) {
    case 'string':
      return text;
    case 'long':
      return long;
    case 'timestamp':
    case 'timestamp_ntz':
      // The years 1 and 9999 are the ends of what every Delta engine can show.
      return fc.oneof(long, fc.constantFrom(-62_135_596_800_000_000n, 253_402_300_799_999_999n));
    case 'integer':
      return int(32);
    case 'date':
      return fc.oneof(int(32), fc.constantFrom(-719_162, 2_932_896));
    case 'short':
      return int(16);
    case 'byte':
      return int(8);
    case 'float':
      return fc.float();
    case 'double':
      return fc.double();
    case 'boolean':
      return fc.boolean();
    case 'binary':
      return fc.uint8Array({ maxLength: 6 });
    case 'variant':
    case 'void':
      return fc.constant(null);
    default:
      return unreachable(name);
  }
}

/** A value of the type; `null` among them wherever the type allows it. */
export function valueOf(type: DataType): fc.Arbitrary<Value> {
  return fc.option(presentValue(type), { freq: 5, nil: null });
}

function presentValue(type: DataType): fc.Arbitrary<Value> {
  switch (type.kind) {
    case 'primitive':
      return scalarValue(type.name);
    case 'decimal': {
      const most = 10n ** BigInt(type.precision) - 1n;
      return fc.oneof(fc.bigInt({ min: -most, max: most }), fc.constantFrom(most, -most, 0n));
    }
    case 'array':
      return fc.array(valueOf(type.element), { maxLength: 3 });
    case 'map':
      return fc.array(fc.tuple(presentValue(type.key), valueOf(type.value)), { maxLength: 3 });
    case 'struct':
      return fc
        .tuple(...type.fields.map((each) => valueOf(each.type)))
        .map((values) =>
          Object.fromEntries(type.fields.map(({ name }, index) => [name, values[index] ?? null])),
        );
    default:
      return unreachable(type);
  }
}

/** Columns and rows for them. */
export const rowsWithColumns = (
  type: fc.Arbitrary<DataType> = dataType,
  maxLength = 30,
): fc.Arbitrary<{ struct: StructType; rows: Value[][] }> =>
  columns(type).chain((schema) =>
    fc
      .array(fc.tuple(...schema.fields.map((each) => valueOf(each.type))), { maxLength })
      .map((rows) => ({ struct: schema, rows })),
  );

/** The rows as a table. */
export function tableOfRows(schema: StructType, rows: readonly (readonly Value[])[]): ArrowTable {
  const builder = new TableBuilder(schema);
  for (const row of rows) row.forEach((value, column) => builder.column(column).append(value));
  return builder.finish();
}
