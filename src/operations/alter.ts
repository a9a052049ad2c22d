import type { Action } from '../protocol/actions.js';
import type { StructType } from '../schema/types.js';
import type { TableLayout } from '../table/layout.js';
import type { Snapshot } from '../table/snapshot.js';

export type AlterOptions = {
  /** The whole new schema (`schema/evolve`): fields that column mapping does not know yet get their names and ids here. */
  readonly schema?: StructType;
  /** Properties to set. */
  readonly set?: Readonly<Record<string, string>>;
};

export type AlteredTable = {
  /** protocol (if it changes) and metaData (if it changes); empty if nothing does. */
  readonly actions: readonly Action[];
  /** What data files of the same commit are written with. */
  readonly layout: TableLayout;
};

/**
 * The actions that give a table another schema or properties, with the features that they need (timestamp_ntz, type
 * widening, change feed, deletion vectors, column mapping for names that need it).
 */
export declare function alterTableActions(snapshot: Snapshot, options: AlterOptions): AlteredTable;
