/**
 * `npm run breakages -- [--seeds N] [--from S] [--only WORD]`: breaks one promise after another in a copy of the compiled
 * tree, plays seeds there, and prints which checker saw it in how many of them.
 */
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { playAcross, type Tally } from '../crew.js';
import { BREAKAGES, type Breakage } from './list.js';
import { breakTree } from './tree.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    workers: { type: 'string', default: String(availableParallelism()) },
  },
});
const compiled = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');
const chosen = BREAKAGES.filter(({ name }) => name.includes(values.only));
console.log('| what is broken | seen in | by |\n|---|---|---|');
let unseen = 0;
for (const breakage of chosen) {
  const tally = await playBroken(breakage);
  if (tally.failures.length === 0) unseen++;
  console.log(rowOf(breakage, tally));
}
process.exitCode = unseen > 0 ? 1 : 0;

async function playBroken(breakage: Breakage): Promise<Tally> {
  const script = breakTree(compiled, breakage);
  const changes = breakage.with === undefined ? {} : { with: breakage.with };
  const order = { from: Number(values.from), seeds: Number(values.seeds), changes };
  const tally = await playAcross(order, { script, processes: Number(values.workers), told: () => undefined });
  rmSync(script.replace(/\/test\/simulation\/main\.js$/, ''), { recursive: true, force: true });
  return tally;
}

/** One row of the table: what was broken, and which checker spoke first in how many seeds. */
function rowOf({ name }: Breakage, { seeds, failures }: Tally): string {
  const checkers = new Map<string, number>();
  for (const { violations } of failures) {
    const checker = violations[0]?.checker ?? '';
    checkers.set(checker, (checkers.get(checker) ?? 0) + 1);
  }
  const by = [...checkers]
    .sort(([, one], [, other]) => other - one)
    .map(([checker, count]) => `${checker} ${count}`);
  return `| ${name} | ${failures.length} of ${seeds} | ${by.join(', ') || 'nobody'} |`;
}
