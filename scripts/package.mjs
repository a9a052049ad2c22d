/**
 * `npm run package`: what would be published, checked. Packs the package as `npm publish` would, then looks at its
 * files and size, lints it (publint), resolves the types of every export as TypeScript's users do (attw), and compiles
 * and runs a consumer that has nothing but the package and its dependencies. Needs `npm run build` first.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/** Far above what it weighs, far below what somebody would notice while installing. */
const UNPACKED_BYTES_MAX = 6 * 1024 * 1024;
const DEMO_BYTES_MAX = 4 * 1024 * 1024;

/** Nothing else belongs in a package. */
const ALLOWED = [
  /^package\.json$/,
  /^README\.md$/,
  /^LICENSE$/,
  /^dist\/(src|connectors)\/.+\.(js|d\.ts)$/,
  /^demo\/(README\.md|data\/.+\.(json|ndjson\.gz|json\.gz|md))$/,
  /^connectors\/.+\.(json|properties|md)$/,
  /^docs\/.+\.(md|json)$/,
];

const CONSUMER = `
import { deltaSink, kafka, replay, debezium, type ChangeSource, type RunSummary } from 'sluice';
import { DeltaTable, memoryStore, type HistoryEntry } from 'sluice/delta';
import { formatPosition, type RecordDecoder } from 'sluice/cdc';
import { describeObjectStore, arraySource } from 'sluice/testing';

export const source: ChangeSource = replay({ files: ['none'] });
export const decoder: RecordDecoder = debezium();
export const run: () => Promise<RunSummary> = () => deltaSink(source, { base: memoryStore('x'), decoder, untilEnd: true }).done;
export const history = async (): Promise<readonly HistoryEntry[]> => (await DeltaTable.open('x')).history({ limit: 1 });
// @ts-expect-error A table is not opened by a number: types are there, and are not any.
export const wrong = () => DeltaTable.open(1);
for (const value of [deltaSink, kafka, replay, DeltaTable.open, formatPosition, describeObjectStore, arraySource]) {
  if (typeof value !== 'function') throw new Error('an export is missing');
}
`;

const COMPILE = [
  '--module',
  'nodenext',
  '--target',
  'es2022',
  '--strict',
  '--skipLibCheck',
  '--types',
  'node',
];

const problems = [];
const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
try {
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]),
  );
  checkFiles(packed);
  const tarball = join(folder, packed.filename);
  await checkLint();
  checkTypes(tarball);
  checkConsumer(tarball);
  process.stdout.write(
    `${packed.filename}: ${packed.files.length} files, ${mebibytes(packed.size)} packed, ${mebibytes(packed.unpackedSize)} unpacked\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;

function checkFiles({ files, unpackedSize }) {
  for (const { path } of files) {
    if (!ALLOWED.some((pattern) => pattern.test(path)))
      problems.push(`${path} does not belong in the package`);
  }
  const demo = files.filter(({ path }) => path.startsWith('demo/')).reduce((sum, { size }) => sum + size, 0);
  if (demo === 0) problems.push('the recording of the demo is missing');
  if (demo > DEMO_BYTES_MAX) problems.push(`the recording of the demo has ${mebibytes(demo)}`);
  if (unpackedSize > UNPACKED_BYTES_MAX) problems.push(`the package has ${mebibytes(unpackedSize)} unpacked`);
  const { bin, exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  const named = [
    ...Object.values(bin),
    ...Object.values(exports).flatMap((one) => Object.values({ ...one })),
  ];
  for (const path of named.filter((one) => one.startsWith('./dist') || one.startsWith('dist'))) {
    if (!files.some((file) => file.path === path.replace(/^\.\//, '')))
      problems.push(`${path} is not packed`);
  }
}

async function checkLint() {
  const { messages, pkg } = await publint({ pkgDir: resolve('.'), strict: true, pack: 'npm' });
  for (const message of messages) problems.push(`publint: ${formatMessage(message, pkg, { color: false })}`);
}

function checkTypes(tarball) {
  const attw = join('node_modules', '.bin', 'attw');
  const { status, stdout } = spawnSync(attw, [tarball, '--profile', 'esm-only', '--no-color'], {
    encoding: 'utf8',
  });
  if (status !== 0) problems.push(`attw: ${stdout}`);
}

/** The package's own dependencies only: an import of anything else must not resolve. */
function checkConsumer(tarball) {
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'sluice'), { recursive: true });
  run('tar', ['-xzf', tarball, '-C', join(modules, 'sluice'), '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    const from = resolve('node_modules', name);
    const to = join(modules, name);
    if (!existsSync(from)) continue;
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(from, to, 'dir');
  }
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "type": "module" }');
  writeFileSync(join(folder, 'consumer.ts'), CONSUMER);
  const compiled = spawnSync(
    process.execPath,
    [resolve('node_modules/typescript/bin/tsc'), ...COMPILE, 'consumer.ts'],
    { cwd: folder, encoding: 'utf8' },
  );
  if (compiled.status !== 0) {
    problems.push(`a consumer does not compile:\n${compiled.stdout}`);
    return;
  }
  const ran = spawnSync(process.execPath, ['consumer.js'], { cwd: folder, encoding: 'utf8' });
  if (ran.status !== 0) problems.push(`a consumer does not run:\n${ran.stderr}`);
  checkExamples();
  const cli = spawnSync(process.execPath, ['node_modules/sluice/dist/src/cli/main.js', 'demo'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (cli.status !== 0) problems.push(`the demo of the packed package fails:\n${cli.stdout}${cli.stderr}`);
  if (!cli.stdout.includes('npx sluice table'))
    problems.push('the demo names commands that an installed package has not');
}

/** The examples of README and pages compile, and those that need no broker run, on the tables that the first one makes. */
function checkExamples() {
  symlinkSync(join(folder, 'node_modules/sluice/demo'), join(folder, 'demo'), 'dir');
  checkExamplesOf('README.md');
  checkExamplesOf('docs/change-feed.md');
}

function checkExamplesOf(page) {
  const blocks = [...readFileSync(page, 'utf8').matchAll(/^```ts( kafka)?\n(.*?)^```$/gms)];
  if (blocks.length === 0) problems.push(`${page} has no example`);
  for (const [at, [, needs, code]] of blocks.entries()) {
    const name = `${basename(page, '.md').toLowerCase()}-${at + 1}`;
    writeFileSync(join(folder, `${name}.ts`), code);
    const lib = ['--lib', 'es2023,esnext.disposable'];
    const compiled = spawnSync(
      process.execPath,
      [resolve('node_modules/typescript/bin/tsc'), ...COMPILE, ...lib, `${name}.ts`],
      { cwd: folder, encoding: 'utf8' },
    );
    if (compiled.status !== 0)
      problems.push(`example ${at + 1} of ${page} does not compile:\n${compiled.stdout}`);
    if (needs !== undefined || compiled.status !== 0) continue;
    const ran = spawnSync(process.execPath, [`${name}.js`], { cwd: folder, encoding: 'utf8' });
    if (ran.status !== 0) problems.push(`example ${at + 1} of ${page} fails:\n${ran.stderr}`);
  }
}

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

function mebibytes(bytes) {
  return `${(bytes / 1024 / 1024).toFixed(2)} MiB`;
}
