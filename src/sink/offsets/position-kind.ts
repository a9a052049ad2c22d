import type { Snapshot } from '../../table/snapshot.js';

/** A place that is a Kafka offset, as it begins in bounds that are cut (src/cdc/position.ts). */
const OFFSET_PLACE = /"9[0-9a-f]{24}/;

/** Whether rows of the table are placed by Kafka offsets, those of connectors whose own order is not known. */
export function positionsAreOffsets(snapshot: Snapshot): boolean {
  for (const { stats } of snapshot.files) if (stats !== undefined && OFFSET_PLACE.test(stats)) return true;
  return false;
}
