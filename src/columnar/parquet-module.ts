import { createRequire } from 'node:module';
import type * as ParquetWasm from 'parquet-wasm';

/** The functions and classes of parquet-wasm, over one memory. */
export type ParquetModule = typeof ParquetWasm;

/** Numbers in a file may have made the memory grow, and it never shrinks: more than this goes back after a failure. */
const KEPT_BYTES_MAX = 256 * 2 ** 20;

let current: ParquetModule | undefined;

/**
 * The codec as it stands now, compiled at the first call. What one module makes only that module can take back: who holds
 * on to such a thing holds on to the module too.
 */
export function parquetModule(): ParquetModule {
  return (current ??= load());
}

/**
 * Calls into the codec. A trap (bytes it has no answer to, memory that it cannot get) unwinds nothing: the module's
 * stack and heap stay as they were at that moment. Such a module is thrown away, and the next call gets a fresh one,
 * which costs about 20 ms.
 */
export function inParquetModule<T>(work: (wasm: ParquetModule) => T): T {
  const wasm = parquetModule();
  try {
    return work(wasm);
  } catch (cause) {
    if (wasm === current && (isTrap(cause) || memoryBytes(wasm) > KEPT_BYTES_MAX)) current = undefined;
    throw cause;
  }
}

function load(): ParquetModule {
  // A loader of its own each time: it would hold on to every module that it ever loaded.
  const require = createRequire(import.meta.url);
  delete require.cache[require.resolve('parquet-wasm')];
  const loaded: ParquetModule = require('parquet-wasm');
  return loaded;
}

/** A stack that overflows is a RangeError; what the codec itself has to say is a plain Error. */
function isTrap(cause: unknown): boolean {
  return cause instanceof Error && (cause.name === 'RuntimeError' || cause.name === 'RangeError');
}

function memoryBytes(wasm: ParquetModule): number {
  const memory: unknown = wasm.wasmMemory();
  if (typeof memory !== 'object' || memory === null || !('buffer' in memory)) return 0;
  return memory.buffer instanceof ArrayBuffer ? memory.buffer.byteLength : 0;
}
