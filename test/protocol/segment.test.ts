import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { paddedVersion, parseLogFile, type LogFile } from '../../src/protocol/log-files.js';
import { planSegment } from '../../src/protocol/segment.js';

/** `3` a commit, `c3` a classic checkpoint, `m3.1/2` a part, `u3` and `j3` UUID-named ones. */
function files(text: string): LogFile[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => parseLogFile(nameOf(word), 100));
}

function nameOf(word: string): string {
  const [, kind = '', digits = '', part, parts] = /^([cmuj]?)(\d+)(?:\.(\d+)\/(\d+))?$/.exec(word) ?? [];
  const version = paddedVersion(Number(digits));
  const uuid = '3a0d65cd-4056-49b8-937b-95f9e3ee90e5';
  if (kind === 'c') return `${version}.checkpoint.parquet`;
  if (kind === 'm')
    return `${version}.checkpoint.${part?.padStart(10, '0')}.${parts?.padStart(10, '0')}.parquet`;
  if (kind !== '') return `${version}.checkpoint.${uuid}.${kind === 'u' ? 'parquet' : 'json'}`;
  return `${version}.json`;
}

function shape(list: string, target?: number): string {
  const plan = planSegment(files(list), target);
  switch (plan.kind) {
    case 'segment': {
      const checkpoint = plan.checkpoint;
      const at =
        checkpoint === undefined
          ? '-'
          : `${checkpoint.files.map((f) => f.shape.kind).join('+')}@${checkpoint.version}`;
      return `${plan.version}: ${at} ${plan.commits.join(',')}`.trim();
    }
    case 'gap':
      return `gap ${plan.missing}`;
    case 'beyond':
      return `beyond ${plan.latest}`;
    case 'expired':
      return `expired ${plan.earliest ?? '-'}`;
    case 'empty':
      return 'empty';
  }
}

describe('the files that make a version', () => {
  test.each([
    ['0 1 2', undefined, '2: - 0,1,2'],
    ['0 1 2', 1, '1: - 0,1'],
    ['0 1 2 c2 3', undefined, '3: classic@2 3'],
    ['0 1 2 c2', undefined, '2: classic@2'],
    ['c2', undefined, '2: classic@2'],
    ['c2 3 4', undefined, '4: classic@2 3,4'],
    ['c2 3 4', 2, '2: classic@2'],
    ['0 1 2 c2 3 c3 4', 2, '2: classic@2'],
    ['0 1 c1 2 c2 3', 1, '1: classic@1'],
    ['2 1 0', undefined, '2: - 0,1,2'],
    ['c10 9 11 8', undefined, '11: classic@10 11'],
  ])('%s at %s is %s', (list, target, expected) => {
    expect(shape(list, target)).toBe(expected);
  });

  test.each([
    ['m4.1/2 m4.2/2 c4 5', '5: multipart+multipart@4 5'],
    ['m4.2/2 m4.1/2', '4: multipart+multipart@4'],
    ['0 1 2 3 4 m4.1/2 5', '5: - 0,1,2,3,4,5'],
    ['0 1 c1 2 m2.1/2 m2.1/3 m2.3/3', '2: classic@1 2'],
    ['m4.1/2 c4', '4: classic@4'],
    ['m4.1/1 m4.1/2', '4: multipart@4'],
    ['u4 m4.1/1 c4', '4: uuid@4'],
    ['j4 c4 5', '5: uuid@4 5'],
  ])('of the checkpoints of %s a complete one is taken: %s', (list, expected) => {
    expect(shape(list)).toBe(expected);
  });

  test.each([
    ['', undefined, 'empty'],
    ['0 1 3', undefined, 'gap 2'],
    ['0 1 3', 1, '1: - 0,1'],
    ['c2 4', undefined, 'gap 3'],
    ['1 2', undefined, 'gap 0'],
    ['5 6', undefined, 'expired -'],
    ['5 6 c6 7', 5, 'expired 6'],
    ['5 6 c6 7 c7', 5, 'expired 6'],
    ['0 1', 5, 'beyond 1'],
    ['c2', 3, 'beyond 2'],
    ['c2', 1, 'expired 2'],
  ])('%s at %s is a problem: %s', (list, target, expected) => {
    expect(shape(list, target)).toBe(expected);
  });

  test('checkpoints of zero bytes, compacted files and foreign ones are passed by', () => {
    const list = [
      ...files('0 1 2'),
      parseLogFile(nameOf('c1'), 0),
      parseLogFile(`${paddedVersion(0)}.${paddedVersion(1)}.compacted.json`, 9),
      parseLogFile('_last_checkpoint', 9),
      parseLogFile(`${paddedVersion(9)}.json.tmp`, 9),
    ];
    expect(planSegment(list)).toEqual({ kind: 'segment', version: 2, commits: [0, 1, 2] });
  });

  test('whatever is left of a log, a plan has all it names and reaches the version asked for', () => {
    const log = fc.uniqueArray(fc.tuple(fc.constantFrom('', 'c'), fc.nat(12)), {
      selector: ([kind, version]) => kind + String(version),
    });
    fc.assert(
      fc.property(log, fc.option(fc.nat(13), { nil: undefined }), (entries, target) => {
        const words = entries.map(([kind, version]) => kind + String(version));
        const plan = planSegment(files(words.join(' ')), target);
        if (plan.kind !== 'segment') return;
        const start = plan.checkpoint?.version ?? -1;
        expect(plan.version).toBe(target ?? Math.max(...entries.map(([, version]) => version)));
        expect(plan.commits).toEqual(Array.from({ length: plan.version - start }, (_, i) => start + 1 + i));
        for (const version of plan.commits) expect(words).toContain(String(version));
        expect(plan.checkpoint === undefined || words.includes(`c${start}`)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
