import type { Observable } from 'rxjs';
import { debezium } from '../cdc/debezium.js';
import type { RecordDecoder } from '../cdc/decoder.js';
import type { ChangeSource } from '../source/change-source.js';
import { openStore } from '../storage/open-store.js';
import { createTableSettler } from './settle/table-settler.js';
import type { RunSummary, SinkEvent } from './sink-events.js';
import { type DeltaSinkOptions, settingsOf, type SinkSettings } from './sink-options.js';
import { SinkRun } from './sink-run.js';

/** A sink at work. */
export type DeltaSinkRun = {
  /**
   * Resolves when the sink has ended: stopped, drained, or with no table left that can go on. Tables that failed
   * on the way are in the summary. Rejects only with what the sink as a whole could not survive.
   */
  readonly done: Promise<RunSummary>;
  /**
   * Takes nothing more in, commits what waits, or drops it whole where that takes longer than `stopMs`, and resolves
   * when all is at rest. A second call does not wait for commits.
   */
  stop(): Promise<void>;
  /** Bytes of records that came in and are not at rest yet, of the credit `memory.maxBytes`; 0 once the run has ended. */
  heldBytes(): number;
  /** What happens, as it happens. Subscribe in the same turn to hear it all; completes with the run, never fails. */
  readonly events$: Observable<SinkEvent>;
};

/**
 * Brings a source's changes into Delta tables below `base`, each change exactly once: rows and the offsets they
 * came from are one commit, and a start goes on from what the tables hold. Each table has a lane of its own; one that
 * cannot go on ends alone.
 *
 * Runs at once. The source, the store and the dead letters remain the caller's to close. Throws `CONFIG_INVALID`,
 * `STORE_UNSUPPORTED` for options that cannot be.
 */
export function deltaSink(source: ChangeSource, options: DeltaSinkOptions): DeltaSinkRun {
  const settings = settingsOf(options);
  const run = new SinkRun({
    source,
    store: typeof options.base === 'string' ? openStore(options.base) : options.base,
    decoder: options.decoder ?? defaultDecoder(settings),
    settings,
    createSettler: createTableSettler,
  });
  return startRun(run);
}

/** Starts a run and hands out what its owner needs of it. */
export function startRun(run: SinkRun): DeltaSinkRun {
  const { events$ } = run;
  const done = run.run();
  // Whoever only stops the sink need not look at `done`.
  done.catch(() => undefined);
  return {
    done,
    events$,
    heldBytes: () => run.heldBytes,
    stop: async () => {
      run.stop();
      await done.catch(() => undefined); // The owner of `done` hears of it.
    },
  };
}

function defaultDecoder(settings: SinkSettings): RecordDecoder {
  return debezium({
    schema: ({ schema, table }) =>
      settings.optionsOf([`${schema}/${table}`, `${schema}.${table}`, table]).columns,
  });
}
