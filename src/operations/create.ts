import { randomUUID } from 'node:crypto';
import { SluiceError } from '../base/errors.js';
import type { Action, Metadata, Protocol } from '../protocol/actions.js';
import { CREATE_FEATURES, canWrite, featuresNeeded, protocolFor } from '../protocol/features.js';
import { takeInstructions } from '../protocol/instructions.js';
import { checkTableProperties, isOn } from '../protocol/properties.js';
import { formatSchemaString } from '../schema/schema-string.js';
import type { StructType } from '../schema/types.js';
import { mappingMode } from '../table/column-mapping.js';
import { layoutOf, type TableLayout } from '../table/layout.js';
import { withRowIdNames } from '../table/row-tracking.js';
import { checkPartitioning, checkSchema } from './check-schema.js';
import { MAPPING_MODE, MAX_COLUMN_ID, mapColumns, needsMapping } from './map-columns.js';

export type CreateOptions = {
  readonly schema: StructType;
  /** Logical names, in partition order. Default: not partitioned. */
  readonly partitionBy?: readonly string[];
  /** Table properties; they win over `TABLE_DEFAULTS`. */
  readonly properties?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly description?: string;
  readonly nowMs: number;
};

export type CreatedTable = {
  readonly protocol: Protocol;
  readonly metaData: Metadata;
  /** What the same commit writes its data files with: the schema with column mapping, where a name needs it. */
  readonly layout: TableLayout;
  /** protocol and metaData, in that order: they follow commitInfo in version 0. */
  readonly actions: readonly Action[];
};

/** Properties that a table has unless it is told otherwise: rows change in place, and the feed tells of it. */
export const TABLE_DEFAULTS: Readonly<Record<string, string>> = {
  'delta.enableDeletionVectors': 'true',
  'delta.enableChangeDataFeed': 'true',
};

/**
 * The actions that make a table: protocol (3,7) with exactly the features that its schema and properties need, and its
 * metadata. A name that Delta does not take as it is (` ,;{}()\n\t=`) turns column mapping by name on. `SCHEMA_MISMATCH`
 * for names that differ only by case or that the change feed keeps for itself and for partition columns that cannot be;
 * `CONFIG_INVALID` for properties that ask for what this writer cannot keep.
 */
export function createTableActions(options: CreateOptions): CreatedTable {
  const { partitionBy = [], nowMs } = options;
  const { configuration: kept, features } = takeInstructions({ ...TABLE_DEFAULTS, ...options.properties });
  const { schema, configuration } = withMapping(options.schema, withRowIdNames(kept));
  checkSchema(schema, configuration);
  checkPartitioning(schema, partitionBy);
  const metaData: Metadata = {
    id: randomUUID(),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.description === undefined ? {} : { description: options.description }),
    schemaString: formatSchemaString(schema),
    partitionColumns: partitionBy,
    configuration,
    createdTime: nowMs,
  };
  const base = CREATE_FEATURES.filter(
    (name) => name !== 'deletionVectors' || isOn(configuration, 'delta.enableDeletionVectors'),
  );
  const protocol = protocolFor([...base, ...features, ...featuresNeeded(schema, configuration)]);
  checkProperties(protocol, metaData, schema);
  return {
    protocol,
    metaData,
    layout: layoutOf({ schema, partitionColumns: partitionBy, configuration }, protocol, new Map()),
    actions: [
      { kind: 'protocol', protocol },
      { kind: 'metaData', metaData },
    ],
  };
}

function withMapping(
  schema: StructType,
  configuration: Readonly<Record<string, string>>,
): { readonly schema: StructType; readonly configuration: Readonly<Record<string, string>> } {
  if (mappingMode(configuration) === 'none' && !needsMapping(schema)) return { schema, configuration };
  const mapped = mapColumns(schema, { maxColumnId: 0, before: undefined });
  return {
    schema: mapped.schema,
    configuration: {
      ...configuration,
      [MAPPING_MODE]: mappingMode(configuration) === 'id' ? 'id' : 'name',
      [MAX_COLUMN_ID]: String(mapped.maxColumnId),
    },
  };
}

/** Refuses properties that would bind every writer to a feature that this one does not have. */
export function checkProperties(protocol: Protocol, metaData: Metadata, schema: StructType): void {
  checkTableProperties(metaData.configuration);
  const asked = Object.entries(metaData.configuration).find(
    ([key, value]) => UNKEPT.test(key) && value.toLowerCase() !== 'false',
  );
  if (asked !== undefined) {
    const [property] = asked;
    throw new SluiceError('CONFIG_INVALID', `table property ${property} asks for what Sluice cannot keep`, {
      context: { property },
      hint: 'leave the property out',
    });
  }
  const refused = canWrite(protocol, metaData, schema);
  if (refused.length === 0) return;
  throw new SluiceError(
    'CONFIG_INVALID',
    `the table would need what Sluice cannot write: ${refused.join(', ')}`,
    {
      hint: 'leave out the properties and column metadata that ask for it',
    },
  );
}

/** Uniform tables, catalog commits and constraints; what needs a feature is refused by the feature's name. */
const UNKEPT = /^delta\.(universalFormat|coordinatedCommits|constraints\.)/;
