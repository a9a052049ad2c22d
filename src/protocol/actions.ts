import type { JsonObject } from '../base/json.js';

export type { JsonObject } from '../base/json.js';

/** Delta protocol, "Protocol Evolution": which versions and features a reader and a writer must know. */
export type Protocol = {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[];
  readonly writerFeatures?: readonly string[];
};

/** Delta protocol, "Change Metadata". The format is always parquet. */
export type Metadata = {
  readonly id: string;
  readonly name?: string;
  readonly description?: string;
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number;
};

/** Delta protocol, "Deletion Vectors": where the deleted rows of a file are listed. */
export type DeletionVectorDescriptor = {
  readonly storageType: 'u' | 'i' | 'p';
  readonly pathOrInlineDv: string;
  readonly offset?: number;
  readonly sizeInBytes: number;
  readonly cardinality: number;
};

/** Values as text, null for null; keys are physical column names. */
export type PartitionValues = ReadonlyMap<string, string | null>;

/** Delta protocol, "Add File and Remove File": a file that is part of the table from this version on. */
export type AddFile = {
  /** A URI reference as it stands in the log: percent-encoded, relative to the table or absolute. */
  readonly path: string;
  readonly partitionValues: PartitionValues;
  readonly size: number;
  readonly modificationTime: number;
  readonly dataChange: boolean;
  /** JSON text, Delta protocol "Per-file Statistics". */
  readonly stats?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly deletionVector?: DeletionVectorDescriptor;
  readonly baseRowId?: bigint;
  readonly defaultRowCommitVersion?: bigint;
  readonly clusteringProvider?: string;
};

/** A file that is no part of the table from this version on. */
export type RemoveFile = {
  readonly path: string;
  readonly deletionTimestamp?: number;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean;
  readonly partitionValues?: PartitionValues;
  readonly size?: number;
  readonly stats?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly deletionVector?: DeletionVectorDescriptor;
  readonly baseRowId?: bigint;
  readonly defaultRowCommitVersion?: bigint;
};

/** Delta protocol, "Add CDC File": row changes of this version, for the change feed only. */
export type CdcFile = {
  readonly path: string;
  readonly partitionValues: PartitionValues;
  readonly size: number;
  readonly tags?: Readonly<Record<string, string>>;
};

/** Delta protocol, "Transaction Identifiers": how far an application has come. Times in ms. */
export type Txn = { readonly appId: string; readonly version: bigint; readonly lastUpdated?: number };

/** Delta protocol, "Domain Metadata". */
export type DomainMetadata = {
  readonly domain: string;
  readonly configuration: string;
  readonly removed: boolean;
};

/** Delta protocol, "Commit Provenance Information": free-form JSON, kept as it was found. */
export type CommitInfo = JsonObject;

/** One line of a commit. */
export type Action =
  | { readonly kind: 'commitInfo'; readonly commitInfo: CommitInfo }
  | { readonly kind: 'protocol'; readonly protocol: Protocol }
  | { readonly kind: 'metaData'; readonly metaData: Metadata }
  | { readonly kind: 'add'; readonly add: AddFile }
  | { readonly kind: 'remove'; readonly remove: RemoveFile }
  | { readonly kind: 'cdc'; readonly cdc: CdcFile }
  | { readonly kind: 'txn'; readonly txn: Txn }
  | { readonly kind: 'domainMetadata'; readonly domainMetadata: DomainMetadata };
