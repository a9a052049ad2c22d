import { describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { SluiceError } from '../../src/base/errors.js';
import { Interruption } from '../../src/cli/interruption.js';
import { OutputClosed } from '../../src/cli/io.js';
import { reportError } from '../../src/cli/report-error.js';
import { cli } from '../support/cli.js';

const NOWHERE = 'memory://cli-usage/nowhere';

describe('wrong usage exits with 2 and says what was meant', () => {
  test.each([
    [['table', 'read', NOWHERE, '--formt', 'csv'], "unknown option '--formt'", 'did you mean --format?'],
    [['tabel', 'read'], "unknown command 'tabel'", 'did you mean table?'],
    [['table', 'reed', NOWHERE], "unknown command 'reed'", 'did you mean read?'],
    [['table', 'read'], "missing required argument 'url'", '--help shows what it takes'],
    [['table', 'read', NOWHERE, '--format', 'xml'], 'Allowed choices are ndjson, csv', '--help'],
    [['table', 'read', NOWHERE, '--limit', '1.5'], 'no whole number', '--help'],
    [['table', 'read', NOWHERE, '--version', '-1'], 'no whole number', '--help'],
    [['table', 'read', NOWHERE, '--timestamp', 'yesterday'], 'no time such as', '--help'],
    [
      ['table', 'read', NOWHERE, '--version', '1', '--timestamp', '2026-01-01'],
      'cannot be used with',
      '--help',
    ],
    [['table', 'read', NOWHERE, '--where', 'a ='], 'EXPRESSION_INVALID', ''],
    [['table', 'changes', NOWHERE], 'it is not said where the changes begin', '--from'],
    [['table', 'changes', NOWHERE, '--from', 'x'], 'neither a version nor a time', '--help'],
    [['run'], "missing required argument 'connector'", '--help'],
    [['run', 'a.json', '--set', 'nothing'], 'key=value', '--help'],
    [['validate', 'a.json', 'b.json'], 'too many arguments', '--help'],
  ])('%j', async (argv, message, hint) => {
    const { code, err, out } = await cli(argv);
    expect(code).toBe(2);
    expect(err).toMatch(/^error\[(USAGE|EXPRESSION_INVALID)\]: /);
    expect(err).toContain(message);
    expect(err).toContain(hint);
    expect(out).toBe('');
  });

  test('a noun without its verb shows the help on standard error', async () => {
    const { code, err, out } = await cli(['table']);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('Usage: sluice table');
  });
});

describe('help', () => {
  test.each([
    [['--help']],
    [['demo', '--help']],
    [['run', '--help']],
    [['validate', '--help']],
    [['table', '--help']],
    ...['read', 'changes', 'history', 'detail', 'schema', 'files'].map((verb) => [['table', verb, '--help']]),
  ])('%j is a result', async (argv) => {
    const { code, out, err } = await cli(argv);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('Usage: sluice');
    // What groups other commands has their examples.
    if (argv[0] !== '--help' && argv[1] !== '--help')
      expect(out).toMatch(/Examples?:\n {2}# .+\n {2}\$ sluice/);
  });

  test('the version is the package’s', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect((await cli(['--version'])).out).toBe(`${version}\n`);
  });
});

describe('an error is one line, a hint, and a stack only where it is asked for', () => {
  const error = new SluiceError('TABLE_NOT_FOUND', 'there is no table', {
    hint: 'look again',
    cause: new Error('because'),
  });

  test.each([
    ['operational', error, false, 1, ['error[TABLE_NOT_FOUND]: there is no table', 'hint: look again']],
    ['usage', new SluiceError('USAGE', 'no'), false, 2, ['error[USAGE]: no']],
    ['a reader gone', new OutputClosed('gone'), true, 0, []],
    ['interrupted', new Interruption('SIGTERM'), false, 130, ['interrupted']],
  ])('%s', (_, cause, debug, code, lines) => {
    expect(reportError(cause, debug)).toEqual({ code, lines });
  });

  test('a bug is told as one', () => {
    const { lines, code } = reportError(new TypeError('x is not a function'), false);
    expect(code).toBe(1);
    expect(lines[0]).toBe('error[INTERNAL]: TypeError: x is not a function');
    expect(lines[1]).toContain('--debug');
    expect(lines.length).toBe(2);
  });

  test('--debug shows the stack and what caused it', async () => {
    expect(reportError(error, true).lines.join('\n')).toMatch(/report|at .*usage\.test/s);
    expect(reportError(error, true).lines).toContain('caused by:');
    const { err } = await cli(['table', 'read', NOWHERE, '--debug']);
    expect(err).toMatch(/^error\[TABLE_NOT_FOUND\].*\n.*hint: .*\n.*SluiceError: [^]*\n {4}at /);
    expect((await cli(['table', 'read', NOWHERE])).err).not.toContain('    at ');
  });

  test('a message cannot steer the terminal', () => {
    const { lines } = reportError(new SluiceError('USAGE', 'a\u001b[2Jb'), false);
    expect(lines).toEqual(['error[USAGE]: a\\u001b[2Jb']);
  });
});
