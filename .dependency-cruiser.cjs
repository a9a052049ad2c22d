/**
 * Import directions between the folders of `src`: a folder imports only from folders that stand before
 * it in `ORDER`, and each third-party package enters through the one folder that hides it.
 */
const ORDER = [
  'base',
  'schema',
  'expr',
  'protocol',
  'storage',
  'columnar',
  'table',
  'operations',
  'cdc',
  'pipeline',
  'kafka',
  'source',
  'sink',
  'runtime',
  'config',
  'service',
  'testing',
  'cli',
];

const STILL = ['schema', 'expr', 'protocol'];

/** Package -> the only folders (or files) of `src` that may import it. */
const DOORS = {
  kafkajs: ['kafka'],
  'kafkajs-snappy': ['kafka'],
  'lz4-napi': ['kafka'],
  '@bokuweb/zstd-wasm': ['kafka'],
  'apache-arrow': ['columnar'],
  'parquet-wasm': ['columnar'],
  hyparquet: ['columnar'],
  rxjs: ['pipeline', 'source', 'sink', 'runtime', 'service', 'index'],
  commander: ['cli'],
  'cli-progress': ['cli'],
  'cli-table3': ['cli', 'columnar'],
  yaml: ['config'],
};

const directions = ORDER.map((folder, at) => ({
  name: `${folder}-imports-only-from-above`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    path: `^(src/(${ORDER.slice(at + 1).join('|') || 'none'})/|src/[^/]+\\.ts$|connectors/)`,
    ...(folder === 'cli' ? { pathNot: '^(connectors/|src/[^/]+\\.ts$)' } : {}),
  },
}));

const doors = Object.entries(DOORS).map(([name, folders]) => ({
  name: `${name.replace(/[^a-z0-9]/g, '-')}-has-one-door`,
  severity: 'error',
  from: { path: '^(src|connectors)/', pathNot: `^src/(${folders.join('|')})(/|\\.ts$)` },
  to: { path: `node_modules/${name}/` },
}));

module.exports = {
  forbidden: [
    ...directions,
    ...doors,
    {
      name: 'still-folders-know-no-node',
      severity: 'error',
      from: { path: `^src/(${STILL.join('|')})/` },
      to: { dependencyTypes: ['core'] },
    },
    { name: 'no-cycles', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'connectors-know-the-public-face-only',
      severity: 'error',
      from: { path: '^connectors/' },
      to: { path: '^src/', pathNot: '^src/[^/]+\\.ts$' },
    },
    {
      name: 'src-does-not-know-tests',
      severity: 'error',
      from: { path: '^(src|connectors)/' },
      to: { path: '^(test|bench|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
