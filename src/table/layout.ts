import { isJsonObject, JsonSyntaxError, ownMember, parseJson, type JsonValue } from '../base/json.js';
import type { Protocol } from '../protocol/actions.js';
import { supportsFeature } from '../protocol/features.js';
import type { StructType } from '../schema/types.js';
import { mappingMode, physicalName, type MappingMode } from './column-mapping.js';

/**
 * What a writer or reader of data files must know of a table: its logical schema (with column mapping metadata,
 * where the table has it), the partition columns by logical name, and the table properties. A commit that changes the
 * schema writes its files with the layout that it is about to commit.
 */
export type TableLayout = {
  readonly schema: StructType;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  /** Whether data files hold the partition columns too. Delta protocol, "Materialize Partition Columns". */
  readonly partitionsInFiles?: boolean;
  /** Columns that must have stats, by their logical names from the outside in. Delta protocol, "Clustered Table". */
  readonly clusteredBy?: readonly (readonly string[])[];
};

/** The layout of a table with this protocol and these domains. */
export function layoutOf(
  parts: Pick<TableLayout, 'schema' | 'partitionColumns' | 'configuration'>,
  protocol: Protocol,
  domains: ReadonlyMap<string, string>,
): TableLayout {
  const { schema, partitionColumns, configuration } = parts;
  const clusteredBy = clusteringColumns(schema, mappingMode(configuration), domains.get('delta.clustering'));
  return {
    schema,
    partitionColumns,
    configuration,
    ...(supportsFeature(protocol, 'materializePartitionColumns') ? { partitionsInFiles: true } : {}),
    ...(clusteredBy.length === 0 ? {} : { clusteredBy }),
  };
}

/**
 * The clustering columns that the domain `delta.clustering` names by their physical names, as logical ones; columns that
 * the schema does not have are left out. Delta protocol, "Clustered Table".
 */
export function clusteringColumns(
  schema: StructType,
  mode: MappingMode,
  domain: string | undefined,
): readonly (readonly string[])[] {
  const listed = domain === undefined ? undefined : listIn(domain);
  return (listed ?? []).flatMap((column) => {
    // Some writers give a column's name alone for a list of its parts.
    const parts: readonly JsonValue[] = Array.isArray(column) ? column : [column];
    const path = logicalPath(schema, mode, parts);
    return path === undefined ? [] : [path];
  });
}

function logicalPath(
  schema: StructType,
  mode: MappingMode,
  parts: readonly JsonValue[],
): readonly string[] | undefined {
  const path: string[] = [];
  let { fields } = schema;
  for (const part of parts) {
    const field = fields.find((one) => physicalName(one, mode) === part);
    if (field === undefined) return undefined;
    path.push(field.name);
    fields = field.type.kind === 'struct' ? field.type.fields : [];
  }
  return path;
}

function listIn(text: string): readonly JsonValue[] | undefined {
  try {
    const json = parseJson(text);
    const list = isJsonObject(json) ? ownMember(json, 'clusteringColumns') : undefined;
    return Array.isArray(list) ? list : undefined;
  } catch (cause) {
    if (cause instanceof JsonSyntaxError) return undefined;
    throw cause;
  }
}
