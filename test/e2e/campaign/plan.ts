import { seeded } from '../support/randomness.js';
import { Draw } from './draw.js';
import type { Features } from './features.js';

/** How many workers share the group. */
export const WORKERS = 3;

/** When in its life a worker is to be killed. */
export type KillMoment = 'starting' | 'writing files' | 'after a commit' | 'any time';

/** One thing that goes wrong. Times are in ms. */
export type Fault =
  | {
      readonly kind: 'kill';
      readonly moment: KillMoment;
      readonly worker: number;
      readonly waitMs: number;
      readonly downMs: number;
    }
  /** All workers at one time. */
  | { readonly kind: 'kill all'; readonly waitMs: number }
  /** SIGSTOP for longer than the session lasts, then SIGCONT. */
  | { readonly kind: 'pause'; readonly worker: number; readonly beyondSessionMs: number }
  | { readonly kind: 'restart broker'; readonly killed: boolean }
  | { readonly kind: 'optimize'; readonly table: string }
  | { readonly kind: 'delete' }
  /** The ledger is put back by so many versions. */
  | { readonly kind: 'restore'; readonly versions: number }
  | { readonly kind: 'topic anew' };

/** A part of a campaign: so much of the streams is written while one thing goes wrong. */
export type Stage = {
  readonly fault: Fault;
  /** How much of the streams is written when the stage ends, in [0, 1]. */
  readonly upTo: number;
};

/** Kills of one seed: `starting` ends two lives each, `kill all` three. */
const KILLS: Readonly<Record<KillMoment, number>> = {
  starting: 5,
  'writing files': 7,
  'after a commit': 5,
  'any time': 1,
};
const KILLS_OF_ALL = 1;
const PAUSES = 3;

/** What other engines tidy up now and then. */
const OPTIMIZED = [
  'shop/accounts',
  'shop/lines',
  'public/pgbench_accounts',
  'inventory/customers',
  'shop/archive',
];

/** What goes wrong, when and to whom: all of it drawn from the seed, before anything starts. */
export function drawPlan(seed: number, features: Features): readonly Stage[] {
  const draw = new Draw(seeded(seed));
  const worker = (): number => draw.below(WORKERS);
  const kills = Object.entries(KILLS).flatMap(([moment, count]) =>
    Array.from({ length: count }, (): Fault => {
      const downMs = draw.chance(0.7) ? 0 : draw.below(2_500);
      const waitMs = moment === 'writing files' ? draw.below(20) : draw.below(900);
      return { kind: 'kill', moment: moment as KillMoment, worker: worker(), waitMs, downMs };
    }),
  );
  const others: Fault[] = [
    ...Array.from({ length: KILLS_OF_ALL }, (): Fault => ({ kind: 'kill all', waitMs: draw.below(900) })),
    ...Array.from({ length: PAUSES }, (): Fault => {
      return { kind: 'pause', worker: worker(), beyondSessionMs: draw.between(300, 2_500) };
    }),
    { kind: 'restart broker', killed: false },
    { kind: 'restart broker', killed: true },
    ...(features.spark ? sparkFaults(draw, features) : []),
    ...(features.offsetsCommand ? [{ kind: 'topic anew' } as const] : []),
  ];
  const faults = draw.shuffled([...kills, ...others]);
  // The rest of the streams is for the workers that may end.
  return faults.map((fault, at) => ({
    fault,
    upTo: FIRST_SHARE + ((1 - 2 * FIRST_SHARE) * (at + 1)) / faults.length,
  }));
}

/** The share that is there before the first worker starts, and the one that is written when the last may end. */
export const FIRST_SHARE = 0.05;

function sparkFaults(draw: Draw, features: Features): readonly Fault[] {
  const tables = draw.shuffled(OPTIMIZED).slice(0, 2);
  return [
    ...tables.map((table) => ({ kind: 'optimize', table }) as const),
    { kind: 'delete' },
    ...(features.offsetsCommand ? [{ kind: 'restore', versions: draw.between(1, 4) } as const] : []),
  ];
}

/** A fault in a line of the log. */
export function describeFault(fault: Fault): string {
  const { kind, ...rest } = fault;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${String(value)}`);
  return [kind, ...details].join(' ');
}
