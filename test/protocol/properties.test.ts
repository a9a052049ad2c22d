import { describe, expect, test } from 'vitest';
import { parseIntervalMs } from '../../src/protocol/interval.js';
import { propertyKey, tableProperty } from '../../src/protocol/properties.js';

const DAY = 86_400_000;

describe('table properties', () => {
  test('have the defaults of the protocol', () => {
    expect(tableProperty({}, 'checkpointInterval')).toBe(10);
    expect(tableProperty({}, 'deletedFileRetentionMs')).toBe(7 * DAY);
    expect(tableProperty({}, 'logRetentionMs')).toBe(30 * DAY);
    expect(tableProperty({}, 'txnRetentionMs')).toBeUndefined();
    expect(tableProperty({}, 'enableDeletionVectors')).toBe(false);
    expect(tableProperty({}, 'columnMappingMode')).toBe('none');
  });

  test('are read whatever their case', () => {
    expect(tableProperty({ 'delta.enableDeletionVectors': 'TRUE' }, 'enableDeletionVectors')).toBe(true);
    expect(tableProperty({ 'delta.columnMapping.mode': 'Name' }, 'columnMappingMode')).toBe('name');
    expect(tableProperty({ 'delta.checkpointInterval': '25' }, 'checkpointInterval')).toBe(25);
    expect(tableProperty({ 'delta.enableChangeDataCapture': 'true' }, 'enableChangeDataFeed')).toBe(true);
    expect(propertyKey('enableChangeDataFeed')).toBe('delta.enableChangeDataFeed');
  });

  test.each([
    ['checkpointInterval', '0'],
    ['checkpointInterval', 'ten'],
    ['appendOnly', 'yes'],
    ['columnMappingMode', 'both'],
    ['logRetentionMs', 'interval 1 month'],
  ] as const)('%s cannot be "%s"', (name, text) => {
    const key = propertyKey(name);
    expect(() => tableProperty({ [key]: text }, name)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', context: { property: key, value: text } }),
    );
  });
});

describe('intervals', () => {
  test.each([
    ['interval 30 days', 30 * DAY],
    ['INTERVAL 1 week', 7 * DAY],
    ['7 days', 7 * DAY],
    ['interval 2 weeks 12 hours', 14 * DAY + 12 * 3_600_000],
    ['interval 5 minutes 6 seconds 7 milliseconds', 306_007],
    ['interval 0 days', 0],
    ['  interval  1   day ', DAY],
  ])('"%s" is %d ms', (text, ms) => {
    expect(parseIntervalMs(text)).toBe(ms);
  });

  test.each([
    '',
    'interval',
    'interval days',
    'interval 1 month',
    '1 year',
    '1.5 days',
    'interval -1 days',
    'P1D',
  ])('"%s" is none', (text) => {
    expect(parseIntervalMs(text)).toBeUndefined();
  });
});
