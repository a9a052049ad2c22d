import { stringifyJson, type JsonObject } from '../base/json.js';
import { typeToJson } from '../schema/schema-string.js';
import type { StructField } from '../schema/types.js';

/**
 * What a commit did, by the name and with the parameters that Delta Spark gives it, so that histories read the
 * same. Lists and objects stand as JSON inside a string.
 */
export type Operation = { readonly operation: string; readonly operationParameters: JsonObject };

export function createTable(options: {
  readonly description?: string;
  readonly partitionBy: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}): Operation {
  return {
    operation: 'CREATE TABLE',
    operationParameters: {
      partitionBy: stringifyJson(options.partitionBy),
      clusterBy: '[]',
      description: options.description ?? null,
      isManaged: 'false',
      properties: stringifyJson(options.properties),
    },
  };
}

export function write(options: {
  readonly mode: 'Append' | 'Overwrite';
  readonly partitionBy: readonly string[];
}): Operation {
  return {
    operation: 'WRITE',
    operationParameters: { mode: options.mode, partitionBy: stringifyJson(options.partitionBy) },
  };
}

/** One clause of a MERGE: what it does with the rows that it is for, and which of them, if not all. */
export type MergeClause = {
  readonly actionType: 'update' | 'delete' | 'insert';
  readonly predicate?: string;
};

export function merge(options: {
  /** The condition as SQL. */
  readonly predicate: string;
  readonly matched: readonly MergeClause[];
  readonly notMatched: readonly MergeClause[];
  readonly notMatchedBySource?: readonly MergeClause[];
}): Operation {
  return {
    operation: 'MERGE',
    operationParameters: {
      predicate: stringifyJson([options.predicate]),
      matchedPredicates: clauses(options.matched),
      notMatchedPredicates: clauses(options.notMatched),
      notMatchedBySourcePredicates: clauses(options.notMatchedBySource ?? []),
    },
  };
}

/** Rows removed by a condition; none for all of the table. */
export function deletion(predicates: readonly string[]): Operation {
  return { operation: 'DELETE', operationParameters: { predicate: stringifyJson(predicates) } };
}

/** Rows changed by a condition, as SQL; none for all of the table. */
export function update(predicate: string | undefined): Operation {
  return {
    operation: 'UPDATE',
    operationParameters: predicate === undefined ? {} : { predicate: stringifyJson([predicate]) },
  };
}

export function truncation(): Operation {
  return { operation: 'TRUNCATE', operationParameters: {} };
}

/** The version, or the moment as text, that the table goes back to. */
export function restore(to: { readonly version: number } | { readonly timestamp: string }): Operation {
  return {
    operation: 'RESTORE',
    operationParameters: {
      version: 'version' in to ? to.version : null,
      timestamp: 'timestamp' in to ? to.timestamp : null,
    },
  };
}

/** A commit of a stream: one epoch of one query. */
export function streamingUpdate(options: {
  readonly outputMode: 'Append' | 'Update' | 'Complete';
  readonly queryId: string;
  readonly epochId: number | bigint;
}): Operation {
  const { outputMode, queryId, epochId } = options;
  return {
    operation: 'STREAMING UPDATE',
    operationParameters: { outputMode, queryId, epochId: String(epochId) },
  };
}

export function setProperties(properties: Readonly<Record<string, string>>): Operation {
  return { operation: 'SET TBLPROPERTIES', operationParameters: { properties: stringifyJson(properties) } };
}

export function addColumns(fields: readonly StructField[]): Operation {
  const columns = fields.map((field) => ({ column: columnJson(field) }));
  return { operation: 'ADD COLUMNS', operationParameters: { columns: stringifyJson(columns) } };
}

export function changeColumns(fields: readonly StructField[]): Operation {
  const columns = fields.map((field) => ({ column: columnJson(field) }));
  return { operation: 'CHANGE COLUMNS', operationParameters: { columns: stringifyJson(columns) } };
}

function clauses(list: readonly MergeClause[]): string {
  return stringifyJson(
    list.map(({ actionType, predicate }): JsonObject =>
      predicate === undefined ? { actionType } : { predicate, actionType },
    ),
  );
}

function columnJson(field: StructField): JsonObject {
  const { name, type, nullable, metadata } = field;
  return { name, type: typeToJson(type), nullable, metadata };
}
