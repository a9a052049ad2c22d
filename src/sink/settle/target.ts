import { SluiceError } from '../../base/errors.js';
import { alterTableActions } from '../../operations/alter.js';
import { createTableActions } from '../../operations/create.js';
import type { Action } from '../../protocol/actions.js';
import { addFeatures } from '../../protocol/features.js';
import type { StructType } from '../../schema/types.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { TableTarget } from '../settler.js';

/** What a commit has to say about the table itself before it speaks of rows. */
export type PreparedTable = {
  readonly layout: TableLayout;
  /** protocol and metaData where they change, or where the table is made. */
  readonly actions: readonly Action[];
};

/**
 * The table as this commit leaves it: made with the features that a sink's table has from its first version, or, if it
 * is there, given the columns and features that it lacks. A table that others made is upgraded this way too.
 *
 * @throws SluiceError CONFIG_INVALID for a table that forgets transactions: its progress would be forgotten with them
 */
export function prepareTable(
  target: TableTarget,
  snapshot: Snapshot | undefined,
  schema: StructType,
): PreparedTable {
  const { options, now } = target;
  const properties = sinkProperties(target);
  if (snapshot === undefined) {
    const created = createTableActions({
      schema,
      partitionBy: options.partitionBy,
      properties: { ...properties, ...options.tableProperties },
      nowMs: now(),
    });
    return { layout: created.layout, actions: created.actions };
  }
  refuseForgetful(target, snapshot);
  const set = Object.fromEntries(
    Object.entries(properties).filter(
      ([name, value]) => value === 'true' && snapshot.configuration[name] !== value,
    ),
  );
  const altered = alterTableActions(snapshot, { schema, set });
  return { layout: altered.layout, actions: withDomainMetadata(snapshot, altered.actions) };
}

/** A table that others made may lack the feature under which a partition's progress is kept. */
function withDomainMetadata(snapshot: Snapshot, actions: readonly Action[]): readonly Action[] {
  const altered = actions.find((action) => action.kind === 'protocol');
  const protocol = altered?.protocol ?? snapshot.state.protocol;
  if (protocol.writerFeatures?.includes('domainMetadata') === true) return actions;
  const raised: Action = { kind: 'protocol', protocol: addFeatures(protocol, ['domainMetadata']) };
  return [raised, ...actions.filter((action) => action.kind !== 'protocol')];
}

function sinkProperties({ options }: TableTarget): Readonly<Record<string, string>> {
  return {
    'delta.enableDeletionVectors': String(options.mergeStrategy === 'merge-on-read'),
    'delta.enableChangeDataFeed': String(options.changeDataFeed),
  };
}

/**
 * A table that forgets transactions would forget its offsets, and take rows a second time.
 *
 * @throws SluiceError CONFIG_INVALID, with how to unset it
 */
export function refuseForgetful({ name, url }: TableTarget, { configuration }: Snapshot): void {
  const property = 'delta.setTransactionRetentionDuration';
  if (configuration[property] === undefined) return;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${name}: the table has ${property} set and would forget its offsets`,
    {
      context: { table: url },
      hint: `unset it, in SQL: ALTER TABLE delta.\`${url}\` UNSET TBLPROPERTIES ('${property}')`,
    },
  );
}
