import kafkajs, { type IHeaders, type Producer } from 'kafkajs';
import { settledWithin, untilAborted } from './await.js';
import { kafkaClient, type KafkaConnection } from './client.js';
import { brokerError } from './errors.js';

/** Closing a connection is local, unless it is not there yet. */
const HANG_UP_MS = 1_000;

/** A record to be written. Without `partition` its key decides, as Java's producer would. */
export type OutgoingRecord = {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, Buffer | string>>;
  readonly partition?: number;
};

/** Writes records to topics. Connects on the first `send`. */
export interface RecordProducer extends AsyncDisposable {
  /**
   * Resolves once every in-sync replica has all the records. A rejection may leave some of them written:
   * the caller sends them again, and they are there twice. `TOPIC_NOT_FOUND`, `BROKER_UNAVAILABLE`.
   */
  send(topic: string, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<void>;
}

/** A producer that does not double records when it retries on its own (idempotence), and waits for all replicas. */
export function kafkaProducer(connection: KafkaConnection): RecordProducer {
  let connected: Promise<Producer> | undefined;

  const connect = async (): Promise<Producer> => {
    const producer = kafkaClient(connection).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      // Named so that kafkajs does not warn that its default has changed.
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      retry: { retries: 8 },
    });
    await producer.connect();
    return producer;
  };
  const hangUp = async () => {
    const closed = connected?.then((producer) => producer.disconnect());
    connected = undefined;
    // One that is lost already cannot be closed, one that is still being made is closed when it is there.
    if (closed !== undefined) await settledWithin(closed, HANG_UP_MS);
  };
  const send = async (topic: string, records: readonly OutgoingRecord[]) => {
    const producer = await (connected ??= connect());
    const messages = records.map(({ key, value, headers, partition }) => ({
      key,
      value,
      ...(headers === undefined ? {} : { headers: headers satisfies IHeaders }),
      ...(partition === undefined ? {} : { partition }),
    }));
    await producer.send({ topic, acks: -1, messages });
  };
  return {
    send: async (topic, records, signal) => {
      if (records.length === 0) return;
      try {
        await untilAborted(send(topic, records), signal);
      } catch (cause) {
        signal.throwIfAborted();
        // An idempotent producer that has failed may be out of step with the broker: the next send begins anew.
        await hangUp();
        throw brokerError(cause, `writing to topic ${topic}`, { topic, records: records.length });
      }
    },
    [Symbol.asyncDispose]: hangUp,
  };
}
