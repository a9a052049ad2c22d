import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { createTable } from '../../src/operations/create-table.js';
import { DeltaTable } from '../../src/operations/delta-table.js';
import { parseColumnsText } from '../../src/schema/type-text.js';
import { localStore } from '../../src/storage/local.js';
import { compileCli, type CompiledCli } from '../support/compiled-cli.js';

describe('table changes --follow in a process of its own', () => {
  let compiled: CompiledCli;

  beforeAll(async () => {
    compiled = await compileCli();
  });

  afterAll(async () => {
    await compiled[Symbol.asyncDispose]();
  });

  async function newTable(name: string): Promise<DeltaTable> {
    const url = join(compiled.folder, name);
    const fields = parseColumnsText('id BIGINT').map(({ field }) => field);
    await createTable(localStore(url), { schema: { kind: 'struct', fields }, signal: never });
    return DeltaTable.open(url);
  }

  /** Starts a follower; `lines` gives what it prints, `end` asks it to end and gives its exit code. */
  function follow(...args: readonly string[]) {
    const child = compiled.start('table', 'changes', ...args, '--follow', '--cursor', 'tail');
    let said = '';
    child.stderr.on('data', (piece: Buffer) => (said += piece.toString()));
    const exited = once(child, 'exit');
    return {
      lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](),
      end: async (by: 'SIGINT' | 'SIGKILL') => {
        child.kill(by);
        const [code] = await exited;
        return { code: Number(code ?? -1), said };
      },
    };
  }

  async function nextId(lines: AsyncIterator<string>): Promise<unknown> {
    const { value } = await lines.next();
    return JSON.parse(String(value)).id;
  }

  test('prints what another process appends, and ends by Ctrl-C without a word of failure', async () => {
    let table = await newTable('appended');
    ({ table } = await table.append([{ id: 1n }]));
    const { lines, end } = follow('appended', '--from', '0');
    expect(await nextId(lines)).toBe(1);
    for (const id of [2n, 3n, 4n]) {
      ({ table } = await table.append([{ id }]));
      expect(await nextId(lines)).toBe(Number(id));
    }
    const { code, said } = await end('SIGINT');
    expect([code, said]).toEqual([130, 'interrupted\n']);
    ({ table } = await table.append([{ id: 5n }]));
    const again = follow('appended');
    // The line before may have been printed and not acknowledged yet when the process was asked to end.
    const first = await nextId(again.lines);
    expect([4, 5]).toContain(first);
    if (first === 4) expect(await nextId(again.lines)).toBe(5);
    await again.end('SIGINT');
  });

  test('a follower that is killed goes on where it was, and leaves nothing out', async () => {
    let table = await newTable('killed');
    const seen: number[] = [];
    for (let round = 0; round < 3; round++) {
      for (const id of [0, 1]) ({ table } = await table.append([{ id: BigInt(2 * round + id) }]));
      const { lines, end } = follow('killed', '--from', '0');
      while (seen.at(-1) !== 2 * round + 1) seen.push(Number(await nextId(lines)));
      await end('SIGKILL');
    }
    expect([...new Set(seen)]).toEqual([0, 1, 2, 3, 4, 5]);
    // In order. A version is printed once the one before is acknowledged: after a kill only the last one may come again.
    for (const [i, id] of seen.entries()) {
      const before = seen[i - 1] ?? -1;
      expect([before, before + 1]).toContain(id);
    }
  });
});
