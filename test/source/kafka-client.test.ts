import { describe, expect, test } from 'vitest';
import { brokerError } from '../../src/kafka/errors.js';
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
