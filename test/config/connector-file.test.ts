import { afterAll, describe, expect, test } from 'vitest';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConnectorFile } from '../../src/config/connector-file.js';
import { redactor } from '../../src/config/redact.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-test-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const read = (path: string, env: Record<string, string> = {}, overrides: Record<string, string> = {}) =>
  readConnectorFile(path, { environment: env, overrides: new Map(Object.entries(overrides)) });

const shown = async (path: string) => {
  const { name, settings } = await read(path);
  return { name, settings: Object.fromEntries([...settings].map(([key, { value }]) => [key, value])) };
};

describe('a connector’s file', () => {
  const expected = {
    name: 'lake',
    settings: { topics: 'a,b', 'flush.max.rows': '10', 'delete.enabled': 'true' },
  };

  test.each([
    ['wrapped.json', '{"name":"lake","config":{"topics":"a,b","flush.max.rows":10,"delete.enabled":true}}'],
    ['bare.json', '{"name":"lake","topics":"a,b","flush.max.rows":"10","delete.enabled":"true"}'],
    ['inside.json', '{"config":{"name":"lake","topics":"a,b","flush.max.rows":10,"delete.enabled":true}}'],
    ['connect.properties', 'name=lake\ntopics=a,b\nflush.max.rows=10\ndelete.enabled=true\n'],
    ['wrapped.yaml', 'name: lake\nconfig:\n  topics: a,b\n  flush.max.rows: 10\n  delete.enabled: true\n'],
    ['bare.yml', 'name: lake\ntopics: "a,b"\nflush.max.rows: 10\ndelete.enabled: true\n'],
  ])('%s says the same in its own way', async (name, text) => {
    expect(await shown(file(name, text))).toEqual(expected);
  });

  test('a connector without a name is called as its file', async () => {
    expect((await read(file('orders-lake.json', '{"topics":"a"}'))).name).toBe('orders-lake');
  });

  test('no digit of a number is lost, no text is taken for something else', async () => {
    const text = '{"config":{"a":12345678901234567890,"b":1.50,"c":"007","d":"null"}}';
    expect((await shown(file('digits.json', text))).settings).toEqual({
      a: '12345678901234567890',
      b: '1.50',
      c: '007',
      d: 'null',
    });
    const yaml = 'config:\n  a: 1.50\n  b: no\n  c: 0x10\n  d: "0x10"\n';
    expect((await shown(file('digits.yaml', yaml))).settings).toEqual({
      a: '1.50',
      b: 'no',
      c: '0x10',
      d: '0x10',
    });
  });

  test('of a key that comes twice, properties keep the last as Java does, the others say so', async () => {
    expect((await shown(file('twice.properties', 'a=1\na=2'))).settings).toEqual({ a: '2' });
    const { problems, settings } = await read(file('twice.json', '{"config":{"a":1,\n"a":2}}'));
    expect(settings.get('a')?.value).toBe('1');
    expect(problems).toEqual([
      { key: 'a', value: '2', origin: 'twice.json:2', message: 'is set before, at twice.json:1' },
    ]);
  });

  test('settings know where they came from; the command line wins', async () => {
    const path = file('origins.properties', '# first\na=1\nb=2\n');
    const { settings, name } = await read(path, {}, { b: '3', c: '4', name: 'other' });
    expect(name).toBe('other');
    expect([...settings].map(([key, { value, origin }]) => [key, value, origin])).toEqual([
      ['a', '1', 'origins.properties:2'],
      ['b', '3', 'command line'],
      ['c', '4', 'command line'],
    ]);
  });

  test('what stands beside config is a problem, not passed over', async () => {
    const { problems } = await read(file('beside.json', '{"name":"x","topics":"a","config":{"b":1}}'));
    expect(problems.map(({ key, message }) => [key, message])).toEqual([
      ['topics', 'stands beside config; settings stand in it'],
    ]);
  });

  test('keys that objects inherit are keys like any other', async () => {
    const { settings } = await read(file('proto.json', '{"config":{"__proto__":"a","constructor":"b"}}'));
    expect(settings.get('__proto__')?.value).toBe('a');
    expect(settings.get('constructor')?.value).toBe('b');
  });
});

describe('references to the outside', () => {
  test('come from the environment and from files, relative to the connector’s folder', async () => {
    mkdirSync(join(folder, 'secrets'), { recursive: true });
    file('secrets/kafka.properties', 'user=ada\npassword=hunter2=x\nuser=bob\n');
    file('secrets/token', 'abcdef\n');
    const path = file(
      'outside.json',
      JSON.stringify({
        config: {
          a: '${env:HOST}:9092',
          b: 'user="${file:secrets/kafka.properties:user}" password="${file:secrets/kafka.properties:password}"',
          c: '${file:secrets/token}',
          d: '${source.schema}/${topic}',
          e: '${env:NESTED}',
        },
      }),
    );
    const found = await read(path, { HOST: 'broker', NESTED: '${env:HOST}' });
    expect([...found.settings.values()].map(({ value }) => value)).toEqual([
      'broker:9092',
      'user="bob" password="hunter2=x"',
      'abcdef',
      '${source.schema}/${topic}',
      '${env:HOST}',
    ]);
    expect([...found.secrets]).toEqual(['a', 'b', 'c', 'e']);
    expect(found.secretValues).toEqual(['broker', 'bob', 'hunter2=x', 'abcdef', '${env:HOST}']);
    expect(found.problems).toEqual([]);
  });

  test('that lead nowhere are all told, and leave the rest as it is', async () => {
    const config = { a: '${env:NOPE}', b: '${file:gone.properties:x}', c: '${file:outside.json:x}', d: '1' };
    const found = await read(file('nowhere.json', JSON.stringify({ config })));
    expect([...found.unresolved]).toEqual(['a', 'b', 'c']);
    expect(found.problems.map(({ message }) => message)).toEqual([
      'the environment variable NOPE is not set',
      `the file ${join(folder, 'gone.properties')} cannot be read (ENOENT)`,
      `the file ${join(folder, 'outside.json')} has no x`,
    ]);
    expect(found.settings.get('d')?.value).toBe('1');
  });
});

describe('the redactor', () => {
  test('hides every value wherever it stands, the longer one first, and leaves short ones', () => {
    const redact = redactor(['hunter2', 'hunter2-long', 'a', '', 'hunter2']);
    expect(redact('x=hunter2-long y=hunter2 a')).toBe('x=[secret] y=[secret] a');
    expect(redactor([])('as it is')).toBe('as it is');
  });
});
