/**
 * Change events: decoding Debezium's records, their order, and changes as objects.
 *
 * @packageDocumentation
 */
export {
  Flag,
  Op,
  type Changes,
  type ColumnsFound,
  type Half,
  type Origin,
  type RecordProblem,
  type RowAppender,
  type SourceColumn,
} from './cdc/changes.js';
export { compareChange, type Arriving, type Standing, type Verdict } from './cdc/compare.js';
export { debezium, type DebeziumOptions } from './cdc/debezium.js';
export type { RecordDecoder } from './cdc/decoder.js';
export {
  changeObjects,
  fromObjects,
  unavailable,
  type Change,
  type ChangeOp,
  type ObjectRow,
  type ObjectValue,
} from './cdc/object-changes.js';
export {
  comparePositions,
  formatPosition,
  isSnapshot,
  orderText,
  parsePosition,
  sourceTimeMs,
  type Place,
  type Position,
} from './cdc/position.js';
export { headerText, type HeaderValue, type RawRecord } from './cdc/record.js';
