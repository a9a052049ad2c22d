import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConnectorFile } from './worker.js';
import { Worker } from './worker.js';

/** What a life was in the middle of when it was ended. */
export type Moment = 'starting' | 'writing files' | 'after a commit';

export type KilledRuns = {
  readonly folder: string;
  readonly connector: ConnectorFile;
  /** Where the tables are. */
  readonly tables: string;
  readonly kills: number;
  readonly random: () => number;
  /** More of the stream is written while the life `index` runs; resolves when this part of it is. */
  readonly feed: (index: number) => Promise<void>;
};

/** How long a life may wait for its moment: where nothing is left to be written, it is ended all the same. */
const MOMENT_WITHIN_MS = 8_000;

/**
 * Starts workers one after another and ends each with SIGKILL at a random moment of its life: while it starts, as soon as
 * it has begun to write files that no commit names yet, or at any time after its first commit. What ended when is told.
 */
export async function runAndKill(runs: KilledRuns): Promise<readonly Moment[]> {
  const moments: Moment[] = [];
  for (let index = 0; index < runs.kills; index++) {
    const drawn = runs.random();
    const wait = runs.random();
    const moment = drawn < 0.2 ? 'starting' : drawn < 0.6 ? 'writing files' : 'after a commit';
    const before = await filesIn(runs.tables);
    await using worker = await Worker.run(runs.folder, runs.connector);
    const feeding = runs.feed(index);
    switch (moment) {
      case 'starting':
        await pause(wait * 2_500);
        break;
      case 'writing files':
        await appears(runs.tables, (name) => isData(name) && !before.has(name));
        await pause(wait * 20);
        break;
      case 'after a commit':
        await appears(runs.tables, (name) => isCommit(name) && !before.has(name));
        await pause(wait * 600);
        break;
    }
    if (!worker.running) throw new Error(`a worker ended by itself:\n${worker.said}`);
    await worker.kill();
    await feeding;
    moments.push(moment);
  }
  return moments;
}

async function appears(folder: string, wanted: (name: string) => boolean): Promise<void> {
  const deadline = performance.now() + MOMENT_WITHIN_MS;
  while (performance.now() < deadline) {
    if ([...(await filesIn(folder))].some(wanted)) return;
    await pause(5);
  }
}

/** The paths of all files below a folder; none if it is not there yet. */
export async function filesIn(folder: string): Promise<ReadonlySet<string>> {
  return new Set(await readdir(folder, { recursive: true }).catch(() => []));
}

function isData(name: string): boolean {
  return /\.(parquet|bin)$/.test(name) && !name.includes('_delta_log') && !name.includes('_sluice');
}

function isCommit(name: string): boolean {
  return /_delta_log\/\d{20}\.json$/.test(name);
}
