import assert from 'node:assert/strict';
import { isSluiceError } from '../base/errors.js';
import { never } from '../base/signals.js';
import type { ObjectMeta, ObjectStore } from '../storage/object-store.js';

/** The two functions of a test runner that the suites need; vitest, jest and node:test have them. */
export type TestApi = {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly test: (name: string, body: () => Promise<void>) => unknown;
};

/** A store with nothing in it, and how to be rid of it. */
export type OpenedStore = AsyncDisposable & { readonly store: ObjectStore };

/**
 * What it means to be an `ObjectStore`: each test opens a store of its own. An implementation that passes
 * can hold Delta tables that several processes write.
 */
export function describeObjectStore(name: string, open: () => Promise<OpenedStore>, api: TestApi): void {
  const each = (title: string, body: (store: ObjectStore) => Promise<void>) => {
    api.test(title, async () => {
      await using opened = await open();
      await body(opened.store);
    });
  };
  api.describe(`${name} is an object store`, () => {
    describeReading(each);
    describeWriting(each);
    describePutIfAbsent(each);
    describeListing(each);
    describeKeys(each);
    describeAborting(each);
  });
}

type Each = (title: string, body: (store: ObjectStore) => Promise<void>) => void;

function describeReading(each: Each): void {
  each('an object that is not there is undefined, not an error', async (store) => {
    assert.equal(await store.get('a/b', anyway), undefined);
    assert.equal(await store.head('a/b', anyway), undefined);
  });

  each('a folder is no object', async (store) => {
    await store.put('a/b', bytes('x'), anyway);
    assert.equal(await store.get('a', anyway), undefined);
    assert.equal(await store.head('a', anyway), undefined);
    assert.equal(await store.get('a/b/c', anyway), undefined);
  });

  each('a range includes its start and excludes its end', async (store) => {
    await store.put('k', bytes('0123456789'), anyway);
    assert.equal(text(await store.getRange('k', 2, 5, anyway)), '234');
    assert.equal(text(await store.getRange('k', 0, 10, anyway)), '0123456789');
    assert.equal(text(await store.getRange('k', 3, 3, anyway)), '');
  });

  each('a range past the end is cut', async (store) => {
    await store.put('k', bytes('0123'), anyway);
    assert.equal(text(await store.getRange('k', 2, 2 ** 40, anyway)), '23');
    assert.equal(text(await store.getRange('k', 9, 12, anyway)), '');
  });

  each('a range of an object that is not there fails and names the object', async (store) => {
    await assert.rejects(store.getRange('a/gone', 0, 1, anyway), (cause) => {
      assert(isSluiceError(cause, 'FILE_NOT_FOUND'));
      assert.match(String(cause.context['file']), /a\/gone$/);
      return true;
    });
  });

  each('head tells size and time', async (store) => {
    const before = Date.now();
    await store.put('a/k', bytes('12345'), anyway);
    const meta = await store.head('a/k', anyway);
    assert(meta !== undefined);
    assert.equal(meta.key, 'a/k');
    assert.equal(meta.size, 5);
    // Clocks of servers and of file systems are not this one.
    assert(Number.isInteger(meta.modifiedAtMs) && Math.abs(meta.modifiedAtMs - before) < 3_600_000);
  });
}

function describeWriting(each: Each): void {
  each('what is put comes back, byte for byte', async (store) => {
    const body = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) & 0xff);
    await store.put('a/b/c', body, anyway);
    assert.deepEqual(await store.get('a/b/c', anyway), body);
    await store.put('empty', new Uint8Array(0), anyway);
    assert.deepEqual(await store.get('empty', anyway), new Uint8Array(0));
  });

  each('bytes are those at the time of the call, whatever becomes of the buffers', async (store) => {
    const body = bytes('whole');
    await store.put('k', body, anyway);
    body.fill(0);
    (await store.get('k', anyway))?.fill(0);
    assert.equal(text(await store.get('k', anyway)), 'whole');
  });

  each('put replaces an object, and readers meanwhile see the old or the new whole', async (store) => {
    const bodies = ['a', 'b', 'c', 'd'].map((letter, i) => bytes(letter.repeat(100_000 + i)));
    await store.put('k', new Uint8Array(0), anyway);
    const writing = { done: false };
    const writer = (async () => {
      for (const body of bodies) await store.put('k', body, anyway);
      writing.done = true;
    })();
    while (!writing.done) assertWhole(await store.get('k', anyway));
    await writer;
    assert.deepEqual(await store.get('k', anyway), bodies.at(-1));
  });

  each('delete removes an object, and there need be none', async (store) => {
    await store.put('a/k', bytes('x'), anyway);
    await store.put('a/l', bytes('y'), anyway);
    await store.delete('a/k', anyway);
    await store.delete('a/k', anyway);
    await store.delete('nowhere/k', anyway);
    await store.delete('a', anyway);
    assert.equal(await store.get('a/k', anyway), undefined);
    assert.equal(text(await store.get('a/l', anyway)), 'y');
    assert.equal(await store.putIfAbsent('a/k', bytes('z'), anyway), 'created');
  });

  each('a store below shares the objects', async (store) => {
    const below = store.at('t/x');
    await below.put('k', bytes('1'), anyway);
    assert.equal(text(await store.get('t/x/k', anyway)), '1');
    assert.equal(text(await store.at('t/').at('x').get('k', anyway)), '1');
    assert.deepEqual(await keys(below, ''), ['k']);
    assert.equal(store.at('').url, store.url);
    assert.equal(below.url, `${store.url}/t/x`);
    assert(!store.url.endsWith('/'));
  });
}

function describePutIfAbsent(each: Each): void {
  each('putIfAbsent creates once and then leaves the object alone', async (store) => {
    assert.equal(await store.putIfAbsent('log/0', bytes('first'), anyway), 'created');
    assert.equal(await store.putIfAbsent('log/0', bytes('second'), anyway), 'exists');
    assert.equal(text(await store.get('log/0', anyway)), 'first');
    await store.put('log/1', bytes('put'), anyway);
    assert.equal(await store.putIfAbsent('log/1', bytes('late'), anyway), 'exists');
    assert.equal(text(await store.get('log/1', anyway)), 'put');
  });

  each('of many callers one creates, and its object is the one that stays', async (store) => {
    const stores = Array.from({ length: 16 }, (_, caller) => (caller % 2 === 0 ? store : store.at('')));
    for (let version = 0; version < 10; version++) {
      const key = `log/${version}`;
      const answers = await Promise.all(
        stores.map((one, caller) => one.putIfAbsent(key, bytes(`caller ${caller}`), anyway)),
      );
      assert.equal(answers.filter((answer) => answer === 'created').length, 1);
      assert.equal(text(await store.get(key, anyway)), `caller ${answers.indexOf('created')}`);
    }
  });

  each('a removed object is created anew by one of many callers', async (store) => {
    for (let round = 0; round < 5; round++) {
      const callers = Array.from({ length: 8 }, () => store.putIfAbsent('log/0', bytes(`${round}`), anyway));
      const answers = await Promise.all(callers);
      assert.equal(answers.filter((answer) => answer === 'created').length, 1);
      assert.equal(text(await store.get('log/0', anyway)), `${round}`);
      await store.delete('log/0', anyway);
    }
  });

  each('an object being created is not there or whole, never a part', async (store) => {
    const body = bytes('x'.repeat(1 << 20));
    for (let version = 0; version < 5; version++) {
      const key = `log/${version}`;
      const creating = { done: false };
      const creation = store.putIfAbsent(key, body, anyway).finally(() => {
        creating.done = true;
      });
      while (!creating.done) {
        const seen = await store.get(key, anyway);
        if (seen !== undefined) assert.equal(seen.length, body.length);
        for await (const meta of store.list('log/', anyway)) assert.equal(meta.size, body.length);
      }
      assert.equal(await creation, 'created');
    }
  });
}

function describeListing(each: Each): void {
  each('a listing is recursive and sorted by the UTF-8 bytes of the keys', async (store) => {
    const wanted = ['a', 'a-b', 'a.b/x', 'a/b', 'a/b.c', 'a/b/c', 'a0', 'b/c', 'é', '～', '😀'];
    // 'a' and 'a/b' cannot both be files in a file system.
    const possible = wanted.filter((key) => key !== 'a' && key !== 'a/b');
    for (const key of possible.toReversed()) await store.put(key, bytes(key), anyway);
    assert.deepEqual(await keys(store, ''), possible);
  });

  each('a prefix is a folder when it ends in a slash, else the beginning of a name', async (store) => {
    for (const key of ['log/1', 'log/10', 'log/2', 'log.old/1', 'logs', 'data/x']) {
      await store.put(key, bytes(key), anyway);
    }
    assert.deepEqual(await keys(store, 'log/'), ['log/1', 'log/10', 'log/2']);
    assert.deepEqual(await keys(store, 'log/1'), ['log/1', 'log/10']);
    assert.deepEqual(await keys(store, 'log'), ['log.old/1', 'log/1', 'log/10', 'log/2', 'logs']);
    assert.deepEqual(await keys(store, 'none/'), []);
    assert.deepEqual(await keys(store, 'data/x'), ['data/x']);
    assert.deepEqual(await keys(store.at('log'), '1'), ['1', '10']);
  });

  each('a listing begins at the first key that is not below from', async (store) => {
    for (const key of ['a/1', 'a/2', 'a/3/x', 'a/4', 'b/1']) await store.put(key, bytes(key), anyway);
    assert.deepEqual(await keys(store, '', 'a/2'), ['a/2', 'a/3/x', 'a/4', 'b/1']);
    assert.deepEqual(await keys(store, 'a/', 'a/20'), ['a/3/x', 'a/4']);
    assert.deepEqual(await keys(store, 'a/', 'a/3/'), ['a/3/x', 'a/4']);
    assert.deepEqual(await keys(store, '', 'a/3/y'), ['a/4', 'b/1']);
    assert.deepEqual(await keys(store, '', 'c'), []);
    assert.deepEqual(await keys(store, 'a/', 'A'), ['a/1', 'a/2', 'a/3/x', 'a/4']);
  });

  each('a listing is whole and in order however many pages it takes', async (store) => {
    const wanted = Array.from({ length: 1_100 }, (_, i) => `log/${String(i * 7919).padStart(12, '0')}`);
    for (let first = 0; first < wanted.length; first += 100) {
      const some = wanted.slice(first, first + 100);
      await Promise.all(some.map((key) => store.put(key, bytes(key), anyway)));
    }
    assert.deepEqual(await keys(store, 'log/'), wanted);
    assert.deepEqual(await keys(store, 'log/', wanted[1_000]), wanted.slice(1_000));
    assert.deepEqual(await keys(store, '', wanted[999]), wanted.slice(999));
  });

  each('a listing tells sizes, and a reader may stop early', async (store) => {
    for (let i = 0; i < 150; i++) await store.put(`f/${1000 + i}`, new Uint8Array(i), anyway);
    const metas: ObjectMeta[] = [];
    for await (const meta of store.list('f/', anyway)) metas.push(meta);
    assert.deepEqual(
      metas.map(({ key, size }) => [key, size]),
      Array.from({ length: 150 }, (_, i) => [`f/${1000 + i}`, i]),
    );
    for await (const meta of store.list('f/', anyway)) {
      assert.equal(meta.key, 'f/1000');
      break;
    }
  });
}

function describeKeys(each: Each): void {
  each('keys are taken as they are: spaces, percent signs, colons, any script', async (store) => {
    const odd = [
      'a b/c%20d',
      'p=2024-01-01 10:00:00/x',
      '%2F',
      'ключ/鍵',
      "it's#1?x=y&z",
      '.hidden',
      '..a/b..',
      '100%25/%/%%/%zz',
      '+ +/&amp;/"quoted"/<x>|y^`{}[]~',
      'tab\there/new\nline',
      // Two texts that look alike, and one outside of the first plane.
      'caf\u00e9/x',
      'cafe\u0301/x',
      '\u{1f9ea}/\u{10ffff}',
      `${'long '.repeat(40)}/${'p'.repeat(255)}/${'\u9375'.repeat(80)}/${'q'.repeat(200)}`,
    ];
    for (const key of odd) assert.equal(await store.putIfAbsent(key, bytes(key), anyway), 'created');
    for (const key of odd) assert.equal(text(await store.get(key, anyway)), key);
    assert.deepEqual((await keys(store, '')).toSorted(), odd.toSorted());
    assert.deepEqual(await keys(store, '..a/'), ['..a/b..']);
  });

  each('a key that would leave the root is refused by name', async (store) => {
    for (const key of ['', '/a', '../a', 'a/../../b', 'a/..', '.', './a', 'a//b', 'a/', 'a\0b']) {
      for (const call of [
        () => store.get(key, anyway),
        () => store.getRange(key, 0, 1, anyway),
        () => store.put(key, bytes('x'), anyway),
        () => store.putIfAbsent(key, bytes('x'), anyway),
        () => store.head(key, anyway),
        () => store.delete(key, anyway),
      ]) {
        await assert.rejects(call, (cause) => isSluiceError(cause, 'STORE_DENIED'));
      }
    }
    assert.throws(
      () => store.at('../x'),
      (cause) => isSluiceError(cause, 'STORE_DENIED'),
    );
    for (const prefix of ['/a', '../', 'a/../b', '..']) {
      await assert.rejects(keys(store, prefix), (cause) => isSluiceError(cause, 'STORE_DENIED'));
    }
    assert.deepEqual(await keys(store, ''), []);
  });
}

function describeAborting(each: Each): void {
  each('an aborted call rejects with the reason and does nothing', async (store) => {
    const reason = new Error('stop');
    const options = { signal: AbortSignal.abort(reason) };
    for (const call of [
      () => store.get('k', options),
      () => store.getRange('k', 0, 1, options),
      () => store.put('k', bytes('x'), options),
      () => store.putIfAbsent('k', bytes('x'), options),
      () => store.head('k', options),
      () => store.delete('k', options),
      async () => {
        for await (const meta of store.list('', options)) assert.fail(meta.key);
      },
    ]) {
      await assert.rejects(call, (cause) => cause === reason);
    }
    assert.deepEqual(await keys(store, ''), []);
  });

  each('a call that is aborted on its way rejects with the reason or is done whole', async (store) => {
    const reason = new Error('stop');
    const body = bytes('x'.repeat(1 << 20));
    for (let round = 0; round < 5; round++) {
      const abort = new AbortController();
      const options = { signal: abort.signal };
      const calls = [
        store.putIfAbsent(`made/${round}`, body, options),
        store.put(`put/${round}`, body, options),
        store.get(`made/${round}`, options),
      ].map((call) =>
        call.then(
          () => 'done' as const,
          (cause: unknown) => cause,
        ),
      );
      for (let turn = 0; turn < round; turn++) await new Promise(setImmediate);
      abort.abort(reason);
      const [made, put, got] = await Promise.all(calls);
      for (const outcome of [made, put, got])
        assert(outcome === 'done' || outcome === reason, String(outcome));
      for (const [key, outcome] of [
        [`made/${round}`, made],
        [`put/${round}`, put],
      ] as const) {
        const found = await store.get(key, anyway);
        if (outcome === 'done') assert(found !== undefined);
        if (found !== undefined) assert.equal(found.length, body.length);
      }
    }
  });
}

const anyway = { signal: never };

function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

function text(content: Uint8Array | undefined): string | undefined {
  return content && new TextDecoder().decode(content);
}

async function keys(store: ObjectStore, prefix: string, from?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const meta of store.list(prefix, from === undefined ? anyway : { ...anyway, from })) {
    found.push(meta.key);
  }
  return found;
}

/** Each body of that test is one letter, repeated as often as the letter says. */
function assertWhole(body: Uint8Array | undefined): void {
  assert(body !== undefined);
  if (body.length === 0) return;
  const letter = body[0] ?? 0;
  assert.equal(body.length, 100_000 + letter - 'a'.charCodeAt(0));
  assert(body.every((one) => one === letter));
}
