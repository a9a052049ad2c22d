/** `npm run conformance`: reads tables that others wrote, and says by feature what is read, refused and wrong. */
import TextTable from 'cli-table3';
import { checkTable, type Check } from './checks.js';
import { corpusFolder, ownRecords, tableRecords, type TableRecord } from './table-rows.js';

async function run(): Promise<number> {
  const corpus = tableRecords();
  const own = ownRecords();
  if (corpus.length === 0) {
    console.log(
      `The corpus is not at ${corpusFolder()}: only the ${own.length} tables of test/golden/spark are read. ` +
        'SLUICE_CORPUS names the folder that holds golden/ and spark/.',
    );
  }
  const results: Result[] = [];
  for (const record of [...own, ...corpus]) results.push(resultOf(record, await checkTable(record)));
  console.log(byFeature(results));
  const checks = results.flatMap((result) => result.checks);
  const wrong = checks.filter((check) => check.wrong !== undefined);
  for (const check of wrong) console.log(`wrong: ${check.kind} of ${check.of}: ${check.wrong}`);
  console.log(
    `${results.length} tables: ${counts(checks)
      .map(([kind, right, all]) => `${right} of ${all} ${PLURALS[kind]}`)
      .join(', ')} right`,
  );
  return wrong.length === 0 && checks.length > 0 ? 0 : 1;
}

type Result = {
  readonly features: readonly string[];
  readonly outcome: 'read' | 'refused' | 'wrong';
  readonly checks: readonly Check[];
};

function resultOf({ kind, features }: TableRecord, checks: readonly Check[]): Result {
  const isWrong = checks.length === 0 || checks.some(({ wrong }) => wrong !== undefined);
  const outcome = isWrong ? 'wrong' : kind === 'refuse' ? 'refused' : 'read';
  return { features: features.length === 0 ? ['(none)'] : features, outcome, checks };
}

/** How many tables with each feature were read, refused, and read or refused wrongly. */
function byFeature(results: readonly Result[]): string {
  const table = new TextTable({
    head: ['feature', 'read', 'refused', 'wrong'],
    colAligns: ['left', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const names = [...new Set(results.flatMap(({ features }) => features))].sort();
  for (const name of names) {
    const of = results.filter(({ features }) => features.includes(name));
    const count = (outcome: Result['outcome']): number => of.filter((one) => one.outcome === outcome).length;
    table.push([name, count('read'), count('refused'), count('wrong')]);
  }
  return table.toString();
}

const PLURALS: Readonly<Record<Check['kind'], string>> = {
  rows: 'versions',
  snapshot: 'snapshots',
  feed: 'feeds',
  refusal: 'refusals',
  'missing version': 'missing versions',
};

function counts(checks: readonly Check[]): readonly (readonly [Check['kind'], number, number])[] {
  const kinds: readonly Check['kind'][] = ['rows', 'snapshot', 'feed', 'refusal', 'missing version'];
  return kinds.map((kind) => {
    const of = checks.filter((check) => check.kind === kind);
    return [kind, of.filter(({ wrong }) => wrong === undefined).length, of.length];
  });
}

process.exitCode = await run();
