import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LONG, VOID, array, decimal, field, map, primitive, struct } from '../../src/schema/build.js';
import { formatSchemaString, parseSchemaString } from '../../src/schema/schema-string.js';
import { structType } from './arbitraries.js';

test("a schema as Spark writes it comes back to the letter, its fields' metadata to the digit", () => {
  const text =
    '{"type":"struct","fields":[' +
    '{"name":"id","type":"long","nullable":false,"metadata":{"delta.identity.start":9223372036854775807,"comment":"the \\"key\\""}},' +
    '{"name":"price","type":"decimal(12,2)","nullable":true,"metadata":{}},' +
    '{"name":"tags","type":{"type":"array","elementType":"string","containsNull":true},"nullable":true,"metadata":{}},' +
    '{"name":"attrs","type":{"type":"map","keyType":"string","valueType":{"type":"struct","fields":[' +
    '{"name":"v","type":"timestamp_ntz","nullable":true,"metadata":{}}]},"valueContainsNull":false},"nullable":true,"metadata":{}}]}';
  const schema = parseSchemaString(text);
  expect(schema.fields[0]).toEqual(
    field('id', LONG, false, { 'delta.identity.start': 9223372036854775807n, comment: 'the "key"' }),
  );
  expect(schema.fields[1]?.type).toEqual(decimal(12, 2));
  expect(schema.fields[2]?.type).toEqual(array(primitive('string')));
  expect(schema.fields[3]?.type).toEqual(
    map(primitive('string'), struct([field('v', primitive('timestamp_ntz'))]), false),
  );
  expect(formatSchemaString(schema)).toBe(text);
});

test('older and looser spellings are read', () => {
  const schema = parseSchemaString(
    '{"type":"struct","fields":[{"name":"a","type":"decimal"},{"name":"b","type":"null"},{"name":"c","type":"decimal(5, 2)","nullable":false}]}',
  );
  expect(schema).toEqual(
    struct([field('a', decimal(10, 0)), field('b', VOID), field('c', decimal(5, 2), false)]),
  );
});

describe('a schema that is none', () => {
  test.each([
    '',
    '{',
    '"long"',
    '[]',
    'null',
    '{"type":"struct"}',
    '{"type":"struct","fields":{}}',
    '{"type":"struct","fields":[1]}',
    '{"type":"struct","fields":[{"type":"long"}]}',
    '{"type":"struct","fields":[{"name":"a"}]}',
    '{"type":"struct","fields":[{"name":"a","type":"long","nullable":1}]}',
    '{"type":"struct","fields":[{"name":"a","type":"long","metadata":[]}]}',
    '{"type":"struct","fields":[{"name":"a","type":{"type":"array"}}]}',
    '{"type":"struct","fields":[{"name":"a","type":{"type":"set","elementType":"long"}}]}',
  ])('%j is CORRUPT_LOG', (text) => {
    expect(() => parseSchemaString(text)).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }));
  });

  test('a place deep inside is named', () => {
    const text =
      '{"type":"struct","fields":[{"name":"a","type":{"type":"array","elementType":{"type":"struct","fields":[{"name":"b","type":7}]}}}]}';
    expect(() => parseSchemaString(text)).toThrow(/a\.element\.b/);
  });

  test.each(['timestamp_nanos', 'geometry(4326)', 'decimal(39,0)', 'decimal(5,6)', 'interval day'])(
    'the type %s asks for another reader',
    (type) => {
      const text = `{"type":"struct","fields":[{"name":"a","type":"${type}"}]}`;
      expect(() => parseSchemaString(text)).toThrow(
        expect.objectContaining({ code: 'PROTOCOL_UNSUPPORTED', context: { column: 'a', type } }),
      );
    },
  );
});

test('every schema comes back from its text', () => {
  fc.assert(
    fc.property(structType(), (schema) => {
      expect(parseSchemaString(formatSchemaString(schema))).toEqual(schema);
    }),
  );
});
