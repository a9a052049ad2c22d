import { describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { CONNECTOR_KEYS, definition, TABLE_KEYS } from '../../connectors/delta-sink/keys.js';
import { keyTable, patternTable, withBlock } from '../support/config-documentation.js';

/**
 * The tables of keys in the documentation are made from the definition: `npm run docs:config` writes them, and this
 * suite fails where they are not what it would write.
 */
describe('the documentation of the configuration is current', () => {
  const known = new Set<unknown>([...Object.values(CONNECTOR_KEYS), ...Object.values(TABLE_KEYS)]);
  const later = definition.keys.filter((key) => !known.has(key));

  test('docs/configuration.md', async () => {
    const path = 'docs/configuration.md';
    let text = readFileSync(path, 'utf8');
    text = withBlock(text, 'connector keys', keyTable(Object.values(CONNECTOR_KEYS)));
    text = withBlock(text, 'table keys', keyTable(Object.values(TABLE_KEYS)));
    text = withBlock(text, 'families', patternTable(definition));
    text = withBlock(text, 'later', later.map(({ name }) => `- \`${name}\``).join('\n'));
    await expect(text).toMatchFileSnapshot(`../../${path}`);
  });

  test('connectors/delta-sink/README.md', async () => {
    const path = 'connectors/delta-sink/README.md';
    const keys = [...Object.values(CONNECTOR_KEYS), ...Object.values(TABLE_KEYS)];
    const text = withBlock(readFileSync(path, 'utf8'), 'keys', keyTable(keys));
    await expect(text).toMatchFileSnapshot(`../../${path}`);
  });
});
