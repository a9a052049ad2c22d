import { SluiceError } from '../base/errors.js';
import { parseIntervalMs } from './interval.js';

/** Durations are in ms. */
export type TableProperties = {
  readonly appendOnly: boolean;
  /** Commits between checkpoints. */
  readonly checkpointInterval: number;
  readonly checkpointPolicy: 'classic' | 'v2';
  readonly checkpointRetentionMs: number;
  readonly writeStatsAsJson: boolean;
  readonly columnMappingMode: 'none' | 'name' | 'id';
  readonly columnMappingMaxId: number;
  readonly deletedFileRetentionMs: number;
  readonly enableChangeDataFeed: boolean;
  readonly enableDeletionVectors: boolean;
  readonly enableExpiredLogCleanup: boolean;
  readonly enableInCommitTimestamps: boolean;
  readonly enableRowTracking: boolean;
  readonly enableTypeWidening: boolean;
  readonly logRetentionMs: number;
  readonly randomizeFilePrefixes: boolean;
  readonly randomPrefixLength: number;
  /** Undefined: txns are never forgotten. */
  readonly txnRetentionMs: number | undefined;
};

type Configuration = Readonly<Record<string, string>>;

/** One property: its key, what it is worth where it is not set, and what a text of it means. */
type Definition<T> = {
  readonly key: string;
  readonly otherwise: T;
  readonly wanted: string;
  parse(text: string): T | undefined;
};

const DAY_MS = 86_400_000;

const DEFINITIONS: { readonly [K in keyof TableProperties]: Definition<TableProperties[K]> } = {
  appendOnly: flag('delta.appendOnly', false),
  checkpointInterval: integer('delta.checkpointInterval', 10, 1),
  checkpointPolicy: oneOf('delta.checkpointPolicy', ['classic', 'v2'], 'classic'),
  checkpointRetentionMs: interval('delta.checkpointRetentionDuration', 2 * DAY_MS),
  writeStatsAsJson: flag('delta.checkpoint.writeStatsAsJson', true),
  columnMappingMode: oneOf('delta.columnMapping.mode', ['none', 'name', 'id'], 'none'),
  columnMappingMaxId: integer('delta.columnMapping.maxColumnId', 0, 0),
  deletedFileRetentionMs: interval('delta.deletedFileRetentionDuration', 7 * DAY_MS),
  enableChangeDataFeed: flag('delta.enableChangeDataFeed', false),
  enableDeletionVectors: flag('delta.enableDeletionVectors', false),
  enableExpiredLogCleanup: flag('delta.enableExpiredLogCleanup', true),
  enableInCommitTimestamps: flag('delta.enableInCommitTimestamps', false),
  enableRowTracking: flag('delta.enableRowTracking', false),
  enableTypeWidening: flag('delta.enableTypeWidening', false),
  logRetentionMs: interval('delta.logRetentionDuration', 30 * DAY_MS),
  randomizeFilePrefixes: flag('delta.randomizeFilePrefixes', false),
  randomPrefixLength: integer('delta.randomPrefixLength', 2, 1),
  txnRetentionMs: interval('delta.setTransactionRetentionDuration', undefined),
};

/** Whether a property that switches something on does so; any text but `true` does not. */
export function isOn(configuration: Configuration, key: string): boolean {
  return configuration[key]?.toLowerCase() === 'true';
}

const NAMES: readonly (keyof TableProperties)[] = Object.keys(DEFINITIONS).filter(isName);

function isName(name: string): name is keyof TableProperties {
  return Object.hasOwn(DEFINITIONS, name);
}

/**
 * What a table's configuration says of one property, or the protocol's default.
 *
 * @throws SluiceError CONFIG_INVALID for a text that the property cannot have
 */
export function tableProperty<K extends keyof TableProperties>(
  configuration: Configuration,
  name: K,
): TableProperties[K] {
  const definition: Definition<TableProperties[K]> = DEFINITIONS[name];
  const text = textIn(configuration, definition.key);
  if (text === undefined) return definition.otherwise;
  const value = definition.parse(text);
  if (value !== undefined) return value;
  throw new SluiceError(
    'CONFIG_INVALID',
    `the table property ${definition.key} is not ${definition.wanted}`,
    {
      context: { property: definition.key, value: text },
      hint: `Set ${definition.key} to ${definition.wanted}.`,
    },
  );
}

/** Checks every property that is known: `CONFIG_INVALID`, as `tableProperty`, for one that cannot have its value. */
export function checkTableProperties(configuration: Configuration): void {
  for (const name of NAMES) tableProperty(configuration, name);
}

/** The key that a property has in a table's configuration. */
export function propertyKey(name: keyof TableProperties): string {
  return DEFINITIONS[name].key;
}

/** Spark reads the change feed's older name too. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['delta.enableChangeDataFeed', 'delta.enableChangeDataCapture'],
]);

function textIn(configuration: Configuration, key: string): string | undefined {
  const text = configuration[key];
  if (text !== undefined) return text;
  const alias = ALIASES.get(key);
  return alias === undefined ? undefined : configuration[alias];
}

function flag(key: string, otherwise: boolean): Definition<boolean> {
  return {
    key,
    otherwise,
    wanted: 'true or false',
    parse: (text) => {
      const word = text.trim().toLowerCase();
      return word === 'true' ? true : word === 'false' ? false : undefined;
    },
  };
}

function integer(key: string, otherwise: number, least: number): Definition<number> {
  return {
    key,
    otherwise,
    wanted: `an integer of at least ${least}`,
    parse: (text) => {
      const value = /^\d{1,15}$/.test(text.trim()) ? Number(text) : -1;
      return value >= least ? value : undefined;
    },
  };
}

function interval<T extends number | undefined>(key: string, otherwise: T): Definition<number | T> {
  return { key, otherwise, wanted: 'an interval such as "interval 7 days"', parse: parseIntervalMs };
}

function oneOf<W extends string>(key: string, words: readonly W[], otherwise: W): Definition<W> {
  return {
    key,
    otherwise,
    wanted: words.join(' or '),
    parse: (text) => words.find((word) => word === text.trim().toLowerCase()),
  };
}
