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
  readonly messages: DecodedRecord[];
};

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
