import { describe, expect, test } from 'vitest';
import {
  boolean,
  bytes,
  integer,
  list,
  nonEmpty,
  oneOf,
  oneOfAvailable,
  regex,
} from '../../src/runtime/config-readers.js';
import {
  configError,
  describeProblem,
  ownSecrets,
  ReadConfig,
  withoutSecret,
  type ConfigDef,
  type Reader,
} from '../../src/runtime/config-def.js';

describe('readers', () => {
  test.each<[string, Reader<unknown>, string, unknown]>([
    ['boolean', boolean, ' True ', true],
    ['boolean', boolean, 'false', false],
    ['list', list, 'a, b,,c ', ['a', 'b', 'c']],
    ['list', list, '', []],
    ['integer', integer(0), '007', 7],
    ['integer', integer(-1), '-1', -1],
    ['bytes', bytes(1), '64MiB', 67_108_864],
    ['bytes', bytes(1), '1 kib', 1024],
    ['bytes', bytes(1), '12', 12],
    ['oneOf', oneOf('none', 'all'), 'ALL', 'all'],
    ['non-empty', nonEmpty, ' a ', 'a'],
  ])('%s reads %j', (_, read, text, value) => {
    expect(read(text)).toEqual({ value });
  });

  test.each<[string, Reader<unknown>, string, string]>([
    ['boolean', boolean, 'yes', 'must be true or false'],
    ['integer', integer(1), '0', 'must be a whole number of at least 1'],
    ['integer', integer(1, 5), '6', 'must be a whole number from 1 to 5'],
    ['integer', integer(0), '1e3', 'must be a whole number of at least 0'],
    ['integer', integer(0), '9007199254740993', 'must be a whole number of at least 0'],
    ['integer', integer(0), '', 'must be a whole number of at least 0'],
    ['bytes', bytes(1024), '1', 'must be a number of bytes of at least 1024, such as 67108864 or 64MiB'],
    ['bytes', bytes(1), '1MB', 'must be a number of bytes of at least 1, such as 67108864 or 64MiB'],
    ['oneOf', oneOf('a', 'b', 'c'), 'd', 'must be a, b or c'],
    ['available', oneOfAvailable(['a'], ['b']), 'B', 'B is not available in this version; it takes a'],
    ['non-empty', nonEmpty, '  ', 'must not be empty'],
    ['regex', regex, '(', 'is no regular expression'],
  ])('%s refuses %j', (_, read, text, problem) => {
    const found = read(text);
    expect('problem' in found ? found.problem : 'taken').toContain(problem);
  });

  test('a pattern means whole names', () => {
    const found = regex('inventory\\..*|a');
    expect('value' in found && found.value.test('inventory.x')).toBe(true);
    expect('value' in found && found.value.test('xinventory.x')).toBe(false);
    expect('value' in found && found.value.test('ab')).toBe(false);
  });
});

describe('a configuration held against its definition', () => {
  const rows = {
    name: 'flush.max.rows',
    type: 'INT',
    read: integer(1),
    default: '10',
    importance: 'LOW',
    documentation: '',
  } as const;
  const password = {
    name: 'sasl.password',
    type: 'PASSWORD',
    read: oneOfAvailable(['x'], ['secret']),
    importance: 'LOW',
    documentation: '',
  } as const;
  const url = {
    name: 'table.url',
    type: 'STRING',
    read: nonEmpty,
    required: true,
    importance: 'HIGH',
    documentation: '',
  } as const;
  const definition: ConfigDef = {
    keys: [rows, password, url],
    patterns: [
      { prefix: 'table.', documentation: '' },
      { prefix: 'transforms.', documentation: '', refused: 'is not available in this version' },
    ],
  };
  const config = (settings: Readonly<Record<string, string>>) =>
    new ReadConfig(
      definition,
      new Map(Object.entries(settings).map(([key, value]) => [key, { value, origin: 'here' }])),
    );

  test('gives values and defaults', () => {
    const read = config({ 'table.url': 'x', 'table.a.b': 'c' });
    expect(read.problems).toEqual([]);
    expect([read.get(rows), read.get(url), read.get(password)]).toEqual([10, 'x', undefined]);
    expect([...read.withPrefix('table.')].map(([rest]) => rest)).toEqual(['url', 'a.b']);
  });

  test('finds every problem: required, wrong, unknown with the nearest, refused', () => {
    const { problems } = config({ 'flush.max.rows': 'x', 'flush.max.row': '1', 'transforms.a': 'b' });
    expect(problems.map((problem) => describeProblem(problem, new Set()))).toEqual([
      'flush.max.rows=x (here): must be a whole number of at least 1',
      'table.url: is required and not set',
      'flush.max.row=1 (here): is no key of this connector; did you mean flush.max.rows?',
      'transforms.a=b (here): is not available in this version',
    ]);
  });

  test('a default is not taken for a value that is wrong', () => {
    expect(config({ 'table.url': 'x', 'flush.max.rows': '0' }).get(rows)).toBeUndefined();
  });

  test('secrets are shown neither as a value nor inside a message', () => {
    const secrets = ownSecrets(definition);
    const { problems } = config({ 'table.url': 'x', 'sasl.password': 'secret' });
    expect(problems[0]?.message).toContain('secret is not available');
    const [problem] = problems;
    const told = problem === undefined ? undefined : withoutSecret(problem, secrets);
    expect(told).toMatchObject({
      value: '[secret]',
      message: '[secret] is not available in this version; it takes x',
    });
    expect(configError('it', problems, secrets).message).toBe(
      'it: one setting is wrong\n' +
        '  sasl.password=[secret] (here): [secret] is not available in this version; it takes x',
    );
  });
});
