import { map, type OperatorFunction } from 'rxjs';
import type { Changes } from '../cdc/changes.js';
import type { RecordDecoder } from '../cdc/decoder.js';
import type { SourceBatch } from '../source/change-source.js';

/**
 * Makes changes of a source's batches, for pipelines of one's own. Rows are not read before someone asks for them;
 * a record that cannot be read is `Op.bad` and does not end the stream.
 */
export function decode(decoder: RecordDecoder): OperatorFunction<SourceBatch, Changes> {
  return map(({ topic, partition, records }) => decoder.peek(topic, partition, records));
}
