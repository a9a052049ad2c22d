import { randomUUID } from 'node:crypto';
import { isSluiceError, SluiceError } from '../../base/errors.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { formatCursor, parseCursor, type CursorRecord, type CursorState } from './cursor-record.js';

/** Where the cursors of a table lie below it, unless a subscriber keeps its cursor elsewhere. */
export const CURSORS_FOLDER = '_sluice/cursors';

/** What a save sets. */
export type CursorPlace = { readonly nextVersion: number; readonly tableId: string };

/**
 * A named cursor in the hands of one subscriber. `NAME.json` holds it; beside it, `NAME/<generation>.json` claims each
 * save, put only if nobody has: of two subscribers under one name the one who saves second learns of the other. The
 * newest claim is never removed but with the cursor, so that whoever was paused and wakes after many saves cannot take a
 * number that was given away. Where a crash left `NAME.json` one save behind, the claim is the cursor.
 */
export class Cursor {
  readonly name: string;
  readonly #store: ObjectStore;
  readonly #subscription = randomUUID();
  #generation: number;
  /** Whether the claim of the generation was seen: a copied cursor has none. */
  #claimed: boolean;
  #state: CursorState | undefined;

  private constructor(store: ObjectStore, name: string, found: Found) {
    this.name = name;
    this.#store = store;
    this.#generation = found.record?.generation ?? 0;
    this.#claimed = found.claimed;
    this.#state = found.record;
  }

  /**
   * Reads the cursor as it was last saved, whoever did.
   *
   * @param store - the folder of cursors
   * @throws SluiceError USAGE for a name that is none, CURSOR_INVALID for a file that is no cursor
   */
  static async open(store: ObjectStore, name: string, signal: AbortSignal): Promise<Cursor> {
    checkCursorName(name);
    return new Cursor(store, name, await findCursor(store, name, signal));
  }

  /** As last saved; undefined if it never was. */
  get state(): CursorState | undefined {
    return this.#state;
  }

  /**
   * Saves the cursor. A save that failed may be tried again as it is, also when it may have happened.
   *
   * @throws SluiceError CURSOR_CONFLICT if another subscriber has saved it since it was read here, or deleted it
   */
  async save({ nextVersion, tableId }: CursorPlace, signal: AbortSignal): Promise<void> {
    const record: CursorRecord = {
      name: this.name,
      nextVersion,
      tableId,
      updatedAt: new Date().toISOString(),
      generation: this.#generation + 1,
      subscription: this.#subscription,
    };
    await this.#claim(record, signal);
    await this.#store.put(cursorKey(this.name), encode(record), { signal });
    const outlived = (await this.#claims(signal)).filter(({ generation }) => generation < record.generation);
    this.#generation = record.generation;
    this.#claimed = true;
    this.#state = record;
    for (const { key } of outlived) await this.#store.delete(key, { signal });
  }

  async #claim(record: CursorRecord, signal: AbortSignal): Promise<void> {
    const { generation } = record;
    const key = claimKey(this.name, generation);
    if (!(await this.#put(key, record, signal))) throw this.#conflict('another subscriber has saved it');
    const claims = (await this.#claims(signal)).map((claim) => claim.generation);
    if (claims.some((other) => other > generation)) {
      throw this.#conflict('another subscriber has saved it meanwhile');
    }
    if (this.#claimed && !claims.includes(this.#generation)) {
      await this.#store.delete(key, { signal });
      throw this.#conflict('it was deleted');
    }
  }

  /** Whether the claim is ours: also if it is from a try whose answer got lost. */
  async #put(key: string, record: CursorRecord, signal: AbortSignal): Promise<boolean> {
    try {
      if ((await this.#store.putIfAbsent(key, encode(record), { signal })) === 'created') return true;
    } catch (cause) {
      if (!isSluiceError(cause) || cause.retry !== 'ambiguous') throw cause;
      if ((await readRecord(this.#store, key, signal)) === undefined) throw cause;
    }
    const there = await readRecord(this.#store, key, signal);
    if (there?.subscription !== this.#subscription) return false;
    if (there.nextVersion === record.nextVersion) return true;
    // An earlier try of ours, given up for a later place, has landed after all.
    await this.#store.put(key, encode(record), { signal });
    return true;
  }

  async #claims(signal: AbortSignal): Promise<readonly Claim[]> {
    return listClaims(this.#store, this.name, signal);
  }

  #conflict(why: string): SluiceError {
    return new SluiceError('CURSOR_CONFLICT', `the cursor ${this.name} is not ours any more: ${why}`, {
      context: { cursor: this.name, store: this.#store.url, nextVersion: this.#state?.nextVersion },
      hint: 'one subscriber a cursor: stop the other one, or give each a name of its own',
    });
  }
}

/** Refuses a name that could not be a file's on every store. */
export function checkCursorName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name) && !name.endsWith('.json')) return;
  throw new SluiceError('USAGE', `a cursor cannot be named ${JSON.stringify(name)}`, {
    hint: 'up to 100 letters, digits, dots, dashes and underscores, a letter or digit first, without .json at the end',
  });
}

export type Found = { readonly record: CursorRecord | undefined; readonly claimed: boolean };

/** The cursor of a name: the newest of what its file and its claims hold. */
export async function findCursor(store: ObjectStore, name: string, signal: AbortSignal): Promise<Found> {
  for (;;) {
    const named = await readRecord(store, cursorKey(name), signal);
    const newest = (await listClaims(store, name, signal)).at(-1);
    if (newest === undefined) return { record: named, claimed: false };
    // A name that was copied, or edited by hand, counts as it is from its generation on.
    if (named !== undefined && named.generation > newest.generation) return { record: named, claimed: false };
    if (named?.generation === newest.generation) return { record: named, claimed: true };
    const record = await readRecord(store, newest.key, signal);
    // Undefined: saved again, and the claim removed, since it was listed.
    if (record !== undefined) return { record, claimed: true };
  }
}

/** The file of a cursor. */
export function cursorKey(name: string): string {
  return `${name}.json`;
}

type Claim = { readonly generation: number; readonly key: string };

/** The claims of a cursor that are there, ascending. */
export async function listClaims(
  store: ObjectStore,
  name: string,
  signal: AbortSignal,
): Promise<readonly Claim[]> {
  const claims: Claim[] = [];
  for await (const { key } of store.list(`${name}/`, { signal })) {
    const digits = /^(\d{16})\.json$/.exec(key.slice(name.length + 1))?.[1];
    if (digits !== undefined) claims.push({ generation: Number(digits), key });
  }
  return claims;
}

function claimKey(name: string, generation: number): string {
  return `${name}/${String(generation).padStart(16, '0')}.json`;
}

function encode(record: CursorRecord): Uint8Array {
  return new TextEncoder().encode(formatCursor(record));
}

async function readRecord(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<CursorRecord | undefined> {
  const body = await store.get(key, { signal });
  return body === undefined ? undefined : parseCursor(new TextDecoder().decode(body), `${store.url}/${key}`);
}
