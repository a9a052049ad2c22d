import { supportedFeatures } from '../protocol/features.js';
import { formatTimestampMicros } from '../schema/text-values.js';
import { mappingMode } from '../table/column-mapping.js';
import { clusteringColumns } from '../table/layout.js';
import type { Snapshot } from '../table/snapshot.js';

/** The row of DESCRIBE DETAIL as Delta Spark answers it. */
export type TableDetail = {
  readonly format: 'delta';
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly location: string;
  /** As `2026-01-31T00:00:00.000000Z`; null if the table does not tell. */
  readonly createdAt: string | null;
  readonly lastModified: string;
  readonly partitionColumns: readonly string[];
  readonly clusteringColumns: readonly string[];
  readonly numFiles: number;
  readonly sizeInBytes: number;
  readonly properties: Readonly<Record<string, string>>;
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  /** Sorted; those that legacy versions imply among them. */
  readonly tableFeatures: readonly string[];
};

/** What a table is at one version. */
export function tableDetail(snapshot: Snapshot): TableDetail {
  const { metadata, protocol } = snapshot.state;
  const { createdTime } = metadata;
  return {
    format: 'delta',
    id: metadata.id,
    name: metadata.name ?? null,
    description: metadata.description ?? null,
    location: snapshot.store.url,
    createdAt: createdTime === undefined ? null : instant(createdTime),
    lastModified: instant(snapshot.commitTimestampMs),
    partitionColumns: snapshot.partitionColumns,
    clusteringColumns: clusteringColumns(
      snapshot.schema,
      mappingMode(snapshot.configuration),
      snapshot.domain('delta.clustering'),
    ).map((names) => names.join('.')),
    numFiles: snapshot.files.size,
    sizeInBytes: snapshot.files.sizeInBytes,
    properties: metadata.configuration,
    minReaderVersion: protocol.minReaderVersion,
    minWriterVersion: protocol.minWriterVersion,
    tableFeatures: [...supportedFeatures(protocol)].sort(),
  };
}

function instant(ms: number): string {
  return formatTimestampMicros(BigInt(ms) * 1000n, true);
}
