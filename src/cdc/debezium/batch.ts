import type { ColumnText } from '../../schema/type-text.js';
import type { Half, Origin, RecordProblem } from '../changes.js';
import type { TypeOptions } from '../delta-type.js';
import type { Shape } from '../json/shapes.js';
import type { RawRecord } from '../record.js';
import type { SourceField } from '../source-type.js';
import type { UnavailableValue } from '../unavailable.js';
import type { TopicMemory } from './topic-memory.js';

/** What the decoder was told: see `debezium`. */
export type Settings = {
  readonly unavailable: UnavailableValue;
  readonly types: TypeOptions;
  /** Configured columns of a table, by name. */
  configured(origin: Origin): ReadonlyMap<string, ColumnText>;
};

/** What was found of a run of records, as its parts read it: arrays by record index, -1 for what is not there. */
export type Batch = {
  readonly memory: TopicMemory;
  readonly settings: Settings;
  readonly records: readonly RawRecord[];
  /** Id of the value's schema half. */
  readonly schema: Int32Array;
  readonly beforeAt: Int32Array;
  readonly afterAt: Int32Array;
  readonly afterShape: Int32Array;
  readonly keySchema: Int32Array;
  readonly keyShape: Int32Array;
  readonly keyAt: Int32Array;
  readonly origins: readonly Origin[];
};

/** One image of a row: its bytes, where its object begins, its shape, and what the schema half says of its fields. */
export type Image = {
  readonly bytes: Buffer;
  readonly at: number;
  readonly shape: Shape;
  /** Id of the schema half, -1 for none. */
  readonly schema: number;
};

export const NO_IMAGE: RecordProblem = {
  kind: 'envelope',
  reason: 'the event does not hold this image of the row',
};
const BAD_IMAGE: RecordProblem = {
  kind: 'json',
  reason: 'the image of the row is not JSON, or names a column twice',
};

/** The image of record `i`, or why there is none. */
export function imageOf(batch: Batch, i: number, half: Half): Image | RecordProblem {
  const bytes = batch.records[i]?.value;
  const at = (half === 'after' ? batch.afterAt : batch.beforeAt)[i] ?? -1;
  if (bytes === undefined || bytes === null || at < 0) return { ...NO_IMAGE, field: half };
  const { rows } = batch.memory;
  const shape = half === 'after' ? rows.shape(batch.afterShape[i] ?? -1) : rows.walk(bytes, at);
  if (shape === undefined) return { ...BAD_IMAGE, field: half };
  return { bytes, at, shape, schema: batch.schema[i] ?? -1 };
}

/** What the schema half says of an image's fields; undefined where there is none. */
export function typedFields(batch: Batch, schema: number, half: Half): readonly SourceField[] | undefined {
  return batch.memory.values.meaning(schema)?.[half];
}
