import {
  nearest,
  parseColumnsText,
  SluiceError,
  type ConfigKey,
  type ReadConfig,
  type TableOptions,
} from '../../src/index.js';
import { TABLE_KEYS as T } from './keys.js';

/** How tables are written: what holds for all of them, and for single ones by name. */
export type TableSettings = {
  readonly defaults: Partial<TableOptions>;
  readonly tables: Readonly<Record<string, Partial<TableOptions>>>;
};

const TABLE = 'table.';
const PROPERTIES = 'properties.';
const RESERVED = new Set(['url']);

/** Reads the table keys, the `table.<name>.*` ones too; what is wrong is noted in `config.problems`. */
export function tableSettingsOf(config: ReadConfig): TableSettings {
  const properties: Record<string, string> = {};
  const perTable = new Map<string, Map<string, string>>();
  for (const [rest, { value }] of config.withPrefix(TABLE)) {
    if (RESERVED.has(rest)) continue;
    if (rest.startsWith(PROPERTIES)) properties[propertyName(rest.slice(PROPERTIES.length))] = value;
    else if (!collect(perTable, rest, value)) {
      config.refuse(TABLE + rest, noSetting(rest));
    }
  }
  const tables: Record<string, Partial<TableOptions>> = {};
  for (const [name, own] of perTable) tables[name] = oneTable(config, name, own);
  const defaults = optionsOf((key) => config.get(key));
  refuseWithoutPosition(config, defaults);
  return { defaults: { ...defaults, tableProperties: properties }, tables };
}

/** `delta.` may be left out: `table.properties.logRetentionDuration`. */
function propertyName(name: string): string {
  return name.startsWith('delta.') || name.includes('.') ? name : `delta.${name}`;
}

const KEY_NAMES: readonly string[] = ['schema', ...Object.values(T).map(({ name }) => name)];

/** What is meant is a key by its end, or `table.url`. */
function noSetting(rest: string): string {
  const parts = rest.split('.');
  const ends = parts.map((_, from) => parts.slice(from).join('.')).slice(1);
  const close = ends.map((end) => nearest(end, KEY_NAMES)).find((name) => name !== undefined);
  const meant =
    close ?? (parts.length === 1 && nearest(rest, RESERVED) !== undefined ? 'table.url' : undefined);
  const takes = `it takes table.<name>.<key> with ${KEY_NAMES.join(', ')} or properties.<name>`;
  return `names no setting of a table; ${meant === undefined ? takes : `did you mean ${meant}?`}`;
}

/** Splits `<name>.<key>`: a table's name may hold dots, so the key is what it ends with. */
function collect(perTable: Map<string, Map<string, string>>, rest: string, value: string): boolean {
  const property = /^(.+)\.(properties\..+)$/.exec(rest);
  const known = KEY_NAMES.find((key) => rest.endsWith(`.${key}`));
  const key = property?.[2] ?? known;
  const name = property?.[1] ?? (known === undefined ? '' : rest.slice(0, -known.length - 1));
  if (key === undefined || name === '') return false;
  const own = perTable.get(name);
  if (own === undefined) perTable.set(name, new Map([[key, value]]));
  else own.set(key, value);
  return true;
}

function oneTable(config: ReadConfig, name: string, own: ReadonlyMap<string, string>): Partial<TableOptions> {
  const properties: Record<string, string> = {};
  for (const [key, value] of own) {
    if (key.startsWith(PROPERTIES)) properties[propertyName(key.slice(PROPERTIES.length))] = value;
  }
  const options = optionsOf(<V>(key: ConfigKey<V>): V | undefined => {
    const text = own.get(key.name);
    if (text === undefined) return undefined;
    const read = key.read(text);
    if ('value' in read) return read.value;
    config.refuse(`${TABLE}${name}.${key.name}`, read.problem);
    return undefined;
  });
  const schema = own.get('schema');
  return {
    ...options,
    tableProperties: properties,
    ...(schema === undefined ? {} : { columns: columnsOf(config, name, schema) }),
  };
}

function columnsOf(config: ReadConfig, name: string, schema: string): TableOptions['columns'] {
  try {
    return parseColumnsText(schema);
  } catch (cause) {
    if (!(cause instanceof SluiceError)) throw cause;
    config.refuse(`${TABLE}${name}.schema`, cause.message);
    return undefined;
  }
}

function optionsOf(get: <V>(key: ConfigKey<V>) => V | undefined): Partial<TableOptions> {
  const position = get(T.positionColumn);
  const mode = get(T.primaryKeyMode);
  const fields = get(T.primaryKeyFields);
  return {
    ...defined('mergeStrategy', get(T.mergeStrategy)),
    ...defined('changeDataFeed', get(T.changeDataFeed)),
    ...defined('images', get(T.images)),
    ...defined('schemaEvolution', get(T.schemaEvolution)),
    ...defined('truncateEnabled', get(T.truncateEnabled)),
    ...defined('memoryRetentionMs', get(T.memoryRetentionMs)),
    ...defined('memoryMaxRows', get(T.memoryMaxRows)),
    ...defined('partitionBy', get(T.partitionBy)),
    ...(position === undefined ? {} : { positionColumn: position === 'none' ? undefined : position }),
    ...(mode === undefined && fields === undefined
      ? {}
      : { primaryKey: { mode: mode ?? 'record_key', fields: fields ?? [] } }),
  };
}

function defined<K extends keyof TableOptions>(
  name: K,
  value: TableOptions[K] | undefined,
): { readonly [Name in K]?: TableOptions[K] } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [Name in K]?: TableOptions[K] });
}

function refuseWithoutPosition(config: ReadConfig, options: Partial<TableOptions>): void {
  if (options.primaryKey?.mode === 'none' && config.get(T.positionColumn) === 'none') {
    config.refuse(
      T.positionColumn.name,
      'none is refused for tables without a key: nothing else orders their rows',
    );
  }
  if (options.images === 'inferred' && options.mergeStrategy === 'copy-on-write') {
    config.refuse(T.images.name, 'inferred needs merge.strategy=merge-on-read: copied rows are no changes');
  }
}
