import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPackage, PROGRAM } from '../support/package.js';

describe('a configuration that is wrong', () => {
  let folder: string;
  let file: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-config-'));
    await buildPackage();
    file = join(folder, 'wrong.json');
    const config = {
      'connector.class': 'DeltaSink',
      topics: 'a',
      'topics.regex': 'b.*',
      'flush.intervall.ms': '100',
      'flush.max.rows': 'many',
      'merge.strategy': 'merge-on-reed',
      'table.url': join(folder, 'tables'),
    };
    await writeFile(file, JSON.stringify({ name: 'wrong', config }));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test.each(['validate', 'run'])('is told by %s whole, and nothing is started', async (command) => {
    const { code, said } = await sluice(command, file);
    expect(code, said).toBe(1);
    expect(said).toMatch(/bootstrap\.servers: is required/);
    for (const setting of [
      'topics=a',
      'flush.intervall.ms=100',
      'flush.max.rows=many',
      'merge.strategy=merge-on-reed',
    ]) {
      expect(said).toContain(`${setting} (wrong.json:`);
    }
    expect(said).toContain('did you mean flush.interval.ms');
    expect(said).toContain('merge-on-read or copy-on-write');
    expect((await readdir(folder)).toSorted()).toEqual(['wrong.json']);
  });
});

function sluice(...args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], { timeout: 60_000 }, (cause, stdout, stderr) => {
      const code = cause === null ? 0 : typeof cause.code === 'number' ? cause.code : -1;
      resolve({ code, said: `${stdout}${stderr}` });
    });
  });
}
