import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkpointKey, commitKey, paddedVersion, parseLogFile } from '../../src/protocol/log-files.js';

const V = '00000000000000000042';
const UUID = '3a0d65cd-4056-49b8-937b-95f9e3ee90e5';

describe('the names of log files', () => {
  test.each([
    [`${V}.json`, { kind: 'commit', version: 42 }],
    [`${V}.crc`, { kind: 'checksum', version: 42 }],
    [`${V}.checkpoint.parquet`, { kind: 'checkpoint', version: 42, shape: { kind: 'classic' } }],
    [
      `${V}.checkpoint.0000000002.0000000003.parquet`,
      { kind: 'checkpoint', version: 42, shape: { kind: 'multipart', part: 2, parts: 3 } },
    ],
    [
      `${V}.checkpoint.${UUID}.json`,
      { kind: 'checkpoint', version: 42, shape: { kind: 'uuid', uuid: UUID, format: 'json' } },
    ],
    [
      `${V}.checkpoint.${UUID}.parquet`,
      { kind: 'checkpoint', version: 42, shape: { kind: 'uuid', uuid: UUID, format: 'parquet' } },
    ],
    [`${V}.00000000000000000045.compacted.json`, { kind: 'compacted', from: 42, through: 45 }],
    ['_last_checkpoint', { kind: 'last-checkpoint' }],
  ])('%s is told by its name', (name, expected) => {
    expect(parseLogFile(name)).toEqual({ ...expected, name });
  });

  test.each([
    `.${V}.json.crc`,
    `${V}.json.tmp`,
    V,
    `42.json`,
    `_staged_commits/${V}.${UUID}.json`,
    `_sidecars/${UUID}.parquet`,
    `${V}.checkpoint.0000000004.0000000003.parquet`,
    `${V}.checkpoint.0000000000.0000000003.parquet`,
    `00000000000000000045.${V}.compacted.json`,
    '99999999999999999999.json',
    '_last_vacuum_info',
    '',
  ])('"%s" is foreign', (name) => {
    expect(parseLogFile(name)).toEqual({ kind: 'foreign', name });
  });

  test('a checkpoint of zero bytes is foreign, one of unknown size is not', () => {
    expect(parseLogFile(`${V}.checkpoint.parquet`, 0).kind).toBe('foreign');
    expect(parseLogFile(`${V}.checkpoint.parquet`, 9)).toMatchObject({ kind: 'checkpoint', size: 9 });
    expect(parseLogFile(`${V}.checkpoint.parquet`).kind).toBe('checkpoint');
  });

  test('keys are made of versions and sort like them', () => {
    expect(commitKey(42)).toBe(`_delta_log/${V}.json`);
    expect(checkpointKey(42)).toBe(`_delta_log/${V}.checkpoint.parquet`);
    const version = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(paddedVersion(a) < paddedVersion(b)).toBe(a < b);
        expect(parseLogFile(`${paddedVersion(a)}.json`)).toMatchObject({ version: a });
      }),
    );
  });

  test('no name makes the parser throw', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(parseLogFile(name)).toHaveProperty('kind');
      }),
    );
  });
});
