import type { Phase } from './fleet.js';
import type { TableReport } from './check.js';

/** What one seed came to. */
export type SeedReport = {
  readonly seed: number;
  readonly elapsedMs: number;
  readonly records: number;
  readonly tables: readonly TableReport[];
  /** Kills by what the worker was in the middle of. */
  readonly kills: ReadonlyMap<Phase, number>;
  readonly pauses: number;
  readonly brokerRestarts: number;
  /** Statements of the other engine, by their first word, and how often it lost against the sink. */
  readonly spark: ReadonlyMap<string, number>;
  readonly sparkLost: number;
  readonly rebalances: number;
  readonly commits: number;
  /** Versions that others took from under a commit, before it was made behind them. */
  readonly conflicts: number;
  /** Batches that were tried again after a pause. */
  readonly retries: number;
  /** From SIGKILL to the next commit of the worker that took the place, short sessions. */
  readonly recoveryMs: readonly number[];
  /** The same with the client's default session, from when the group had let go of the dead member. */
  readonly defaultRecoveryMs: readonly number[];
  /** What else went wrong. */
  readonly violations: readonly string[];
};

/** Everything that is wrong with a seed, in words; empty if nothing is. */
export function violationsOf({ tables, violations }: SeedReport): readonly string[] {
  return [
    ...violations,
    ...tables.flatMap(({ table, lost, doubled, different, unlawful }) => [
      ...lost.map((row) => `${table}: lost ${row}`),
      ...doubled.map((row) => `${table}: doubled ${row}`),
      ...different.map((row) => `${table}: ${row}`),
      ...unlawful.map((text) => `${table}: ${text}`),
    ]),
  ];
}

export function killsOf({ kills }: SeedReport): number {
  return [...kills.values()].reduce((sum, count) => sum + count, 0);
}

const COLUMNS: readonly (readonly [string, (reports: readonly SeedReport[]) => string])[] = [
  ['kills', (all) => String(sum(all, killsOf))],
  ['starting', (all) => String(sum(all, ({ kills }) => kills.get('starting') ?? 0))],
  ['writing files', (all) => String(sum(all, ({ kills }) => kills.get('writing files') ?? 0))],
  ['committing', (all) => String(sum(all, ({ kills }) => kills.get('committing') ?? 0))],
  ['between', (all) => String(sum(all, ({ kills }) => kills.get('between commits') ?? 0))],
  ['SIGSTOP', (all) => String(sum(all, ({ pauses }) => pauses))],
  ['broker', (all) => String(sum(all, ({ brokerRestarts }) => brokerRestarts))],
  ['Spark', (all) => String(sum(all, ({ spark }) => [...spark.values()].reduce((a, b) => a + b, 0)))],
  ['rebalances', (all) => String(sum(all, ({ rebalances }) => rebalances))],
  ['commits', (all) => String(sum(all, ({ commits }) => commits))],
  ['conflicts', (all) => String(sum(all, ({ conflicts }) => conflicts))],
  ['retries', (all) => String(sum(all, ({ retries }) => retries))],
  ['rows', (all) => String(rows(all, ({ rows }) => rows))],
  ['lost', (all) => String(rows(all, ({ lost, different }) => lost.length + different.length))],
  ['doubled', (all) => String(rows(all, ({ doubled }) => doubled.length))],
  [
    'laws broken',
    (all) => String(rows(all, ({ unlawful }) => unlawful.length) + sum(all, (one) => one.violations.length)),
  ],
  ['recovery', (all) => medianAndWorst(all.flatMap(({ recoveryMs }) => recoveryMs))],
  ['default sessions', (all) => medianAndWorst(all.flatMap(({ defaultRecoveryMs }) => defaultRecoveryMs))],
  ['took', (all) => `${Math.round(sum(all, ({ elapsedMs }) => elapsedMs) / 1000)} s`],
];

/** The head of a table of seeds, in Markdown. */
export function markdownHead(): string {
  const titles = ['seed', ...COLUMNS.map(([title]) => title)];
  return `| ${titles.join(' | ')} |\n|${titles.map(() => '---:').join('|')}|`;
}

/** One seed, or all of them together, as a line of the table. */
export function markdownLine(title: string, reports: readonly SeedReport[]): string {
  return `| ${[title, ...COLUMNS.map(([, cell]) => cell(reports))].join(' | ')} |`;
}

function sum(reports: readonly SeedReport[], of: (report: SeedReport) => number): number {
  return reports.reduce((total, report) => total + of(report), 0);
}

function rows(reports: readonly SeedReport[], of: (table: TableReport) => number): number {
  return sum(reports, ({ tables }) => tables.reduce((total, table) => total + of(table), 0));
}

/** `median / worst` in seconds. */
function medianAndWorst(timesMs: readonly number[]): string {
  const sorted = timesMs.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  const worst = sorted.at(-1);
  if (median === undefined || worst === undefined) return '–';
  return `${(median / 1000).toFixed(1)} / ${(worst / 1000).toFixed(1)} s`;
}
