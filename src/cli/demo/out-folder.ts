import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../base/errors.js';

/** Says that a folder is a demonstration's, and what in it may be taken away. */
const MARKER = '.sluice-demo.json';

/** What a demonstration makes: the tables of schema `inventory`, and the sink's own notes. */
const MADE = ['inventory', '_sluice'] as const;

/**
 * Makes the folder ready for a demonstration: what an earlier one made there is removed, and nothing else is. A folder
 * that holds something and was not made by a demonstration is refused (`USAGE`).
 */
export async function prepareOutFolder(folder: string): Promise<void> {
  const entries = await entriesOf(folder);
  if (entries.length > 0) {
    if (!(await isDemo(folder))) {
      throw new SluiceError('USAGE', `${folder} holds files and was not made by a demo`, {
        context: { folder },
        hint: 'name another folder with --out, or move the files away',
      });
    }
    for (const name of MADE) await rm(join(folder, name), { recursive: true, force: true });
  }
  await mkdir(folder, { recursive: true });
  const marker = { madeBy: 'sluice demo', removes: MADE };
  await writeFile(join(folder, MARKER), `${JSON.stringify(marker)}\n`);
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT') return [];
    throw new SluiceError('USAGE', `${folder} is no folder that can be used (${String(code)})`, {
      context: { folder },
      hint: 'name another folder with --out',
      cause,
    });
  }
}

async function isDemo(folder: string): Promise<boolean> {
  try {
    const marker: unknown = JSON.parse(await readFile(join(folder, MARKER), 'utf8'));
    return (
      typeof marker === 'object' && marker !== null && 'madeBy' in marker && marker.madeBy === 'sluice demo'
    );
  } catch {
    // No marker, or none that a demonstration wrote: then the folder is somebody else's.
    return false;
  }
}
