import { isJsonObject, ownMember, parseJson, stringifyJson, JsonSyntaxError } from '../../base/json.js';
import { SluiceError } from '../../base/errors.js';

/** How far a named subscriber of a table's change feed has come. */
export type CursorState = {
  readonly name: string;
  /** The next version that it is to be given: everything before it was acknowledged, or had no rows. */
  readonly nextVersion: number;
  /** `metaData.id` of the table as of the last version before `nextVersion`. */
  readonly tableId: string;
  /** When it was saved, as `2026-01-31T00:00:00.000Z`. */
  readonly updatedAt: string;
};

/** A saved cursor. Each save has the next generation; `subscription` tells who saved it. */
export type CursorRecord = CursorState & { readonly generation: number; readonly subscription: string };

/** The record as the text of a file. */
export function formatCursor(record: CursorRecord): string {
  const { name, nextVersion, tableId, updatedAt, generation, subscription } = record;
  return `${stringifyJson({ name, nextVersion, tableId, updatedAt, generation, subscription })}\n`;
}

/** Reads the text of a cursor's file. `CURSOR_INVALID`, naming the file, for what is none. */
export function parseCursor(text: string, file: string): CursorRecord {
  const found = cursorIn(text);
  if (found !== undefined) return found;
  throw new SluiceError('CURSOR_INVALID', `${file} holds no cursor`, {
    context: { file },
    hint: 'restore the file, or delete the cursor and begin anew',
  });
}

function cursorIn(text: string): CursorRecord | undefined {
  try {
    const json = parseJson(text);
    if (!isJsonObject(json)) return undefined;
    const [name, nextVersion, tableId, updatedAt, generation, subscription] = MEMBERS.map((key) =>
      ownMember(json, key),
    );
    if (!isVersion(nextVersion) || !isVersion(generation)) return undefined;
    if (typeof name !== 'string' || typeof tableId !== 'string') return undefined;
    if (typeof updatedAt !== 'string' || typeof subscription !== 'string') return undefined;
    return { name, nextVersion, tableId, updatedAt, generation, subscription };
  } catch (cause) {
    if (cause instanceof JsonSyntaxError) return undefined;
    throw cause;
  }
}

const MEMBERS = ['name', 'nextVersion', 'tableId', 'updatedAt', 'generation', 'subscription'] as const;

function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
