import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unreachable } from '../../src/base/errors.js';
import {
  BYTE,
  DATE,
  DOUBLE,
  FLOAT,
  INTEGER,
  LONG,
  SHORT,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NTZ,
  VOID,
  array,
  decimal,
  field,
  map,
  struct,
} from '../../src/schema/build.js';
import { sameType } from '../../src/schema/equal.js';
import { planEvolution } from '../../src/schema/evolve.js';
import type { Evolution } from '../../src/schema/evolve.js';
import type { DataType, StructField, StructType } from '../../src/schema/types.js';
import { numericType, structType } from './arbitraries.js';

const table = struct([field('id', LONG, false), field('name', STRING), field('__position', STRING)]);

function evolved(evolution: Evolution): Extract<Evolution, { kind: 'evolved' }> {
  if (evolution.kind !== 'evolved') throw new Error(`it is ${evolution.kind}`);
  return evolution;
}

describe('new columns', () => {
  test('they come last, in the order wanted, and are nullable', () => {
    const { schema, added, widened } = evolved(
      planEvolution(table, [
        { name: 'z', type: DATE },
        { name: 'id', type: LONG },
        { name: 'y', type: decimal(5, 1) },
      ]),
    );
    expect(schema).toEqual(struct([...table.fields, field('z', DATE), field('y', decimal(5, 1))]));
    expect(added).toEqual(['z', 'y']);
    expect(widened).toEqual([]);
  });

  test('a column that the rows lack is no matter', () => {
    expect(planEvolution(table, [{ name: 'name', type: STRING }])).toEqual({ kind: 'same' });
    expect(planEvolution(table, [])).toEqual({ kind: 'same' });
  });

  test('a name that differs only by case is impossible, in the table and among the new', () => {
    expect(planEvolution(table, [{ name: 'Name', type: STRING }])).toEqual({
      kind: 'impossible',
      column: 'Name',
      have: STRING,
      want: STRING,
    });
    const both = planEvolution(table, [
      { name: 'new', type: LONG },
      { name: 'NEW', type: DATE },
    ]);
    expect(both).toEqual({ kind: 'impossible', column: 'NEW', have: LONG, want: DATE });
  });

  test('a column without any value is not created yet, nor is a part of one', () => {
    expect(planEvolution(table, [{ name: 'n', type: VOID }])).toEqual({ kind: 'same' });
    expect(planEvolution(table, [{ name: 'n', type: array(VOID) }])).toEqual({ kind: 'same' });
    const { schema } = evolved(
      planEvolution(table, [{ name: 'n', type: struct([field('a', LONG), field('b', VOID)]) }]),
    );
    expect(schema.fields.at(-1)).toEqual(field('n', struct([field('a', LONG)])));
  });

  test('a column that has been void takes its first type', () => {
    const { schema, added, widened } = evolved(
      planEvolution(struct([field('v', VOID)]), [{ name: 'v', type: LONG }]),
    );
    expect(schema).toEqual(struct([field('v', LONG)]));
    expect([added, widened]).toEqual([['v'], []]);
  });

  test('structs grow at any depth', () => {
    const have = struct([field('s', array(struct([field('x', LONG, false)])), false)]);
    const want = array(struct([field('y', DATE), field('x', LONG)]));
    const { schema, added } = evolved(planEvolution(have, [{ name: 's', type: want }]));
    expect(schema).toEqual(
      struct([field('s', array(struct([field('x', LONG, false), field('y', DATE)])), false)]),
    );
    expect(added).toEqual(['s.element.y']);
  });
});

describe('wider types', () => {
  test.each<[DataType, DataType, DataType]>([
    [BYTE, SHORT, SHORT],
    [BYTE, LONG, LONG],
    [SHORT, INTEGER, INTEGER],
    [INTEGER, LONG, LONG],
    [FLOAT, DOUBLE, DOUBLE],
    [DATE, TIMESTAMP_NTZ, TIMESTAMP_NTZ],
    [decimal(10, 2), decimal(12, 2), decimal(12, 2)],
    [decimal(10, 2), decimal(12, 4), decimal(12, 4)],
    // Neither fits into the other: the common type holds both.
    [decimal(10, 2), decimal(10, 4), decimal(12, 4)],
    [decimal(10, 4), decimal(10, 2), decimal(12, 4)],
    [decimal(5, 2), INTEGER, decimal(12, 2)],
  ])('%j with %j becomes %j', (have, want, to) => {
    const { schema, widened } = evolved(
      planEvolution(struct([field('c', have, false)]), [{ name: 'c', type: want }]),
    );
    expect(schema.fields[0]?.type).toEqual(to);
    expect(schema.fields[0]?.nullable).toBe(false);
    expect(widened).toEqual([{ column: 'c', from: have, to }]);
  });

  test.each<[DataType, DataType]>([
    [LONG, INTEGER],
    [LONG, BYTE],
    [DOUBLE, FLOAT],
    [DOUBLE, INTEGER],
    [FLOAT, SHORT],
    [TIMESTAMP_NTZ, DATE],
    [decimal(12, 2), decimal(10, 2)],
    [decimal(12, 2), decimal(10, 0)],
    [decimal(12, 2), INTEGER],
    [decimal(19, 0), LONG],
    [LONG, VOID],
    [array(LONG, false), array(INTEGER, true)],
    [map(STRING, LONG), map(STRING, VOID)],
  ])('%j holds %j as it is', (have, want) => {
    expect(planEvolution(struct([field('c', have)]), [{ name: 'c', type: want }])).toEqual({ kind: 'same' });
  });

  test.each<[DataType, DataType]>([
    [STRING, LONG],
    [LONG, STRING],
    [INTEGER, DOUBLE],
    [DOUBLE, LONG],
    [FLOAT, INTEGER],
    [LONG, decimal(20, 0)],
    [decimal(38, 0), decimal(38, 2)],
    [TIMESTAMP, TIMESTAMP_NTZ],
    [DATE, TIMESTAMP],
    [array(LONG), LONG],
    [struct([field('a', LONG)]), map(STRING, LONG)],
  ])('%j never becomes %j', (have, want) => {
    expect(planEvolution(struct([field('c', have)]), [{ name: 'c', type: want }])).toEqual({
      kind: 'impossible',
      column: 'c',
      have,
      want,
    });
  });

  test('each step is kept in the metadata of the nearest field, after those before it', () => {
    const first = evolved(
      planEvolution(struct([field('n', BYTE, true, { comment: 'c' })]), [{ name: 'n', type: SHORT }]),
    ).schema;
    const second = evolved(planEvolution(first, [{ name: 'n', type: LONG }])).schema;
    expect(second.fields[0]?.metadata).toEqual({
      comment: 'c',
      'delta.typeChanges': [
        { toType: 'short', fromType: 'byte' },
        { toType: 'long', fromType: 'short' },
      ],
    });
  });

  test('inside arrays and maps the step says where, and a field below keeps its own', () => {
    const have = struct([
      field('m', map(INTEGER, array(struct([field('d', decimal(3, 1)), field('e', array(FLOAT))])))),
    ]);
    const want = map(LONG, array(struct([field('d', decimal(5, 1)), field('e', array(DOUBLE))])));
    const { schema, widened } = evolved(planEvolution(have, [{ name: 'm', type: want }]));
    const [m] = schema.fields;
    expect(m?.metadata).toEqual({
      'delta.typeChanges': [{ toType: 'long', fromType: 'integer', fieldPath: 'key' }],
    });
    const inner = nested(m, 'd', 'e');
    expect(inner[0]?.metadata).toEqual({
      'delta.typeChanges': [{ toType: 'decimal(5,1)', fromType: 'decimal(3,1)' }],
    });
    expect(inner[1]?.metadata).toEqual({
      'delta.typeChanges': [{ toType: 'double', fromType: 'float', fieldPath: 'element' }],
    });
    expect(widened.map(({ column }) => column)).toEqual([
      'm.key',
      'm.value.element.d',
      'm.value.element.e.element',
    ]);
  });

  test('a misfit deep inside is named, and nothing else is planned', () => {
    const have = struct([field('s', struct([field('a', array(LONG))]))]);
    const want = struct([field('b', LONG), field('a', array(STRING))]);
    expect(planEvolution(have, [{ name: 's', type: want }])).toEqual({
      kind: 'impossible',
      column: 's.a.element',
      have: LONG,
      want: STRING,
    });
  });
});

describe('laws', () => {
  const meeting = fc.tuple(numericType(), numericType());
  /** A schema that has to grow, the columns that it has to grow for, and what it becomes. */
  const growth = fc
    .oneof(
      fc.tuple(structType(), structType()),
      meeting.map(([have, want]) => [struct([field('c', have)]), struct([field('c', want)])] as const),
    )
    .map(([schema, { fields }]) => {
      const columns = fields.map(({ name, type }) => ({ name, type }));
      return { schema, columns, evolution: planEvolution(schema, columns) };
    })
    .filter(({ evolution }) => evolution.kind === 'evolved');

  test('a schema that has evolved holds what it evolved for', () => {
    fc.assert(
      fc.property(growth, ({ columns, evolution }) => {
        expect(planEvolution(evolved(evolution).schema, columns)).toEqual({ kind: 'same' });
      }),
      { numRuns: 500 },
    );
  });

  test('nothing is narrowed: a schema that has evolved still holds all that it held', () => {
    fc.assert(
      fc.property(growth, ({ schema, evolution }) => {
        const after = evolved(evolution).schema;
        expect(planEvolution(after, schema.fields)).toEqual({ kind: 'same' });
        expect(after.fields.slice(0, schema.fields.length).map(({ name }) => name)).toEqual(
          schema.fields.map(({ name }) => name),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('a schema holds its own rows', () => {
    fc.assert(
      fc.property(structType(), (schema) => {
        expect(planEvolution(schema, schema.fields)).toEqual({ kind: 'same' });
      }),
    );
  });

  test('a widening of decimals is one that Delta allows', () => {
    fc.assert(
      fc.property(meeting, ([have, want]) => {
        const evolution = planEvolution(struct([field('c', have)]), [{ name: 'c', type: want }]);
        const to = evolution.kind === 'evolved' ? evolution.schema.fields[0]?.type : have;
        if (have.kind !== 'decimal' || to?.kind !== 'decimal') return;
        const more = { scale: to.scale - have.scale, precision: to.precision - have.precision };
        expect(more.scale).toBeGreaterThanOrEqual(0);
        expect(more.precision).toBeGreaterThanOrEqual(more.scale);
        expect(to.precision).toBeLessThanOrEqual(38);
      }),
      { numRuns: 500 },
    );
  });
});

test('types are the same by what they hold, not by their metadata', () => {
  fc.assert(
    fc.property(structType(), structType(), (a, b) => {
      expect(sameType(a, structuredClone(a))).toBe(true);
      expect(sameType(a, withoutMetadata(a))).toBe(true);
      expect(sameType(a, b)).toBe(JSON.stringify(withoutMetadata(a)) === JSON.stringify(withoutMetadata(b)));
    }),
  );
});

function nested(outer: StructField | undefined, ...names: string[]): (StructField | undefined)[] {
  const type = outer?.type;
  if (type?.kind !== 'map' || type.value.kind !== 'array' || type.value.element.kind !== 'struct') return [];
  const { fields } = type.value.element;
  return names.map((name) => fields.find((one) => one.name === name));
}

function withoutMetadata(schema: StructType): StructType {
  return {
    kind: 'struct',
    fields: schema.fields.map((one) => ({ ...one, type: bare(one.type), metadata: {} })),
  };
}

function bare(type: DataType): DataType {
  switch (type.kind) {
    case 'struct':
      return withoutMetadata(type);
    case 'array':
      return { ...type, element: bare(type.element) };
    case 'map':
      return { ...type, key: bare(type.key), value: bare(type.value) };
    case 'primitive':
    case 'decimal':
      return type;
    default:
      return unreachable(type);
  }
}
