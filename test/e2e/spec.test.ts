import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { hasJvm } from '../support/kafka-jars.js';

describe.skipIf(!(await hasJvm('4.3.1')))('the model of the commit protocol', () => {
  test('keeps its promises, and each breakage breaks one', () => {
    const { status, stdout } = spawnSync(process.execPath, ['scripts/spec.mjs'], { encoding: 'utf8' });
    expect(stdout).toMatch(/^small: every promise holds in \d+ states/m);
    expect(status, stdout).toBe(0);
  });
});
