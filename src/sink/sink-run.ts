import { setMaxListeners } from 'node:events';
import { concatMap, from, type Observable, Subject, type Subscription, tap } from 'rxjs';
import { InvariantError } from '../base/errors.js';
import type { RecordDecoder } from '../cdc/decoder.js';
import { Credit } from '../pipeline/credit.js';
import { fromPull } from '../pipeline/from-pull.js';
import type { ChangeSource, SourceEvent } from '../source/change-source.js';
import type { ObjectStore } from '../storage/object-store.js';
import { formatAppId } from './app-id.js';
import { AssignmentTurns } from './assignment-turns.js';
import { type DeadLetter, lettersOf } from './dead-letters.js';
import { Destinations } from './destinations.js';
import { TableLane } from './lane.js';
import type { LaneReport } from './lane-options.js';
import { Persistence } from './persistence.js';
import { pipeSlices } from './pipe.js';
import { ReadPositions } from './read-positions.js';
import { Router } from './router.js';
import type { TableSettler, TableTarget } from './settler.js';
import type { FailedTable, RunSummary, SinkEvent } from './sink-events.js';
import type { SinkSettings } from './sink-options.js';
import { Standstill } from './standstill.js';
import { Starts } from './starts.js';
import { type ChangeOrigin, describeOrigin } from './table-path.js';
import { type Table, TableCounts, Tables } from './tables.js';
import { TopicTables } from './topic-tables.js';

/** What a run is made of; everything outside it. */
export type SinkParts = {
  readonly source: ChangeSource;
  /** Rooted at the base URL. */
  readonly store: ObjectStore;
  readonly decoder: RecordDecoder;
  readonly settings: SinkSettings;
  readonly createSettler: (target: TableTarget) => TableSettler;
};

/** How a run is told to end: by the source, by its owner, or because nothing is left to do. */
type Ending = RunSummary['ended'];

/**
 * One run of the sink, from opening the source to the last lane's end. The source is pulled under credit, its
 * events are routed one after another, and each table's lane goes its own way.
 */
export class SinkRun {
  readonly #parts: SinkParts;
  readonly #events = new Subject<SinkEvent>();
  /** For what is done on the way in; ends with the intake, before the lanes do. */
  readonly #intakeAborter = new AbortController();
  readonly #aborter = new AbortController();
  readonly #credit: Credit;
  readonly #tables = new Tables();
  readonly #topics = new Map<string, TopicTables>();
  readonly #turns = new AssignmentTurns();
  readonly #persistence: Persistence;
  readonly #failed: FailedTable[] = [];
  readonly #standstill: Standstill;
  readonly #startedAtMs: number;
  #router: Router | undefined;
  #positions: ReadPositions | undefined;
  #handling: Promise<void> = Promise.resolve();
  /** Came in, and wait for their turn. */
  readonly #queued = new Set<SourceEvent>();
  #intake: Subscription | undefined;
  #ending: Ending | undefined;
  #end: (ending: Ending) => void = () => undefined;
  #fail: (cause: unknown) => void = () => undefined;
  /** A bug that came up when the run had ended already, and its lanes had not. */
  #crash: { readonly cause: unknown } | undefined;
  #stops = 0;
  /** The source has come to its end. */
  #drained = false;
  #closing = false;
  #deadline: Subscription | undefined;
  #records = 0;
  #bytes = 0;

  constructor(parts: SinkParts) {
    this.#parts = parts;
    this.#credit = new Credit(parts.settings.memoryBytes, () => this.#feed());
    this.#standstill = new Standstill({
      source: parts.source,
      partitionsOf: (table) => this.#router?.partitionsOf(table) ?? [],
      tablesOf: (partition) => this.#router?.tablesOf(partition) ?? new Set(),
    });
    this.#persistence = new Persistence({
      scheduler: parts.settings.scheduler,
      random: parts.settings.random,
      signal: this.#intakeAborter.signal,
      onWaiting: (why, failure) => {
        this.#events.next({
          kind: 'waiting',
          table: undefined,
          why,
          ...(failure === undefined ? {} : { failure }),
        });
      },
      onResumed: () => this.#events.next({ kind: 'resumed', table: undefined }),
    });
    // As many listeners as there are lanes and partitions: more than Node thinks plausible, and no leak.
    setMaxListeners(0, this.#aborter.signal, this.#intakeAborter.signal);
    this.#startedAtMs = parts.settings.scheduler.now();
  }

  /** Bytes that came in and were not given back yet. */
  get heldBytes(): number {
    return this.#credit.taken;
  }

  get events$(): Observable<SinkEvent> {
    return this.#events.asObservable();
  }

  /** Resolves when every lane has ended; rejects with what the run as a whole could not survive. */
  async run(): Promise<RunSummary> {
    const { settings } = this.#parts;
    const ended = new Promise<Ending>((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
      if (this.#ending !== undefined) resolve(this.#ending);
    });
    const saving = settings.scheduler.schedule(function () {
      save();
      this.schedule(undefined, settings.saveMs);
    }, settings.saveMs);
    const save = () => {
      for (const { lane } of this.#tables.all()) lane.save();
      void this.#savePositions(); // Never fails; what is not kept is read again.
    };
    try {
      // A stop does not wait for a source that does not answer.
      if (this.#ending === undefined) await Promise.race([this.#open(), ended]);
      this.#ending = await ended;
    } catch (cause) {
      await this.#closeLanes(cause instanceof InvariantError ? 'abandon' : 'finish');
      throw cause;
    } finally {
      saving.unsubscribe();
      this.#intake?.unsubscribe();
    }
    await this.#closeLanes('finish');
    if (this.#crash !== undefined) throw this.#crash.cause;
    return this.#summary(this.#ending);
  }

  /**
   * Ends the run: nothing more is taken in, and what waits is committed, or dropped whole if that takes too long. That
   * also bounds a run that has ended already and still brings in what waits. The second call does not wait.
   */
  stop(): void {
    this.#stops++;
    if (this.#stops > 1) {
      this.#abandon();
      return;
    }
    this.#ending ??= 'stopped';
    this.#intake?.unsubscribe();
    this.#end('stopped');
    if (this.#closing) this.#limit();
  }

  /** From now on the lanes have `stopMs` to bring in what waits. */
  #limit(): void {
    const { scheduler, stopMs } = this.#parts.settings;
    this.#deadline ??= scheduler.schedule(() => this.#abandon(), stopMs);
  }

  #abandon(): void {
    for (const { lane } of this.#tables.all()) lane.abandon();
    this.#aborter.abort(new DOMException('the sink was told not to wait', 'AbortError'));
  }

  async #open(): Promise<void> {
    const { source, settings, store, decoder } = this.#parts;
    const identity = await this.#persistence.try('the source', (inner) => source.identity(inner));
    if (this.#ending !== undefined) return; // Stopped meanwhile.
    const now = () => settings.scheduler.now();
    const starts = new Starts({
      store,
      identity,
      policy: settings.start,
      now,
      resolve: (partition, start, inner) => source.resolve(partition, start, inner),
      partitionsOf: (topic, inner) => source.partitions(topic, inner),
    });
    const destinations = new Destinations(store, identity);
    const positions = new ReadPositions(store, identity);
    this.#positions = positions;
    const router = new Router({
      source: {
        seek: (partition, offset) => {
          if (!this.#turns.isBehind(partition)) source.seek(partition, offset);
        },
        acknowledge: (partition, next) => source.acknowledge(partition, next),
      },
      decoder,
      credit: this.#credit,
      tolerance: settings.tolerance,
      onOffsetGap: settings.onOffsetGap,
      startOf: (partition) => this.#persistence.try(store.url, (inner) => starts.of(partition, inner)),
      readOf: (partition) => this.#persistence.try(store.url, (inner) => positions.load(partition, inner)),
      endOf: async (partition) => {
        const { high } = await this.#persistence.try('the source', (inner) =>
          source.watermarks(partition, inner),
        );
        return high;
      },
      unproven: ({ name }, record) => this.#events.next({ kind: 'unproven', table: name, ...record }),
      topic: (name) => this.#topic(name, identity, destinations),
      putAside: (letters) => this.#putAside(letters),
      taken: (partition) => this.#standstill.begin(partition),
      joined: (partition) => this.#standstill.review(partition),
      failTopic: (failure) => this.#failedTable({ ...failure, table: undefined, url: undefined }),
    });
    this.#router = router;
    this.#read(router);
  }

  #read(router: Router): void {
    const { source, settings } = this.#parts;
    const open = (inner: AbortSignal) =>
      source.open({
        untilEnd: settings.untilEnd,
        signal: AbortSignal.any([this.#aborter.signal, inner]),
        resumeAt: async (partition) => {
          await this.#turns.caughtUp(partition);
          return router.take(partition);
        },
      });
    this.#intake = fromPull(open, { credit: this.#credit, sizeOf: bytesOf })
      .pipe(
        tap((event) => {
          this.#turns.handed(event);
          this.#queued.add(event);
        }),
        concatMap((event) => {
          this.#queued.delete(event);
          this.#handling = this.#handle(router, event);
          return from(this.#handling);
        }),
      )
      .subscribe({
        error: (cause: unknown) => this.#fail(cause),
        complete: () => {
          this.#drained = true;
          this.#readAgain();
        },
      });
  }

  /**
   * What a table that waited has let go of is read again, also if the source has come to its end meanwhile: once none
   * of those that lack something waits any more. Where nothing is lacking, that was the end.
   */
  #readAgain(): void {
    if (!this.#drained || this.#ending !== undefined || this.#router === undefined) return;
    const behind = this.#tables.all().filter(({ lane }) => lane.behind);
    if (behind.some(({ lane }) => lane.pace === 'waits')) return;
    if (behind.length === 0) {
      this.#end('drained');
      return;
    }
    this.#drained = false;
    // Who gets which partition is decided anew; what waits in memory comes again as well.
    this.#router.revoke(this.#router.partitions);
    this.#read(this.#router);
  }

  async #handle(router: Router, event: SourceEvent): Promise<void> {
    const handed = await router.handle(event);
    switch (event.kind) {
      case 'assigned':
        this.#turns.handled(event);
        break;
      case 'batch':
        if (handed !== undefined) this.#tellRead(handed);
        break;
      case 'waiting':
        this.#events.next({ kind: 'waiting', table: undefined, why: event.why });
        break;
      case 'resumed':
        this.#events.next({ kind: 'resumed', table: undefined });
        break;
      case 'drained':
      case 'revoked':
      case 'progress':
      case 'gap':
        break;
    }
  }

  #tellRead(batch: (SourceEvent & { kind: 'batch' })['batch']): void {
    const { topic, partition, next, highWatermark, bytes } = batch;
    const records = batch.records.length;
    this.#records += records;
    this.#bytes += bytes;
    this.#events.next({ kind: 'read', topic, partition, next, highWatermark, records, bytes });
  }

  #topic(name: string, identity: string, destinations: Destinations): TopicTables {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = new TopicTables({
        topic: name,
        tables: this.#tables,
        destinations,
        pathOf: this.#parts.settings.pathOf,
        make: (path, change) => this.#makeTable(path, change, identity),
        refuse: (failure, path) => this.#failedTable({ ...failure, table: path, url: undefined }),
        persist: (work) => this.#persistence.try(this.#parts.store.url, work),
      });
      this.#topics.set(name, topic);
    }
    return topic;
  }

  #makeTable(name: string, change: ChangeOrigin, identity: string): Table {
    const { settings, store, createSettler } = this.#parts;
    const { pipe, scheduler, random, tolerance, bounds } = settings;
    const own = store.at(name);
    const done = new TableCounts();
    const { schema, table: sourceTable } = change.source;
    const settler = createSettler({
      url: own.url,
      store: own,
      name,
      appId: ({ topic, partition }) => formatAppId({ identity, topic, incarnation: 0, partition }),
      options: settings.optionsOf([name, `${schema}.${sourceTable}`, sourceTable]),
      now: () => scheduler.now(),
      random,
      tell: (note) => this.#events.next({ kind: 'note', table: name, note }),
    });
    const lane = new TableLane({
      settler,
      bounds,
      tolerance,
      writeLetters: (records, slices, signal) =>
        settings.deadLetters?.write(lettersOf(records, slices, name), signal) ?? Promise.resolve(),
      pipe: pipe === undefined ? undefined : (slices, signal) => pipeSlices(slices, pipe, signal),
      acknowledge: (partition, next) => this.#router?.acknowledge(table, partition, next),
      report: (report) => this.#report(table, report),
      seek: (partition) => this.#router?.seek(partition),
      changed: () => {
        this.#standstill.look(table);
        if (this.#credit.starved) this.#feed();
        this.#readAgain();
      },
      crash: (cause) => {
        this.#crash ??= { cause };
        this.#fail(cause);
      },
      scheduler,
      random,
      signal: this.#aborter.signal,
    });
    const feeder = describeOrigin(change);
    const table: Table = { name, url: own.url, topic: change.topic, feeder, lane, done };
    this.#events.next({ kind: 'table', table: name, url: own.url });
    return table;
  }

  #report(table: Table, report: LaneReport): void {
    const { name } = table;
    switch (report.kind) {
      case 'committed': {
        const { version, metrics, elapsedMs } = report;
        table.done.committed(version, metrics);
        this.#events.next({ kind: 'committed', table: name, version, metrics, elapsedMs });
        break;
      }
      case 'waiting': {
        const { failure } = report;
        this.#events.next({ kind: 'waiting', table: name, why: failure.reason, failure });
        break;
      }
      case 'resumed':
        this.#events.next({ kind: 'resumed', table: name });
        break;
      case 'dead-letters':
        table.done.putAside(report.count);
        this.#events.next({ kind: 'dead-letters', table: name, count: report.count });
        break;
      case 'failed':
        this.#failedTable({ ...report.failure, table: name, url: table.url });
        break;
      case 'stopped':
        break;
    }
  }

  #failedTable(failure: FailedTable): void {
    this.#failed.push(failure);
    this.#events.next({ kind: 'failed', failure });
    // A table that fails at once is not among its topic's tables yet: look when the router has done its part.
    queueMicrotask(() => {
      if (this.#router !== undefined && this.#router.partitions.length > 0 && !this.#router.alive)
        this.#end('failed');
    });
  }

  /**
   * Somebody waits for credit: the lane that holds most settles what it has. One that is settling already gives its
   * bytes back in a moment, and then we are asked again. Where nobody has anything to settle, the batch that waits for
   * its table and holds most is let go of.
   */
  #feed(): void {
    let largest: TableLane | undefined;
    let stuck: TableLane | undefined;
    for (const { lane } of this.#tables.all()) {
      if (lane.settlesRows) return;
      if (lane.waitingBytes > (largest?.waitingBytes ?? 0)) largest = lane;
      if (lane.stuckBytes > (stuck?.stuckBytes ?? 0)) stuck = lane;
    }
    if (largest !== undefined) largest.flush();
    else stuck?.starve();
  }

  async #putAside(letters: readonly DeadLetter[]): Promise<void> {
    const { deadLetters } = this.#parts.settings;
    if (deadLetters !== undefined)
      await this.#persistence.try('dead letters', (signal) => deadLetters.write(letters, signal));
    this.#events.next({ kind: 'dead-letters', table: undefined, count: letters.length });
  }

  async #closeLanes(how: 'finish' | 'abandon'): Promise<void> {
    this.#closing = true;
    this.#intake?.unsubscribe();
    this.#intakeAborter.abort(new DOMException('the sink takes nothing more in', 'AbortError'));
    await this.#handling.catch(() => undefined); // Its failure is why we end, or was caused by the abort.
    for (const event of this.#queued) this.#credit.give(bytesOf(event));
    this.#queued.clear();
    const lanes = this.#tables.all().map(({ lane }) => lane);
    for (const lane of lanes) lane[how]();
    // A source that has run dry has all the time it needs; someone who waits for us to stop has not.
    if (this.#ending !== 'drained' || this.#stops > 0) this.#limit();
    await Promise.all([...lanes.map((lane) => lane.closed()), this.#savePositions()]);
    this.#deadline?.unsubscribe();
    this.#aborter.abort(new DOMException('the sink has ended', 'AbortError'));
    this.#events.complete();
  }

  /** Keeps how far partitions that feed no table have been read. */
  async #savePositions(): Promise<void> {
    for (const { topic, partition, ...position } of this.#router?.unfed ?? []) {
      try {
        await this.#positions?.save({ topic, partition }, position, this.#aborter.signal);
      } catch {
        return; // A store that is in trouble is told of by the lanes.
      }
    }
  }

  #summary(ended: Ending): RunSummary {
    return {
      ended,
      tables: this.#tables.all().map(({ name, url, done }) => done.summary(name, url)),
      failed: this.#failed,
      records: this.#records,
      bytes: this.#bytes,
      elapsedMs: this.#parts.settings.scheduler.now() - this.#startedAtMs,
    };
  }
}

function bytesOf(event: SourceEvent): number {
  return event.kind === 'batch' ? event.batch.bytes : 0;
}
