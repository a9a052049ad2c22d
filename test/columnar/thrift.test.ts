import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeThrift,
  encodeThrift,
  Wire,
  type ThriftStruct,
  type ThriftValue,
} from '../../src/columnar/thrift.js';

type Field = { readonly wire: number; readonly value: ThriftValue };

const integer = fc.oneof(
  fc.maxSafeInteger().map((value): ThriftValue => (Math.abs(value) < 2 ** 48 ? value : BigInt(value))),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);

const fieldOf = fc.letrec<{ field: Field; struct: ThriftStruct }>((tie) => ({
  field: fc.oneof(
    { depthSize: 'small' },
    integer.map((value) => ({ wire: Wire.i64, value })),
    fc.boolean().map((value) => ({ wire: value ? Wire.true : Wire.false, value })),
    fc.uint8Array({ maxLength: 200 }).map((value) => ({ wire: Wire.binary, value })),
    fc.uint8Array({ minLength: 8, maxLength: 8 }).map((value) => ({ wire: Wire.double, value })),
    tie('struct').map((value) => ({ wire: Wire.struct, value })),
    fc
      .array(integer, { maxLength: 20 })
      .map((items) => ({ wire: Wire.list, value: { element: Wire.i64, items } })),
    fc.array(fc.boolean()).map((items) => ({ wire: Wire.list, value: { element: Wire.true, items } })),
    fc
      .array(tie('struct'), { maxLength: 3 })
      .map((items) => ({ wire: Wire.list, value: { element: Wire.struct, items } })),
  ),
  struct: fc
    .array(fc.tuple(fc.integer({ min: 1, max: 40 }), tie('field')), { maxLength: 5 })
    .map((fields) => new Map([...new Map(fields)].sort(([one], [other]) => one - other))),
}));

/** Small integers have one form: numbers. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value === 'number') return `${value}`;
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Map) return [...value].map(([id, one]) => [id, plain(one)]);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).map(([key, one]) => [key, plain(one)]);
  }
  return value;
}

test('what was encoded is decoded again', () => {
  fc.assert(
    fc.property(fieldOf.struct, (struct) => {
      expect(plain(decodeThrift(encodeThrift(struct)))).toEqual(plain(struct));
    }),
    { numRuns: 500 },
  );
});

test('random bytes end in a value or a named error, soon', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(['value', 'RangeError', 'SyntaxError']).toContain(outcomeOf(bytes));
    }),
    { numRuns: 2000 },
  );
});

function outcomeOf(bytes: Uint8Array): string {
  try {
    decodeThrift(bytes);
    return 'value';
  } catch (cause) {
    return cause instanceof Error ? cause.name : 'something else';
  }
}
