import type { RunSummary, SinkEvent } from '../../sink/sink-events.js';
import { plainTable } from '../formats/plain-table.js';
import { plural } from './event-lines.js';

/** What a running connector has come to, counted from its events. */
export class RunTally {
  #records = 0;
  #commits = 0;
  #told = { records: 0, commits: 0 };
  readonly #partitions = new Map<string, { first: number; next: number; high: number }>();

  count(event: SinkEvent): void {
    if (event.kind === 'committed') this.#commits += 1;
    if (event.kind !== 'read') return;
    this.#records += event.records;
    const key = `${event.topic}:${event.partition}`;
    const before = this.#partitions.get(key);
    const high = Math.max(event.highWatermark, event.next);
    if (before === undefined) {
      this.#partitions.set(key, { first: Math.max(0, event.next - event.records), next: event.next, high });
    } else {
      before.next = event.next;
      before.high = high;
    }
  }

  /** How far reading has come, in offsets of all partitions seen. */
  get position(): { readonly done: number; readonly total: number; readonly behind: number } {
    let done = 0;
    let total = 0;
    for (const { first, next, high } of this.#partitions.values()) {
      done += next - first;
      total += high - first;
    }
    return { done, total, behind: total - done };
  }

  /** What happened since the last call; undefined if nothing did. */
  news(): string | undefined {
    const records = this.#records - this.#told.records;
    const commits = this.#commits - this.#told.commits;
    if (records === 0 && commits === 0) return undefined;
    this.#told = { records: this.#records, commits: this.#commits };
    return `${plural(records, 'record')} read, ${plural(commits, 'commit')}, ${this.position.behind} behind`;
  }
}

/** How a run ended, for people. */
export function summaryText(summary: RunSummary): string {
  const { records, elapsedMs, tables, failed, ended } = summary;
  const commits = tables.reduce((sum, table) => sum + table.commits, 0);
  const lost = failed.length === 0 ? '' : `, ${plural(failed.length, 'table')} failed`;
  const head = `${ended}: ${plural(records, 'record')} in ${seconds(elapsedMs)}, ${plural(commits, 'commit')}${lost}`;
  if (tables.length === 0) return head;
  const number = (title: string) => ({ title, right: true });
  const body = plainTable(
    [
      { title: 'table' },
      ...['version', 'commits', 'inserted', 'updated', 'deleted', 'stale', 'dead letters'].map(number),
    ],
    tables.map(({ table, version, commits: own, inserted, updated, deleted, stale, deadLetters }) => [
      table,
      ...[version ?? '', own, inserted, updated, deleted, stale, deadLetters].map(String),
    ]),
  );
  return `${head}\n${body}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
