import { SluiceError } from '../../base/errors.js';

/** What can be read of a feed: versions, inclusive. */
export type Readable = { readonly earliest: number | undefined; readonly latest: number };

export function versionGone(table: string, version: number, { earliest, latest }: Readable): SluiceError {
  const range =
    earliest === undefined
      ? `none of its versions up to ${latest} can be read as changes`
      : `changes can be read from version ${earliest} to ${latest}`;
  return new SluiceError('VERSION_NOT_FOUND', `${table} has no changes of version ${version}: ${range}`, {
    context: { table, version, earliest, latest },
    hint:
      version > latest
        ? `ask for versions up to ${latest}, or follow the table`
        : `what came before is in the rows of version ${earliest ?? latest}: read them, then the changes after it`,
  });
}

export function feedIsOff(table: string, version: number, { earliest, latest }: Readable): SluiceError {
  return new SluiceError('FEED_UNAVAILABLE', `the change feed of ${table} is off at version ${version}`, {
    context: { table, version, earliest, latest },
    hint:
      earliest === undefined
        ? 'set delta.enableChangeDataFeed=true on the table; it tells of the versions from there on'
        : `begin at version ${earliest}, the first from which on it is on`,
  });
}

export function schemaChanged(
  table: string,
  version: number,
  { why, hint }: { readonly why: string; readonly hint: string },
): SluiceError {
  return new SluiceError(
    'SCHEMA_CHANGED',
    `the changes of ${table} before version ${version} and those from it on do not fit one schema: ${why}`,
    { context: { table, version }, hint },
  );
}
