import { isSluiceError } from '../../base/errors.js';
import type { CheckedConnector } from '../../config/check-connector.js';
import { redactor } from '../../config/redact.js';
import type { RunningConnector } from '../../runtime/connector.js';
import type { RunSummary, SinkEvent } from '../../sink/sink-events.js';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { Interruption } from '../interruption.js';
import { reportError } from '../report-error.js';
import { progressBar, type ProgressBar } from '../terminal-bar.js';
import { visible } from '../visible.js';
import { linesOf } from './event-lines.js';
import { RunTally, summaryText } from './run-tally.js';

export type RunOptions = { readonly untilEnd: boolean; readonly json: boolean };

/** Supervisors wait ten seconds before they kill; the sink drops what it could not commit within eight. */
const STOP_MS = 10_000;

/** Often enough to see that it works, seldom enough for a log. */
const NEWS_MS = 10_000;

/**
 * Runs connectors side by side until they end or the process is asked to; tells what happens, and what it came to. One
 * that fails does not stop the others.
 */
export async function runConnectors(
  context: Context,
  connectors: readonly CheckedConnector[],
  options: RunOptions,
): Promise<ExitCode> {
  const { io, tell } = context;
  const redact = redactor(connectors.flatMap(({ file }) => file.secretValues));
  using bar = progressBar(options.json ? undefined : io.stderr, tell, 'records');
  const runs: RunningConnector[] = [];
  let stopping = false;
  const stop = () => {
    // A sink that is told twice drops what it could still commit.
    if (!stopping) for (const run of runs) void run.stop();
    stopping = true;
  };
  const reports = connectors.map(
    (connector) => new ConnectorReport(context, connector, { redact, bar, unread: stop, ...options }),
  );
  const timer = setInterval(() => reports.forEach((report) => report.news()), NEWS_MS);
  try {
    for (const [at, { connector, file }] of connectors.entries()) {
      const { name, settings } = file;
      const run = connector.start({ name, settings, untilEnd: options.untilEnd });
      runs.push(run);
      run.events$.subscribe((event) => reports[at]?.tell(event));
    }
    const ended = Promise.allSettled(runs.map(({ done }) => done));
    const outcomes = await untilStopped(ended, { signal: io.signal, stop });
    if (outcomes === 'late') {
      bar.line('not at rest after 10 s: what was not committed will be read again');
      return ExitCode.interrupted;
    }
    bar[Symbol.dispose]();
    const failed = outcomes.map((outcome, at) => reports[at]?.end(outcome) ?? true);
    await context.out.flush();
    if (failed.includes(true)) return ExitCode.failed;
    const interrupted = io.signal.reason instanceof Interruption && io.signal.reason.by === 'SIGINT';
    return interrupted ? ExitCode.interrupted : ExitCode.done;
  } catch (cause) {
    stop();
    throw cause;
  } finally {
    clearInterval(timer);
  }
}

/** Waits for the runs; once interrupted it stops them, and waits no longer than a supervisor does. */
async function untilStopped<T>(
  ended: Promise<T>,
  { signal, stop }: { readonly signal: AbortSignal; readonly stop: () => void },
): Promise<T | 'late'> {
  let deadline: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const late = new Promise<'late'>((resolve) => {
    onAbort = () => {
      stop();
      deadline = setTimeout(() => resolve('late'), STOP_MS);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(deadline);
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

type ReportOptions = RunOptions & {
  readonly redact: (text: string) => string;
  readonly bar: ProgressBar;
  /** Called when nobody reads the events any more. */
  readonly unread: () => void;
};

/** Tells what one connector does: events as JSON on standard output, or lines on standard error. */
class ConnectorReport {
  readonly #context: Context;
  readonly #name: string;
  readonly #options: ReportOptions;
  readonly #tally = new RunTally();

  constructor(context: Context, { file }: CheckedConnector, options: ReportOptions) {
    this.#context = context;
    this.#name = file.name;
    this.#options = options;
  }

  tell(event: SinkEvent): void {
    this.#tally.count(event);
    if (this.#options.json) {
      if (event.kind !== 'read') this.#json(event);
      return;
    }
    for (const line of linesOf(event)) this.#line(line);
    const { done, total } = this.#tally.position;
    this.#options.bar.update(done, total, this.#name);
  }

  /** Sums up what the lines above do not tell. */
  news(): void {
    const news = this.#tally.news();
    if (news !== undefined && !this.#options.json) this.#line(news);
  }

  /** Tells how it ended; true if it failed. */
  end(outcome: PromiseSettledResult<RunSummary>): boolean {
    if (outcome.status === 'rejected') {
      const cause: unknown = outcome.reason;
      if (this.#options.json && isSluiceError(cause)) {
        this.#json({ kind: 'error', code: cause.code, message: cause.message, hint: cause.hint });
      }
      for (const line of reportError(cause, false).lines) this.#line(line);
      return true;
    }
    const summary = outcome.value;
    if (this.#options.json) this.#json({ kind: 'summary', ...summary });
    else for (const line of summaryText(summary).split('\n')) this.#line(line);
    return summary.failed.length > 0 || summary.ended === 'failed';
  }

  #line(line: string): void {
    this.#options.bar.line(visible(this.#options.redact(`${this.#name}: ${line}`)));
  }

  #json(event: object): void {
    const text = JSON.stringify({ connector: this.#name, ...event }, (key, value: unknown) =>
      // An error's cause is for a debugger, and has no form of its own.
      key === 'cause' ? undefined : value,
    );
    void this.#context.out.line(this.#options.redact(text)).catch(this.#options.unread);
  }
}
