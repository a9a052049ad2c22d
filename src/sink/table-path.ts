import type { Origin } from '../cdc/changes.js';
import { SluiceError } from '../base/errors.js';

/** What decides which table a change goes to. */
export type ChangeOrigin = { readonly topic: string; readonly source: Origin };

/** A path below the base URL, by where a change was made. Its parts are checked and encoded afterwards. */
export type TableChoice = (change: ChangeOrigin) => string;

// A folder's name longer than this is refused by common file systems.
const SEGMENT_BYTES_MAX = 255;

// Names that a table's own folder uses, and ours.
const reserved: ReadonlySet<string> = new Set(['_delta_log', '_change_data', '_sluice']);

/**
 * One value as one part of a path: percent-encoded (UTF-8) outside `[A-Za-z0-9_-]`; dots between other
 * characters are kept. `CONFIG_INVALID` for what cannot be a folder of its own: empty, `.`, `..`, the names that
 * tables use inside, and what is too long. Different values have different parts.
 */
export function encodeSegment(value: string, from?: ChangeOrigin): string {
  if (value === '' || value === '.' || value === '..') {
    throw refused(value === '' ? 'an empty name' : `the name "${value}"`, from);
  }
  let encoded = '';
  const bytes = Buffer.from(value, 'utf8');
  bytes.forEach((byte, index) => {
    const char = String.fromCharCode(byte);
    const inner = index > 0 && index < bytes.length - 1;
    const plain = /[A-Za-z0-9_-]/.test(char) || (char === '.' && inner);
    encoded += plain ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  if (reserved.has(encoded.toLowerCase())) throw refused(`the name "${value}"`, from);
  if (encoded.length > SEGMENT_BYTES_MAX) throw refused(`a name of ${encoded.length} bytes`, from);
  return encoded;
}

function refused(what: string, from: ChangeOrigin | undefined): SluiceError {
  const where = from === undefined ? '' : ` for ${describeOrigin(from)}`;
  return new SluiceError('CONFIG_INVALID', `${what} cannot be part of a table's path${where}`, {
    context: from === undefined ? {} : { topic: from.topic },
    hint: 'choose another collection.name.format, or another path in "table"',
  });
}

/** Who made a change, in words: its table as the source calls it, and the topic. */
export function describeOrigin({ topic, source }: ChangeOrigin): string {
  const name = [source.db, source.schema, source.table].filter((part) => part !== '').join('.');
  return name === '' ? `topic ${topic}` : `${name} (topic ${topic})`;
}

/** The path that a `table` function answered, part by part checked and encoded. */
export function chosenPath(choice: TableChoice): TableChoice {
  return (change) =>
    choice(change)
      .split('/')
      .map((part) => encodeSegment(part, change))
      .join('/');
}

const placeholders: Readonly<Record<string, (change: ChangeOrigin) => string>> = {
  topic: ({ topic }) => topic,
  'source.connector': ({ source }) => source.connector,
  'source.name': ({ source }) => source.name,
  'source.db': ({ source }) => source.db,
  'source.schema': ({ source }) => source.schema,
  'source.table': ({ source }) => source.table,
};

/**
 * Reads a `collection.name.format`: text with `${topic}` and `${source.…}` (`connector`, `name`, `db`, `schema`,
 * `table`) in it, `/` between the parts of the path. Every value is one part or a piece of one: a `/` inside a
 * value is encoded. `CONFIG_INVALID` for an unknown placeholder.
 */
export function formatPath(format: string): TableChoice {
  for (const [, name] of format.matchAll(/\$\{([^}]*)\}/g)) {
    if (name !== undefined && !(name in placeholders)) {
      throw new SluiceError('CONFIG_INVALID', `collection.name.format knows no \${${name}}`, {
        context: { key: 'collection.name.format', value: format },
        hint: `use ${Object.keys(placeholders)
          .map((known) => `\${${known}}`)
          .join(', ')}`,
      });
    }
  }
  return (change) =>
    format
      .split('/')
      .map((part) =>
        encodeSegment(
          part.replace(/\$\{([^}]*)\}/g, (_, name: string) => value(name, format, change)),
          change,
        ),
      )
      .join('/');
}

function value(name: string, format: string, change: ChangeOrigin): string {
  const text = placeholders[name]?.(change) ?? '';
  if (text !== '') return text;
  throw new SluiceError(
    'CONFIG_INVALID',
    `collection.name.format ${format} asks for \${${name}}, which ${describeOrigin(change)} does not name`,
    { context: { key: 'collection.name.format', topic: change.topic }, hint: 'use ${topic} instead' },
  );
}

const byTable = formatPath('${source.schema}/${source.table}');
const byTopic = formatPath('${topic}');

/** `${source.schema}/${source.table}`, and `${topic}` where the source does not name both. */
export const defaultPath: TableChoice = (change) =>
  change.source.schema === '' || change.source.table === '' ? byTopic(change) : byTable(change);
