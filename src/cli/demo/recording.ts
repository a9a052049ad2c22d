import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvariantError, must } from '../../base/errors.js';
import { parseTruth, type Truth } from './truth.js';

/** Offsets by topic and partition: the records below them are the ones that count. */
export type Ends = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The recorded stream that the demonstration replays, and PostgreSQL's own rows at its end. */
export type DemoRecording = {
  /** The folder of its files, one a topic. */
  readonly files: string;
  readonly ends: Ends;
  readonly truth: Truth;
};

/** The last phase before events are delivered twice, which a table without a key cannot tell. */
const LAST_PHASE = '7-numeric-infinity';

/** Loads what the package ships in `demo/data`; its README says how it came about. */
export async function loadDemoRecording(): Promise<DemoRecording> {
  const data = join(packageFolder(), 'demo', 'data');
  const phases: unknown = JSON.parse(await readFile(join(data, 'phases.json'), 'utf8'));
  const truth = parseTruth(await readFile(join(data, 'truth', `${LAST_PHASE}.json.gz`)));
  const phase = (phases as readonly Phase[]).find((one) => one.phase === LAST_PHASE);
  const ends = Object.entries(must(phase, LAST_PHASE).next_offsets);
  return {
    files: join(data, 'full'),
    // The phases tell the offsets of other recordings of the same database too.
    ends: Object.fromEntries(ends.filter(([topic]) => topic.startsWith('full.'))),
    truth,
  };
}

type Phase = { readonly phase: string; readonly next_offsets: Ends };

/** The nearest folder above this file that is a package: the sources' and the built files' lie differently deep. */
function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new InvariantError('the package has no package.json');
    folder = above;
  }
  return folder;
}
