import { SluiceError, must } from '../../base/errors.js';
import { beside, type ArrowTable } from '../../columnar/arrow.js';
import { reader } from '../../columnar/cells.js';
import { TableBuilder } from '../../columnar/table-builder.js';
import { compileAssignments, type AssignedColumn, type Assignment } from '../../expr/assign.js';
import { formatExpression } from '../../expr/print.js';
import { update } from '../../protocol/operation.js';
import type { StructType, Value } from '../../schema/types.js';
import type { Snapshot } from '../../table/snapshot.js';
import { hasChangeFeed } from '../change-types.js';
import { rowIdFields, withIdsOf } from '../merge/row-ids.js';
import { StagedChanges } from '../merge/staged.js';
import { takeOut } from '../merge/take-out.js';
import { changeRows, type Changed, type PlannedChange } from './change-rows.js';
import { findRows } from './find-rows.js';
import { dmlMetrics } from './metrics.js';
import { readFound } from './read-found.js';
import { RowWriter } from './row-writer.js';
import { readsOf, strategyOf, type VerbOptions } from './verb-options.js';

export type UpdateOptions = VerbOptions & { readonly set: readonly Assignment[] };

/**
 * Changes columns of rows. Rows are read and written a row group at a time; the change feed gets both images of each.
 *
 * @throws SluiceError EXPRESSION_INVALID, SCHEMA_MISMATCH for a value that its column cannot hold, PROTOCOL_UNSUPPORTED
 *   for a table of appends only, CONFLICT
 */
export async function updateRows(snapshot: Snapshot, options: UpdateOptions): Promise<Changed> {
  const { where } = options;
  const operation = update(where === undefined ? undefined : formatExpression(where));
  return changeRows(snapshot, (base) => planUpdate(base, options), { ...options, operation });
}

async function planUpdate(snapshot: Snapshot, options: UpdateOptions): Promise<PlannedChange> {
  const { where, set, signal } = options;
  const { layout, store } = snapshot;
  const strategy = strategyOf(snapshot, options);
  const columns = compileAssignments(set, layout.schema);
  const startedMs = performance.now();
  const found = await findRows(snapshot, where, { signal });
  const scannedMs = performance.now();
  const hidden = rowIdFields(layout);
  const writer = new RowWriter(store, { layout, signal, hidden });
  const feed = hasChangeFeed(layout.configuration);
  let updated = 0;
  for await (const before of readFound(snapshot, found, { hidden, signal })) {
    const after = assigned(before, columns, layout.schema);
    updated += after.numRows;
    await writer.put(withIdsOf(after, before, hidden));
    if (!feed) continue;
    await writer.tell(before, 'update_preimage');
    await writer.tell(after, 'update_postimage');
  }
  const removals = found.map(({ file, rows }) => ({ file, gone: rows }));
  const taken = await takeOut(removals, { snapshot, layout, strategy, signal });
  const { added, changeFiles } = await writer.finish();
  const staged = new StagedChanges({
    touched: taken.touched,
    added: [...taken.rewritten, ...added],
    changeFiles,
    strategy,
    counts: { source: 0, inserted: 0, updated, deleted: 0 },
    copiedRows: taken.copiedRows,
    times: { scan: scannedMs - startedMs, rewrite: performance.now() - scannedMs },
  });
  return {
    staged,
    reads: readsOf(options),
    metrics: dmlMetrics({ numUpdatedRows: updated }, staged),
  };
}

/** The rows with their new values. */
function assigned(before: ArrowTable, columns: readonly AssignedColumn[], schema: StructType): ArrowTable {
  const fields = columns.map(({ field }) => ({ ...field, nullable: true }));
  const builder = new TableBuilder({ kind: 'struct', fields });
  const readers: ((row: number) => Value)[] = [];
  let row = 0;
  const read = (column: number): Value => {
    const { name, type } = must(schema.fields[column], 'column of an assignment');
    return (readers[column] ??= reader(before, name, type))(row);
  };
  for (const [at, { field, valueIn }] of columns.entries()) {
    const column = builder.column(at);
    const refuse = (value: Value, type: string): Error => lossy(field.name, value, type);
    for (row = 0; row < before.numRows; row++) column.append(valueIn(read, refuse));
  }
  const names = schema.fields.map(({ name }) => name);
  return beside([builder.finish(), before], names);
}

function lossy(column: string, value: Value, type: string): SluiceError {
  return new SluiceError('SCHEMA_MISMATCH', `column ${column} is ${type} and cannot hold ${String(value)}`, {
    context: { column },
    hint: 'cast the value to what is meant, or widen the column',
  });
}
