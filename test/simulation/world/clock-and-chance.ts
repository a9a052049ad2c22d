import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import type { Chance } from './chance.js';
import type { Time } from './time.js';

/**
 * Puts the simulated clock and chance in the place of the process's own (`Date.now`, `performance.now`, `setTimeout`,
 * `Math.random`, `crypto.randomUUID`) until it is disposed of. Production code is given a clock and chance of its own
 * where they decide anything; this takes care of the rest (file names, timestamps of files, how long a merge took), so
 * that one seed gives one history to the byte. One at a time.
 */
export function takeOverClockAndChance(time: Time, chance: Chance): Disposable {
  const own = {
    now: Date.now,
    performanceNow: performance.now.bind(performance),
    random: Math.random,
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    randomUUID: crypto.randomUUID,
  };
  const timers = new Map<number, { cancel(): void }>();
  let last = 0;
  Date.now = () => time.nowMs;
  performance.now = () => time.elapsedMs;
  Math.random = () => chance.next();
  crypto.randomUUID = () => chance.uuid();
  const start = (run: (...values: unknown[]) => void, ms = 0, ...values: unknown[]): number => {
    const id = ++last;
    const alarm = time.in(ms, () => {
      timers.delete(id);
      run(...values);
    });
    timers.set(id, alarm);
    return id;
  };
  const stop = (id: unknown): void => {
    if (typeof id !== 'number') return;
    timers.get(id)?.cancel();
    timers.delete(id);
  };
  Reflect.set(globalThis, 'setTimeout', start);
  Reflect.set(globalThis, 'clearTimeout', stop);
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]: () => {
      Date.now = own.now;
      performance.now = own.performanceNow;
      Math.random = own.random;
      crypto.randomUUID = own.randomUUID;
      globalThis.setTimeout = own.setTimeout;
      globalThis.clearTimeout = own.clearTimeout;
      syncBuiltinESMExports();
    },
  };
}
