/** Parts of a campaign that can be left out. */
export type Features = {
  /** Values left out of key changes whose halves lie in different partitions (rule R16). */
  readonly carriesAcrossPartitions: boolean;
  /** Second deliveries, and updates in several partitions, of tables without a key (rule R18). */
  readonly keylessRedelivery: boolean;
  /** Rows without a key that equal each other are changed from several partitions. */
  readonly equalRowsAcrossPartitions: boolean;
  /** A topic made anew, and a table restored behind the sink's back, settled by `sluice offsets`. */
  readonly offsetsCommand: boolean;
  /** Another engine at work on the tables. */
  readonly spark: boolean;
};

/** What the sink can do so far. */
export const whatIsReady: Omit<Features, 'spark'> = {
  carriesAcrossPartitions: true,
  keylessRedelivery: true,
  equalRowsAcrossPartitions: true,
  offsetsCommand: true,
};
