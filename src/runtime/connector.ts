import type { RunSummary } from '../sink/sink-events.js';
import type { SinkEvent } from '../sink/sink-events.js';
import type { Observable } from 'rxjs';
import type { ConfigDef, ConfigProblem, Settings } from './config-def.js';

/** A connector that runs: it ends on its own only where its source does. */
export type RunningConnector = {
  /** Resolves when it has ended, with what became of each table; rejects if it could not begin. */
  readonly done: Promise<RunSummary>;
  /** What happens, as it happens. Completes with the run. */
  readonly events$: Observable<SinkEvent>;
  /** Ends cleanly: the batch in flight is committed or dropped whole. */
  stop(): Promise<void>;
};

export type StartOptions = {
  readonly name: string;
  readonly settings: Settings;
  /** End when the source is drained: files, or each topic's end offset at start. */
  readonly untilEnd: boolean;
};

/** What a connector plug-in offers: its configuration's definition, and tasks made from a configuration. */
export interface Connector {
  /** Names that `connector.class` may have, the short one first. */
  readonly classNames: readonly string[];
  readonly definition: ConfigDef;
  /** Everything wrong with a configuration; empty if it can be started. */
  validate(name: string, settings: Settings): readonly ConfigProblem[];
  /** @throws SluiceError CONFIG_INVALID naming every problem */
  start(options: StartOptions): RunningConnector;
}
