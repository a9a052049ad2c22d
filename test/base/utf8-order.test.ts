import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareUtf8 } from '../../src/base/utf8-order.js';

test('strings stand in the order of their UTF-8 bytes', () => {
  const unit = fc.constantFrom('a', 'b', '\u007f', 'é', '\ud7ff', '\ue000', '～', '😀', '\u{10ffff}');
  const word = fc.array(unit, { maxLength: 4 }).map((units) => units.join(''));
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: 500 },
  );
});
