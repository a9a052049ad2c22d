import fc from 'fast-check';
import { array, decimal, field, map, primitive, struct } from '../../src/schema/build.js';
import type { DataType, PrimitiveName, StructField, StructType } from '../../src/schema/types.js';

const names: readonly PrimitiveName[] = [
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
  'variant',
  'void',
];

/** Few names, so that schemas meet; two differ only by case. */
const fieldNames = ['a', 'b', 'c', 'A', 'with space', '`', 'größe'];

/** Any type, nested a few levels deep; of decimals the small ones and the edges. */
export function dataType(): fc.Arbitrary<DataType> {
  const { type } = fc.letrec<{ type: DataType }>((tie) => ({
    type: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...names).map(primitive),
      decimalType(),
      fc.tuple(tie('type'), fc.boolean()).map(([element, containsNull]) => array(element, containsNull)),
      fc
        .tuple(tie('type'), tie('type'), fc.boolean())
        .map(([key, value, valueContainsNull]) => map(key, value, valueContainsNull)),
      fieldsOf(tie('type')).map(struct),
    ),
  }));
  return type;
}

/** A schema without two names that differ only by case. */
export function structType(): fc.Arbitrary<StructType> {
  return fieldsOf(dataType()).map(struct);
}

/** Types that meet often: the families inside which widening happens. */
export function numericType(): fc.Arbitrary<DataType> {
  return fc.oneof(
    fc
      .constantFrom<PrimitiveName>(
        'byte',
        'short',
        'integer',
        'long',
        'float',
        'double',
        'date',
        'timestamp_ntz',
      )
      .map(primitive),
    decimalType(),
  );
}

function decimalType(): fc.Arbitrary<DataType> {
  return fc
    .tuple(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 36, max: 38 })), fc.nat(6))
    .map(([precision, scale]) => decimal(precision, Math.min(precision, scale)));
}

function fieldsOf(type: fc.Arbitrary<DataType>): fc.Arbitrary<StructField[]> {
  return fc.uniqueArray(
    fc
      .tuple(fc.constantFrom(...fieldNames), type, fc.boolean(), fc.dictionary(fc.string(), fc.json()))
      .map(([name, type, nullable, metadata]) => field(name, type, nullable, metadata)),
    { selector: ({ name }) => name.toLowerCase(), maxLength: 4 },
  );
}
