import { SluiceError } from '../../base/errors.js';
import { sourceTimeMs } from '../../cdc/position.js';
import type { Events } from './events.js';

/**
 * A change that is late by its place and yet newer, by its source's clock, than all that its partition has brought (R13):
 * the source counts its places anew, as after a failover, and all that follows would be dropped as late.
 */
export function positionRegressed(
  events: Events,
  event: number,
  table: { url: string; name: string },
): SluiceError {
  const { topic, partition } = events.sliceOf(event);
  const offset = events.changes(event).offset(events.record[event] ?? 0);
  const position = events.position(event);
  return new SluiceError(
    'POSITION_REGRESSED',
    `${table.name}: a change of ${topic} ${partition} at offset ${offset} is newer than what stands, and its place in the source's history lies before it`,
    {
      context: { table: table.url, topic, partition, offset, position, sourceTimeMs: sourceTimeMs(position) },
      hint: `If the source was failed over or restored, count its places anew: sluice offsets accept ${table.url} --new-epoch`,
    },
  );
}
