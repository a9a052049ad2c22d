import type { Action, Metadata } from '../protocol/actions.js';
import { SluiceError, unreachable } from '../base/errors.js';
import { addFeatures, featuresNeeded } from '../protocol/features.js';
import { takeInstructions } from '../protocol/instructions.js';
import { isRowTrackingOn, ROW_COMMIT_VERSION_NAME, ROW_ID_NAME } from '../protocol/row-tracking.js';
import { formatSchemaString } from '../schema/schema-string.js';
import type { DataType, StructType } from '../schema/types.js';
import { mappingMode } from '../table/column-mapping.js';
import { IN_COMMIT_TIMESTAMP_KEYS, IN_COMMIT_TIMESTAMPS } from '../table/commit-time.js';
import { layoutOf, type TableLayout } from '../table/layout.js';
import { withRowIdNames } from '../table/row-tracking.js';
import type { Snapshot } from '../table/snapshot.js';
import { checkSchema } from './check-schema.js';
import { checkProperties } from './create.js';
import { MAPPING_MODE, MAX_COLUMN_ID, mapColumns, needsMapping } from './map-columns.js';

export type AlterOptions = {
  /** The whole new schema, as `schema/evolve` plans it; new fields get their mapping names and ids here. */
  readonly schema?: StructType;
  /** Properties to set. */
  readonly set?: Readonly<Record<string, string>>;
  /** Properties to take away: each must be there, and none may be one that the table's files are understood by. */
  readonly unset?: readonly string[];
  /** Features that the commit needs besides those that schema and properties ask for (`domainMetadata`). */
  readonly features?: readonly string[];
};

export type AlteredTable = {
  /** protocol and metaData, each only if it changes; empty if nothing does. */
  readonly actions: readonly Action[];
  /** What data files of the same commit are written with. */
  readonly layout: TableLayout;
};

/**
 * The actions that give a table another schema or properties, with the features that they need: timestamp_ntz, type
 * widening (its property too, where a type has widened), change feed, deletion vectors, and column mapping by name for
 * a name that Delta does not take as it is. Features stay when what asked for them goes. Errors as `createTableActions`,
 * and `CONFIG_INVALID` for a property that cannot be unset.
 */
export function alterTableActions(snapshot: Snapshot, options: AlterOptions): AlteredTable {
  const { protocol, metadata } = snapshot.state;
  const wanted = options.schema ?? snapshot.schema;
  const { configuration: set, features: asked } = takeInstructions(options.set ?? {});
  const widens = countWidenings(wanted) > countWidenings(snapshot.schema);
  const kept = withoutProperties(snapshot, options);
  const properties = { ...kept, ...set, ...(widens ? { [TYPE_WIDENING]: 'true' } : {}) };
  checkMappingMode(snapshot, properties);
  const { schema, configuration } = withMapping(snapshot, wanted, withRowIdNames(properties));
  const metaData: Metadata = { ...metadata, schemaString: formatSchemaString(schema), configuration };
  const nextProtocol = addFeatures(protocol, [
    ...asked,
    ...(options.features ?? []),
    // Of the preview of type widening each change names a version, which a lost race would make wrong.
    ...(widens ? ['typeWidening'] : []),
    ...newlyNeeded(snapshot, schema, configuration),
  ]);
  const { partitionColumns } = snapshot;
  const layout = layoutOf({ schema, partitionColumns, configuration }, nextProtocol, snapshot.state.domains);
  const actions: Action[] = [];
  if (nextProtocol !== protocol) actions.push({ kind: 'protocol', protocol: nextProtocol });
  if (isChanged(snapshot, metaData)) {
    checkSchema(schema, configuration);
    actions.push({ kind: 'metaData', metaData });
  }
  if (actions.length > 0) checkProperties(nextProtocol, metaData, schema);
  if (isRowTrackingOn(configuration) && !isRowTrackingOn(snapshot.configuration)) {
    actions.push(...untracked(snapshot));
  }
  return { actions, layout };
}

/** Properties that say how to read what is written already: the names of hidden columns, ids of columns, commit times. */
const UNDERSTOOD_BY: ReadonlySet<string> = new Set([
  MAX_COLUMN_ID,
  ROW_ID_NAME,
  ROW_COMMIT_VERSION_NAME,
  ...IN_COMMIT_TIMESTAMP_KEYS.filter((key) => key !== IN_COMMIT_TIMESTAMPS),
]);

function withoutProperties(
  { store: { url }, configuration }: Snapshot,
  { set = {}, unset = [] }: AlterOptions,
): Readonly<Record<string, string>> {
  const refuse = (property: string, why: string, hint: string): never => {
    throw new SluiceError('CONFIG_INVALID', `the property ${property} of ${url} ${why}`, {
      context: { table: url, property },
      hint,
    });
  };
  for (const key of unset) {
    if (Object.hasOwn(set, key)) refuse(key, 'cannot be set and unset at once', 'Leave one of the two out.');
    if (UNDERSTOOD_BY.has(key)) {
      refuse(key, 'cannot be unset: the files of the table are read by it', `Leave ${key} as it is.`);
    }
    if (!Object.hasOwn(configuration, key)) {
      const keys = Object.keys(configuration).join(', ');
      refuse(key, 'is not set', `Leave it out; the table has ${keys === '' ? 'no properties' : keys}.`);
    }
  }
  return Object.fromEntries(Object.entries(configuration).filter(([key]) => !unset.includes(key)));
}

/** Files without row ids, added again as they are: the commit gives them ids. Delta protocol, "Row Tracking". */
function untracked({ files }: Snapshot): readonly Action[] {
  return files
    .toArray()
    .filter(({ baseRowId }) => baseRowId === undefined)
    .map((add) => ({ kind: 'add', add: { ...add, dataChange: false } }));
}

/** Column mapping is switched on once, by name, and stays: files that are there know no ids. */
function checkMappingMode(snapshot: Snapshot, configuration: Readonly<Record<string, string>>): void {
  const before = mappingMode(snapshot.configuration);
  const after = mappingMode(configuration);
  if (before === after || (before === 'none' && after === 'name')) return;
  throw new SluiceError(
    'CONFIG_INVALID',
    `column mapping of ${snapshot.store.url} cannot go from ${before} to ${after}`,
    {
      context: { table: snapshot.store.url, property: MAPPING_MODE },
      hint:
        before === 'none'
          ? `Set ${MAPPING_MODE} to name, or make a new table.`
          : `Leave ${MAPPING_MODE} as it is.`,
    },
  );
}

const TYPE_WIDENING = 'delta.enableTypeWidening';

/** What the new schema and properties need and the old ones did not: legacy protocols stay as they are otherwise. */
function newlyNeeded(
  snapshot: Snapshot,
  schema: StructType,
  configuration: Readonly<Record<string, string>>,
): readonly string[] {
  const before = new Set(featuresNeeded(snapshot.schema, snapshot.configuration));
  return featuresNeeded(schema, configuration).filter((name) => !before.has(name));
}

function withMapping(
  snapshot: Snapshot,
  schema: StructType,
  configuration: Readonly<Record<string, string>>,
): { readonly schema: StructType; readonly configuration: Readonly<Record<string, string>> } {
  const mode = mappingMode(configuration);
  if (mode === 'none' && !needsMapping(schema)) return { schema, configuration };
  const maxColumnId = Number(configuration[MAX_COLUMN_ID] ?? 0);
  const mapped = mapColumns(schema, { maxColumnId, before: snapshot.schema });
  return {
    schema: mapped.schema,
    configuration: {
      ...configuration,
      [MAPPING_MODE]: mode === 'none' ? 'name' : mode,
      [MAX_COLUMN_ID]: String(mapped.maxColumnId),
    },
  };
}

function isChanged(snapshot: Snapshot, next: Metadata): boolean {
  const { configuration } = next;
  const keys = Object.keys(configuration);
  return (
    keys.length !== Object.keys(snapshot.configuration).length ||
    keys.some((key) => configuration[key] !== snapshot.configuration[key]) ||
    next.schemaString !== formatSchemaString(snapshot.schema)
  );
}

/** How many steps of type widening a type has gone through, at any depth. */
function countWidenings(type: DataType): number {
  switch (type.kind) {
    case 'struct':
      return type.fields.reduce((sum, field) => {
        const changes = field.metadata['delta.typeChanges'];
        return sum + (Array.isArray(changes) ? changes.length : 0) + countWidenings(field.type);
      }, 0);
    case 'array':
      return countWidenings(type.element);
    case 'map':
      return countWidenings(type.key) + countWidenings(type.value);
    case 'decimal':
    case 'primitive':
      return 0;
    default:
      return unreachable(type);
  }
}
