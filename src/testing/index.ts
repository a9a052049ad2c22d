/** Suites and parts for those who implement a port of Sluice: a store, a source. They bring no test runner of their own. */
export { arraySource, type ArrayBatch, type ArraySource, type ArraySourceOptions } from './array-source.js';
export {
  assertTiles,
  describeChangeSource,
  type GivenRecord,
  type OpenedSource,
  type OpenSource,
} from './change-source-contract.js';
export { describeObjectStore, type OpenedStore, type TestApi } from './object-store-contract.js';
