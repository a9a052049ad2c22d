export { SluiceError, isSluiceError, type ErrorCode } from './base/errors.js';
export {
  DeltaTable,
  type DeleteOptions,
  type UpdateOptions,
  type VerbResult,
  type WriteConflictOptions,
  type FileEntry,
  type LimitedReadOptions,
  type OpenOptions,
  type ReadOptions,
} from './operations/delta-table.js';
export { cursorsPassedBy, deleteCursor, listCursors, type CursorOptions } from './operations/feed/cursors.js';
export type { CursorState } from './operations/feed/cursor-record.js';
export type { Moment } from './operations/moment.js';
export type { TableDetail } from './operations/detail.js';
export type { HistoryEntry } from './operations/history.js';
export type { GivenRow, GivenValue, PlainRow, PlainValue } from './operations/plain-values.js';
export type { RowData } from './operations/rows-to-append.js';
export type { DataType, StructField, StructType } from './schema/types.js';
export type { ArrowBatch, ArrowTable } from './columnar/arrow.js';
export type { ObjectMeta, ObjectStore } from './storage/object-store.js';
export { localStore } from './storage/local.js';
export { memoryStore } from './storage/memory.js';
