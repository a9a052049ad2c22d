import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isJsonObject, parseJson } from '../../src/base/json.js';
import { checksumOf, formatLastCheckpoint, parseLastCheckpoint } from '../../src/protocol/last-checkpoint.js';
import { md5 } from '../../src/protocol/md5.js';

test('MD5 is that of RFC 1321', () => {
  const text = (value: string) => md5(new TextEncoder().encode(value));
  expect(text('')).toBe('d41d8cd98f00b204e9800998ecf8427e');
  expect(text('message digest')).toBe('f96b697d7cb7938d525a2f31aaf161d0');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(md5(bytes)).toBe(createHash('md5').update(bytes).digest('hex'));
    }),
  );
});

describe('_last_checkpoint', () => {
  const hint = { version: 20, size: 35, sizeInBytes: 14_000, numOfAddFiles: 12 };

  test('reads as it was written', () => {
    expect(parseLastCheckpoint(formatLastCheckpoint(hint))).toEqual(hint);
    expect(parseLastCheckpoint(formatLastCheckpoint({ version: 0, size: 2 }))).toEqual({
      version: 0,
      size: 2,
    });
  });

  test('with any digit changed it is no hint any more', () => {
    const text = formatLastCheckpoint(hint);
    for (const [from, to] of [
      ['20', '21'],
      ['35', '36'],
      ['14000', '14001'],
      ['"numOf', '"NumOf'],
    ] as const) {
      expect(text).toContain(from);
      expect(parseLastCheckpoint(text.replace(from, to))).toBeUndefined();
    }
  });

  test('without a checksum it is taken as it is, with garbage it is not', () => {
    expect(parseLastCheckpoint('{"version":7,"size":3,"parts":2,"unknown":{"a":[1]}}')).toEqual({
      version: 7,
      size: 3,
      parts: 2,
    });
    for (const text of ['', '{"ver', '[]', '{"size":1}', '{"version":-1}', '{"version":"7"}', '\u0000']) {
      expect(parseLastCheckpoint(text)).toBeUndefined();
    }
  });

  test('the checksum does not depend on the order of members, and takes nested values and names as they are', () => {
    const checksum = (text: string) => {
      const value = parseJson(text);
      return isJsonObject(value) ? checksumOf(value) : '';
    };
    const base = checksum('{"a":{"b c":[1,true,null]},"d":"x/ü","checksum":"?"}');
    expect(checksum('{"d":"x/ü","a":{"b c":[1,true,null]}}')).toBe(base);
    const canonical = '"a"+"b%20c"+0=1,"a"+"b%20c"+1=true,"a"+"b%20c"+2=null,"d"="x%2F%C3%BC"';
    expect(base).toBe(createHash('md5').update(canonical).digest('hex'));
    expect(checksum('{"k!\'()*":9007199254740993}')).toBe(
      createHash('md5').update('"k%21%27%28%29%2A"=9007199254740993').digest('hex'),
    );
  });
});
