/** The first version of Kafka's Fetch answer that has each of these fields. Apache Kafka, "Protocol", "Fetch API". */
const LOG_START_OFFSET = 5;
const SESSION = 7;
const PREFERRED_REPLICA = 11;

const INT16 = 2;
const INT32 = 4;
const INT64 = 8;

/** Where in a record batch its fields stand. Apache Kafka, "Message Format", "Record Batch". */
const LENGTH_AT = 8;
const BATCH_FROM = 12;
const MAGIC_AT = 16;
const LAST_OFFSET_DELTA_AT = 23;
const RECORDS_AT = 57;

/**
 * For each topic and partition of an answer to a fetch, in its order, the last offset that its last whole
 * record batch stands for; undefined if there is none. A batch keeps its range of offsets when compaction
 * takes records out of it, even all of them: the range tells how far a fetch has come where records don't.
 */
export function batchTails(answer: Buffer, version: number): readonly (readonly (number | undefined)[])[] {
  const topics: (number | undefined)[][] = [];
  let at = INT32 + (version >= SESSION ? INT16 + INT32 : 0);
  const int32 = () => {
    at += INT32;
    return answer.readInt32BE(at - INT32);
  };
  const topicCount = int32();
  for (let topic = 0; topic < topicCount; topic += 1) {
    at += INT16 + answer.readInt16BE(at);
    const tails: (number | undefined)[] = [];
    const partitionCount = int32();
    for (let partition = 0; partition < partitionCount; partition += 1) {
      at += INT32 + INT16 + INT64 + INT64 + (version >= LOG_START_OFFSET ? INT64 : 0);
      const aborted = Math.max(0, int32());
      at += aborted * (INT64 + INT64);
      if (version >= PREFERRED_REPLICA) at += INT32;
      const size = Math.max(0, int32());
      tails.push(lastOffset(answer, at, Math.min(answer.length, at + size)));
      at += size;
    }
    topics.push(tails);
  }
  return topics;
}

/** The last batch may be cut off: a broker fills what it may send. */
function lastOffset(answer: Buffer, from: number, upTo: number): number | undefined {
  let last: number | undefined;
  for (let at = from; at + RECORDS_AT <= upTo;) {
    const end = at + BATCH_FROM + answer.readInt32BE(at + LENGTH_AT);
    // Batches of older formats know no range beyond their records.
    if (end > upTo || answer.readInt8(at + MAGIC_AT) < 2) break;
    last = Number(answer.readBigInt64BE(at)) + answer.readInt32BE(at + LAST_OFFSET_DELTA_AT);
    at = end;
  }
  return last;
}
