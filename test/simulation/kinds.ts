/**
 * What can be in a history, each switched on or off by its seed: kinds of fault, and kinds of data. A whole kind off
 * leaves room for others to meet in ways that they would never meet if everything always happened.
 */
export const KINDS = [
  // What processes do.
  'workers',
  'crash',
  'pause',
  'restart',
  // What the store does.
  'lostAnswers',
  'storeErrors',
  'slowStore',
  'fullDisk',
  // What the broker and the group do.
  'rebalance',
  'brokerOutage',
  'gaps',
  'topicAnew',
  'retention',
  // What the database does.
  'deletes',
  'keyChange',
  'crossPartitionKeyChange',
  'redelivery',
  'keyless',
  'keylessAcrossPartitions',
  'toast',
  'truncate',
  'snapshot',
  'transactions',
  'schemas',
  'newColumn',
  'sharedTopic',
  'badRecord',
  'deadLetters',
  'fullImages',
  // What others do to the tables.
  'optimize',
  'foreignDelete',
  'foreignInsert',
  'foreignProperties',
  'readers',
  'restore',
  // How tables are written.
  'copyOnWrite',
  'inferredImages',
  'smallMemory',
  'checkpoints',
] as const;

/** Kinds that are in a history only if they are asked for: the rules that they test are not all kept yet. */
export const AWAITED: readonly Kind[] = ['topicAnew', 'retention'];

export type Kind = (typeof KINDS)[number];
