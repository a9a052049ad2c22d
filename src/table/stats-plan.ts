import { statsColumns, statsOptions, statsPath, type StatsOptions } from '../protocol/stats-columns.js';
import type { StructType } from '../schema/types.js';
import { mappingMode, physicalNames } from './column-mapping.js';
import type { TableLayout } from './layout.js';

/**
 * Which columns of a new file get stats, by physical path: those that the table's properties choose, and `always`
 * besides.
 *
 * @param columns - the columns that the file holds, under logical names
 * @param always - logical names of top-level columns
 */
export function statsFor(layout: TableLayout, columns: StructType, always: readonly string[]): StatsOptions {
  const mode = mappingMode(layout.configuration);
  const chosen = statsColumns(columns, {
    ...statsOptions(layout.configuration),
    alwaysInclude: [...always.map((name) => [name]), ...(layout.clusteredBy ?? [])].map(statsPath),
  });
  return { columns: 0, listed: chosen.map(({ names }) => statsPath(physicalNames(names, columns, mode))) };
}
