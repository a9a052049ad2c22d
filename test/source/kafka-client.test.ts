import { describe, expect, test } from 'vitest';
import { brokerError } from '../../src/kafka/errors.js';
import { batchTails } from '../../src/kafka/batch-tails.js';
import { addTail } from '../../src/kafka/fetch-answers.js';
import { hideAborted, type DecodedRecord } from '../../src/kafka/committed-only.js';
import { calmed } from '../../src/kafka/log.js';
import { isSluiceError, SluiceError } from '../../src/base/errors.js';

const ABORT = Buffer.alloc(4);

function data(offset: number, producerId: string, key: Buffer | null = null): DecodedRecord {
  const inTransaction = producerId !== '-1';
  return { offset: String(offset), key, isControlRecord: false, batchContext: { producerId, inTransaction } };
}

function marker(offset: number, producerId: string): DecodedRecord {
  return { ...data(offset, producerId, ABORT), isControlRecord: true };
}

/** Offsets of what a reader of committed records would get. */
function readable(
  messages: DecodedRecord[],
  ...aborted: readonly (readonly [producerId: string, firstOffset: number])[]
): readonly number[] {
  const abortedTransactions = aborted.map(([producerId, first]) => ({
    producerId,
    firstOffset: String(first),
  }));
  const partition = { abortedTransactions, messages };
  hideAborted(partition);
  expect(partition.messages.length).toBe(messages.length);
  return partition.messages
    .filter((record) => record.isControlRecord !== true)
    .map(({ offset }) => Number(offset));
}

describe('records of aborted transactions', () => {
  test('are hidden up to the marker of their producer, and no other', () => {
    const messages = [
      data(0, '7'),
      data(1, '-1'),
      data(2, '8'),
      data(3, '7'),
      marker(4, '7'),
      data(5, '7'),
      marker(6, '8'),
    ];
    expect(readable(messages, ['7', 0])).toEqual([1, 2, 5]);
  });

  test('are hidden where a fetch begins inside two of them', () => {
    expect(readable([data(12, '8'), data(13, '7'), data(14, '-1')], ['7', 10], ['8', 11])).toEqual([14]);
    expect(readable([data(12, '8'), data(13, '7'), data(14, '-1')], ['8', 11], ['7', 10])).toEqual([14]);
  });

  test('are hidden although a key looks like a marker', () => {
    expect(readable([data(0, '7', ABORT), data(1, '7', ABORT), marker(2, '7')], ['7', 0])).toEqual([]);
  });

  test('of the same producer are hidden each time, and its committed ones are not', () => {
    const messages = [
      data(0, '7'),
      marker(1, '7'),
      data(2, '7'),
      marker(3, '7'),
      data(4, '7'),
      marker(5, '7'),
    ];
    expect(readable(messages, ['7', 0], ['7', 4])).toEqual([2]);
  });

  test('are no concern where there are none, or in old formats', () => {
    expect(readable([{ offset: '0', key: null }], ['7', 0])).toEqual([0]);
    expect(readable([data(0, '7')])).toEqual([0]);
  });
});

describe('the range of a batch', () => {
  const records = (offset: number): DecodedRecord[] => [data(offset, '-1')];

  test('counts as read where its last records are gone, or all of them', () => {
    const partition = { abortedTransactions: null, messages: records(3) };
    addTail(partition, 9);
    expect(partition.messages.map((record) => [record.offset, record.isControlRecord])).toEqual([
      ['3', false],
      ['9', true],
    ]);
    const empty = { abortedTransactions: null, messages: [] };
    addTail(empty, 9);
    expect(empty.messages).toMatchObject([{ offset: '9', isControlRecord: true }]);
  });

  test('adds nothing where the last record is there, or no batch is', () => {
    const partition = { abortedTransactions: null, messages: records(9) };
    addTail(partition, 9);
    addTail(partition, undefined);
    expect(partition.messages.length).toBe(1);
  });

  test.each([4, 5, 7, 11])('is read from an answer of version %i, cut-off batches left out', (version) => {
    const answer = fetchAnswer(version, [
      ['topic', [[batch(10, 4), batch(15, 0)], [], [batch(20, 9), batch(30, 5).subarray(0, 70)]]],
      ['other', [[batch(7, 0).subarray(0, 20)]]],
    ]);
    expect(batchTails(answer, version)).toEqual([[15, undefined, 29], [undefined]]);
  });
});

/** A record batch of format 2 without records: only its frame matters here. */
function batch(firstOffset: number, lastOffsetDelta: number): Buffer {
  const bytes = Buffer.alloc(61 + lastOffsetDelta * 5);
  bytes.writeBigInt64BE(BigInt(firstOffset), 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt8(2, 16);
  bytes.writeInt32BE(lastOffsetDelta, 23);
  return bytes;
}

/** An answer to a fetch, field by field as the protocol lists them. */
function fetchAnswer(
  version: number,
  topics: readonly (readonly [string, readonly (readonly Buffer[])[]])[],
): Buffer {
  const int = (bytes: 2 | 4 | 8, value: number) => {
    const field = Buffer.alloc(bytes);
    if (bytes === 8) field.writeBigInt64BE(BigInt(value));
    else field.writeIntBE(value, 0, bytes);
    return field;
  };
  const partition = (batches: readonly Buffer[], number: number) => [
    int(4, number),
    int(2, 0),
    int(8, 100),
    int(8, 100),
    ...(version >= 5 ? [int(8, 0)] : []),
    int(4, 1),
    int(8, 7),
    int(8, 10),
    ...(version >= 11 ? [int(4, -1)] : []),
    int(4, Buffer.concat(batches).length),
    ...batches,
  ];
  return Buffer.concat([
    int(4, 0),
    ...(version >= 7 ? [int(2, 0), int(4, 0)] : []),
    int(4, topics.length),
    ...topics.flatMap(([name, partitions]) => [
      int(2, name.length),
      Buffer.from(name),
      int(4, partitions.length),
      ...partitions.flatMap(partition),
    ]),
  ]);
}

describe('failures of the client', () => {
  const kafkaError = (fields: object, cause?: unknown) =>
    Object.assign(new Error('it said no', { cause }), fields);

  test.each([
    [{ name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' }, 'BROKER_UNAVAILABLE', 'safe'],
    [{ type: 'NOT_COORDINATOR_FOR_GROUP' }, 'BROKER_UNAVAILABLE', 'safe'],
    [{ type: 'TOPIC_AUTHORIZATION_FAILED' }, 'BROKER_UNAVAILABLE', 'never'],
    [{ name: 'KafkaJSSASLAuthenticationError' }, 'BROKER_UNAVAILABLE', 'never'],
    [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'BROKER_UNAVAILABLE', 'never'],
    [{ type: 'UNKNOWN_TOPIC_OR_PARTITION' }, 'TOPIC_NOT_FOUND', 'never'],
  ])('%o is %s, to be tried again: %s', (fields, code, retry) => {
    const wrapped = kafkaError({ name: 'KafkaJSNumberOfRetriesExceeded' }, kafkaError(fields));
    expect(brokerError(wrapped, 'reading')).toMatchObject({ code, retry });
  });

  test('an answer that was lost with its broker is asked for again, whatever the client stumbles over', () => {
    const lost = (): { topicMetadata: unknown } => JSON.parse('null') as { topicMetadata: unknown };
    const stumble = async (): Promise<unknown> => {
      const { topicMetadata } = await Promise.resolve(lost());
      return topicMetadata;
    };
    return expect(stumble().catch((cause: unknown) => brokerError(cause, 'listing'))).resolves.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      retry: 'safe',
    });
  });

  test('an error of ours comes through as it is', () => {
    const own = new SluiceError('RECORD_INVALID', 'cannot be decompressed');
    expect(brokerError(kafkaError({}, own), 'reading')).toBe(own);
    expect(isSluiceError(brokerError('a string', 'reading'), 'BROKER_UNAVAILABLE')).toBe(true);
  });

  test('what heals by itself is not logged as an error', () => {
    const line = (message: string) =>
      calmed({ level: 'error', from: 'Connection', message, fields: {} }).level;
    expect(line('Response Heartbeat(key: 12): The group is rebalancing, so a rejoin is needed')).toBe(
      'debug',
    );
    expect(line('The coordinator is loading and hence can not process requests for this group')).toBe(
      'debug',
    );
    expect(line('Connection error: connect ECONNREFUSED')).toBe('error');
  });
});
