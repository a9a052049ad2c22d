import { createRequire } from 'node:module';
import { assert } from '../base/errors.js';

/** A decoded record as kafkajs has it inside. */
export type DecodedRecord = {
  readonly offset: string;
  readonly key: Buffer | null;
  isControlRecord?: boolean;
  /** Missing for records in the formats before transactions. */
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean };
};

/** One partition of a decoded answer to a fetch. */
export type DecodedPartition = {
  abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[] | null;
  readonly messages: readonly DecodedRecord[];
};

/** The versions of Kafka's Fetch request with transactions that kafkajs speaks. */
const FETCH_VERSIONS = [4, 5, 6, 7, 8, 9, 10, 11];

const installed = new WeakSet<object>();

/**
 * Makes kafkajs leave out every record of an aborted transaction. On its own it hands some of them over:
 * it takes up one aborted transaction with each record, so that where two overlap and a fetch begins
 * inside both, the first record of the second one passes; and it takes any record with the key 0x00000000
 * for the marker of an abort. The answer to a fetch is corrected as it is decoded, before kafkajs looks at
 * it. Doing it again changes nothing.
 */
export function readOnlyCommitted(): void {
  const require = createRequire(import.meta.url);
  for (const version of FETCH_VERSIONS) {
    const response: unknown = require(`kafkajs/src/protocol/requests/fetch/v${version}/response`);
    assert(isDecoder(response), () => `kafkajs decodes fetch v${version} elsewhere than expected`);
    if (installed.has(response)) continue;
    installed.add(response);
    const decode = response.decode;
    response.decode = async (bytes) => {
      const answer = await decode(bytes);
      for (const { partitions } of answer.responses) partitions.forEach(hideAborted);
      return answer;
    };
  }
}

/**
 * Marks the records of aborted transactions as what kafkajs passes by, so that they still count as
 * offsets that were read. Apache Kafka, "Message Format", "Control Batches"; a consumer of committed
 * records gets with each answer the aborted transactions whose records it may hold, by producer and first
 * offset, and each ends at its producer's next marker.
 */
export function hideAborted(partition: DecodedPartition): void {
  const aborted = partition.abortedTransactions ?? [];
  if (aborted.length === 0) return;
  partition.abortedTransactions = [];
  const coming = aborted.toSorted((a, b) => Number(a.firstOffset) - Number(b.firstOffset));
  const open = new Set<string>();
  let taken = 0;
  for (const record of partition.messages) {
    for (let next = coming[taken]; next !== undefined; next = coming[(taken += 1)]) {
      if (Number(next.firstOffset) > Number(record.offset)) break;
      open.add(next.producerId);
    }
    const { batchContext } = record;
    if (batchContext === undefined) continue;
    if (record.isControlRecord === true) {
      open.delete(batchContext.producerId);
    } else if (batchContext.inTransaction && open.has(batchContext.producerId)) {
      record.isControlRecord = true;
    }
  }
}

type Decoder = {
  decode(
    bytes: Buffer,
  ): Promise<{ readonly responses: readonly { readonly partitions: DecodedPartition[] }[] }>;
};

function isDecoder(module: unknown): module is Decoder {
  return (
    typeof module === 'object' && module !== null && 'decode' in module && typeof module.decode === 'function'
  );
}
