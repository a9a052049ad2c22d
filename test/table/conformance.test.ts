import { describe, expect, test } from 'vitest';
import { join } from 'node:path';
import { openSnapshot } from '../../src/table/snapshot.js';
import { never } from '../../src/base/signals.js';
import { canonicalRows, corpus, differenceAt, expectedVersions } from './corpus.js';

const CORPORA = [
  'spark',
  'golden/kernel-rs-golden',
  'golden/kernel-rs-data',
  'golden/delta-golden',
  'golden/delta-kernel',
  'golden/delta-spark',
  'golden/delta-rs',
  'golden/delta-rs-err',
];

describe('conformance', () => {
  for (const path of CORPORA) {
    test(
      path,
      async () => {
        let right = 0;
        let all = 0;
        for (const table of corpus(path) ?? []) {
          if (table.packed) continue;
          const url = join(table.folder, 'delta');
          if (table.kind === 'read') {
            for (const version of expectedVersions(table)) {
              all++;
              try {
                const s = await openSnapshot(url, { signal: never, version });
                const d = differenceAt(table, version, await canonicalRows(s, never));
                if (d === undefined) right++;
                else console.log(path, table.name, version, d.slice(0, 600));
              } catch (e) {
                console.log(
                  path,
                  table.name,
                  version,
                  'THROWS',
                  e instanceof Error ? (e.stack ?? '').slice(0, 500) : e,
                );
              }
            }
          } else if (table.kind === 'refuse') {
            all++;
            try {
              await openSnapshot(url, { signal: never });
              console.log(path, table.name, 'NOT REFUSED');
            } catch (e) {
              right++;
              console.log('refused', table.name, String(e).slice(0, 150));
            }
          } else {
            all++;
            try {
              await openSnapshot(url, { signal: never });
              right++;
            } catch (e) {
              console.log(table.kind, table.name, String(e).slice(0, 200));
            }
          }
        }
        console.log(path, right, 'of', all);
        expect(true).toBe(true);
      },
      300000,
    );
  }
});
