import { isOn } from './properties.js';

/** The metadata domain of row tracking. */
export const ROW_TRACKING_DOMAIN = 'delta.rowTracking';

/** Table properties that name the hidden columns of row tracking. Delta protocol, "Row Tracking". */
export const ROW_ID_NAME = 'delta.rowTracking.materializedRowIdColumnName';
export const ROW_COMMIT_VERSION_NAME = 'delta.rowTracking.materializedRowCommitVersionColumnName';

/** The columns of data files in which rows that were moved keep their ids; no columns of the table. */
export type RowIdColumns = { readonly id: string; readonly commitVersion: string };

/** Whether rows must keep their ids: supported alone, files only get new ones. */
export function isRowTrackingOn(configuration: Readonly<Record<string, string>>): boolean {
  return isOn(configuration, 'delta.enableRowTracking');
}

/** The hidden columns, where rows must keep their ids and the columns are named. */
export function rowIdColumns(configuration: Readonly<Record<string, string>>): RowIdColumns | undefined {
  const id = configuration[ROW_ID_NAME];
  const commitVersion = configuration[ROW_COMMIT_VERSION_NAME];
  if (!isRowTrackingOn(configuration) || id === undefined || commitVersion === undefined) return undefined;
  return { id, commitVersion };
}
