import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAppId, parseAppId } from '../../src/sink/app-id.js';

describe('application ids', () => {
  test('name the cluster, the topic, its making and the partition, and nothing else', () => {
    const id = formatAppId({
      identity: 'MkU3OEVBNTcwNTJENDM2Qk',
      topic: 'shop.orders',
      incarnation: 0,
      partition: 3,
    });
    expect(id).toBe('sluice:MkU3OEVBNTcwNTJENDM2Qk:shop.orders@0:3');
  });

  test('are read back exactly, whatever the names hold', () => {
    fc.assert(
      fc.property(
        fc.record({ identity: fc.string(), topic: fc.string(), incarnation: fc.nat(), partition: fc.nat() }),
        (id) => {
          expect(parseAppId(formatAppId(id))).toEqual(id);
        },
      ),
    );
  });

  test.each(['', 'spark-query-1', 'sluice:a:b:0', 'sluice:a:b@x:0', 'sluice:a:b@0:0:0'])(
    '%j is not ours',
    (text) => {
      expect(parseAppId(text)).toBe(undefined);
    },
  );
});
