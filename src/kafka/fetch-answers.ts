import { createRequire } from 'node:module';
import { assert } from '../base/errors.js';
import { batchTails } from './batch-tails.js';
import { hideAborted, type DecodedPartition } from './committed-only.js';

/** The versions of Kafka's Fetch request with transactions that kafkajs speaks. */
const FETCH_VERSIONS = [4, 5, 6, 7, 8, 9, 10, 11];

const installed = new WeakSet<object>();

/**
 * Corrects what kafkajs makes of the answer to a fetch, before it looks at it. Doing it again changes
 * nothing. On its own kafkajs
 *
 * - hands over some records of aborted transactions: it takes up one aborted transaction with each
 *   record, so that where two overlap and a fetch begins inside both, the first record of the second one
 *   passes; and it takes any record with the key 0x00000000 for the marker of an abort;
 * - sees only records of batches, not the batches: one that compaction has emptied, as it leaves them for
 *   the sake of a producer's sequence numbers, is fetched again for ever, and one with its last records
 *   taken out is crossed one offset at a time.
 */
export function correctFetchAnswers(): void {
  const require = createRequire(import.meta.url);
  for (const version of FETCH_VERSIONS) {
    const response: unknown = require(`kafkajs/src/protocol/requests/fetch/v${version}/response`);
    assert(isDecoder(response), () => `kafkajs decodes fetch v${version} elsewhere than expected`);
    if (installed.has(response)) continue;
    installed.add(response);
    const decode = response.decode.bind(response);
    response.decode = async (bytes) => {
      const answer = await decode(bytes);
      const tails = batchTails(bytes, version);
      for (const [i, { partitions }] of answer.responses.entries()) {
        for (const [j, partition] of partitions.entries()) {
          hideAborted(partition);
          addTail(partition, tails[i]?.[j]);
        }
      }
      return answer;
    };
  }
}

/**
 * Makes an offset that no record stands for count as read: as a control record, which is what kafkajs
 * passes by and still counts.
 */
export function addTail(partition: DecodedPartition, tail: number | undefined): void {
  const last = partition.messages.at(-1);
  if (tail === undefined || (last !== undefined && Number(last.offset) >= tail)) return;
  partition.messages.push({
    offset: String(tail),
    key: null,
    isControlRecord: true,
    batchContext: { producerId: '-1', inTransaction: false },
  });
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
