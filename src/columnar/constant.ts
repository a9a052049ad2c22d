import type { Data } from 'apache-arrow';
import type { DataType, Value } from '../schema/types.js';
import { columnBuilder } from './table-builder.js';

/** One chunk of `rows` cells that all hold the value. */
export function constantData(type: DataType, value: Value, rows: number): Data {
  const builder = columnBuilder(type);
  if (value === null) for (let row = 0; row < rows; row++) builder.appendNull();
  else for (let row = 0; row < rows; row++) builder.append(value);
  return builder.finish();
}
