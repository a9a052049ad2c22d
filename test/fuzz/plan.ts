import { damageBytes, type Damaged } from './damage-bytes.js';
import { damageJson, type Outside } from './damage-json.js';
import { damageFooter, damagePage, type PageDamage } from './damage-parquet.js';
import { damageBitmap, damageVectors } from './damage-vector.js';
import { Dice } from './dice.js';
import type { BaseTable, FileKind } from './tables.js';

/**
 * What may come of damage, from strict to lax; a typed error always may, but for `exact`.
 * - `exact`: nothing depends on the bytes: the rows are read as if they were whole.
 * - `exact-or-error`: a checksum covers them: the rows are the right ones.
 * - `count-or-error`: values may have changed, nobody can tell; there are as many rows as before.
 * - `any`: the bytes may say another table.
 */
export type Promised = 'exact' | 'exact-or-error' | 'count-or-error' | 'any';

/** A table with some of its files damaged. */
export type Case = {
  readonly seed: number;
  readonly table: BaseTable;
  /** Damaged files, undefined for one that was taken away. */
  readonly files: ReadonlyMap<string, Uint8Array | undefined>;
  readonly what: readonly string[];
  readonly promised: Promised;
  /** Whether an absolute path may have come into the log. */
  readonly absolute: boolean;
};

const WEIGHTS: Readonly<Record<FileKind, number>> = {
  commit: 8,
  checkpoint: 5,
  sidecar: 3,
  hint: 2,
  checksum: 1,
  vectors: 4,
  data: 9,
  changes: 2,
};

const ORDER: readonly Promised[] = ['exact', 'exact-or-error', 'count-or-error', 'any'];

/** The case of a seed: the same for the same tables. */
export function caseOf(seed: number, tables: readonly BaseTable[], outside: Outside): Case {
  const dice = new Dice(seed);
  const table = dice.pick(tables);
  const files = new Map<string, Uint8Array | undefined>();
  const what: string[] = [];
  let promised: Promised = 'exact';
  for (let times = dice.pick([1, 1, 1, 1, 2]); times > 0; times--) {
    const kind = dice.pick(kindsOf(table));
    const key = dice.pick(table.keys.get(kind) ?? []);
    const bytes = files.get(key) ?? table.files.get(key) ?? new Uint8Array(0);
    // What is damaged already has no parts that could be told apart.
    const damaged = files.has(key)
      ? ({ ...damageBytes(bytes, dice), promised: atLeastAny(PROMISES[kind]) } as const)
      : damage(kind, key, bytes, dice, outside, table);
    files.set(key, damaged.bytes);
    what.push(`${key}: ${damaged.what}`);
    if (ORDER.indexOf(damaged.promised) > ORDER.indexOf(promised)) promised = damaged.promised;
  }
  const absolute = what.some((one) => one.includes(outside.absolute));
  return { seed, table, files, what, promised, absolute };
}

function kindsOf({ keys }: BaseTable): FileKind[] {
  return [...keys.keys()].flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));
}

/** Only what nothing depends on keeps its promise whatever the damage is. */
function atLeastAny(promised: Promised): Promised {
  return promised === 'exact' ? promised : 'any';
}

type Outcome = { readonly bytes: Uint8Array | undefined; readonly what: string; readonly promised: Promised };

function damage(
  kind: FileKind,
  key: string,
  bytes: Uint8Array,
  dice: Dice,
  outside: Outside,
  table: BaseTable,
): Outcome {
  const promised = PROMISES[kind];
  if (dice.chance(0.03)) return { bytes: undefined, what: 'taken away', promised };
  if (dice.chance(0.02)) {
    const other = dice.pick([...table.files.keys()]);
    return {
      bytes: table.files.get(other),
      what: `the bytes of ${other}`,
      promised: atLeastAny(promised),
    };
  }
  if (bytes.length === 0) return { ...damageBytes(bytes, dice), promised: atLeastAny(promised) };
  if (!key.endsWith('.parquet')) return notParquet(kind, bytes, dice, outside);
  if (!isParquet(bytes) || dice.chance(0.1))
    return { ...damageBytes(bytes, dice), promised: atLeastAny(promised) };
  if (dice.chance(0.55)) return { ...damageFooter(bytes, dice), promised: atLeastAny(promised) };
  const page: PageDamage = damagePage(bytes, dice);
  const left: Promised = page.kind === 'body' ? 'exact-or-error' : kind === 'data' ? 'count-or-error' : 'any';
  return { bytes: page.bytes, what: page.what, promised: promised === 'exact' ? promised : left };
}

function notParquet(kind: FileKind, bytes: Uint8Array, dice: Dice, outside: Outside): Outcome {
  if (kind !== 'vectors') return { ...damageJson(bytes, dice, outside), promised: PROMISES[kind] };
  const isBitmap = dice.chance(0.5) && bytes.length > 16;
  const damaged: Damaged = isBitmap ? damageBitmap(bytes, dice) : damageVectors(bytes, dice);
  return { ...damaged, promised: isBitmap ? 'any' : 'exact-or-error' };
}

/** What holds of a file that is gone, or damaged in any way, at the least. */
const PROMISES: Readonly<Record<FileKind, Promised>> = {
  commit: 'any',
  checkpoint: 'any',
  sidecar: 'any',
  // It only saves listing, and nothing reads the checksums.
  hint: 'exact',
  checksum: 'exact',
  vectors: 'exact-or-error',
  data: 'any',
  // The rows of a table do not lie in its change files.
  changes: 'exact',
};

function isParquet(bytes: Uint8Array): boolean {
  return bytes.length > 12 && Buffer.from(bytes.subarray(-4)).toString('latin1') === 'PAR1';
}
