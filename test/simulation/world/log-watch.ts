import { parseActions } from '../../../src/protocol/action-json.js';
import type { Action } from '../../../src/protocol/actions.js';

/** A commit as it landed. */
export type LandedCommit = {
  readonly table: string;
  readonly version: number;
  readonly actions: readonly Action[];
  readonly by: string;
  readonly atMs: number;
};

/** Collects the commits of all tables in the moment in which they land in the store, whoever puts them there. */
export class LogWatch {
  readonly #commits = new Map<string, LandedCommit[]>();
  readonly #txns = new Map<string, Map<string, number>>();
  readonly #landed: (commit: LandedCommit) => void;
  readonly #refuse: (why: string) => void;

  /** `landed` hears of each commit, `refuse` of what no log may have: a version again, or one after a hole. */
  constructor(landed: (commit: LandedCommit) => void, refuse: (why: string) => void) {
    this.#landed = landed;
    this.#refuse = refuse;
  }

  /** Paths of the tables below the base. */
  get tables(): readonly string[] {
    return [...this.#commits.keys()];
  }

  commits(table: string): readonly LandedCommit[] {
    return this.#commits.get(table) ?? [];
  }

  /** The table's `txn` versions by application id. */
  txns(table: string): ReadonlyMap<string, number> {
    return this.#txns.get(table) ?? new Map();
  }

  look(key: string, body: Uint8Array, by: string, atMs: number): void {
    const match = /^(.*)\/_delta_log\/(\d{20})\.json$/.exec(key);
    if (match === null) return;
    const [, table = '', version = ''] = match;
    const actions = parseActions(new TextDecoder().decode(body), key);
    const commit = { table, version: Number(version), actions, by, atMs };
    if (commit.version !== this.commits(table).length)
      this.#refuse(
        `${by} wrote version ${commit.version} of ${table}, which has ${this.commits(table).length}`,
      );
    this.#commits.set(table, [...this.commits(table), commit]);
    const txns = this.#txns.get(table) ?? new Map<string, number>();
    this.#txns.set(table, txns);
    for (const action of actions)
      if (action.kind === 'txn') txns.set(action.txn.appId, Number(action.txn.version));
    this.#landed(commit);
  }
}
