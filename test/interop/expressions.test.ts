import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { isJsonObject, parseJson, stringifyJson } from '../../src/base/json.js';
import { compile } from '../../src/expr/compile.js';
import { parseExpression } from '../../src/expr/parse.js';
import { resolve } from '../../src/expr/resolve.js';
import { canonicalValue } from '../../src/schema/canonical.js';
import { formatType } from '../../src/schema/type-text.js';
import type { Value } from '../../src/schema/types.js';
import { COLUMNS, ownRows, ROW_TEXTS } from '../support/expression-rows.js';
import { expressions, SEED, type Kind } from '../support/expressions.js';
import { Oracle, oraclePython } from '../support/oracle/oracle.js';

const PER_KIND = Number(process.env['EXPRESSIONS'] ?? 300);
const KINDS: readonly Kind[] = ['number', 'text', 'condition', 'date', 'time'];
/** As many expressions as one statement has: Spark compiles each statement. */
const BATCH = 50;

const available = oraclePython() !== undefined;
if (!available && process.env['CI'] !== 'true') {
  console.warn('skipped: Spark evaluating our expressions (`npm run prepare:oracle` installs it)');
}

/** What an engine says of an expression: its type, and its value in each row. */
type Answer = { readonly type: string; readonly values: readonly string[] };

describe.skipIf(!available && process.env['CI'] !== 'true')('expressions', () => {
  let oracle: Oracle;

  beforeAll(async () => {
    oracle = Oracle.start();
    const names = COLUMNS.fields.map(({ name }) => name).join(', ');
    const rows = ROW_TEXTS.map((row) => `(${row.join(', ')})`).join(', ');
    await oracle.sql(
      'SET spark.sql.ansi.enabled=false',
      // Interpreted is as right, and far faster for statements that run once.
      'SET spark.sql.codegen.wholeStage=false',
      'SET spark.sql.codegen.factoryMode=NO_CODEGEN',
      `CREATE OR REPLACE TEMPORARY VIEW samples AS SELECT * FROM VALUES ${rows} AS t(${names})`,
    );
  });

  afterAll(() => oracle[Symbol.asyncDispose]());

  test.each(KINDS)('of kind %s come to what they come to in Spark', async (kind) => {
    const texts = fc.sample(expressions[kind], { numRuns: PER_KIND, seed: SEED });
    const rows = ownRows();
    const wrong: string[] = [];
    let refused = 0;
    for (let from = 0; from < texts.length; from += BATCH) {
      const batch = texts.slice(from, from + BATCH);
      const theirs = await sparkAnswers(oracle, batch);
      for (const [index, sql] of batch.entries()) {
        const spark = theirs[index];
        if (spark === undefined) {
          refused++;
          continue;
        }
        const difference = differenceOf(ownAnswer(sql, rows), spark);
        if (difference !== undefined) wrong.push(`${sql}: ${difference}`);
      }
    }
    console.log(
      `${kind}: ${texts.length - refused} expressions, of ${refused} others Spark makes nothing (seed ${SEED})`,
    );
    expect(refused).toBeLessThan(texts.length / 4);
    expect(wrong).toEqual([]);
  });
});

function differenceOf(own: Answer | string, spark: Answer): string | undefined {
  if (typeof own === 'string') return `refused: ${own}`;
  if (own.type !== spark.type) return `is ${own.type}, not ${spark.type}`;
  const row = own.values.findIndex((value, i) => value !== spark.values[i]);
  return row < 0 ? undefined : `in row ${row} is ${own.values[row]}, not ${spark.values[row]}`;
}

function ownAnswer(sql: string, rows: readonly (readonly Value[])[]): Answer | string {
  try {
    const expr = parseExpression(sql);
    const { type } = resolve(expr, COLUMNS);
    const evaluate = compile(expr, COLUMNS);
    const values = rows.map((row) =>
      asJson(
        canonicalValue(
          type,
          evaluate((column) => row[column] ?? null),
        ),
      ),
    );
    return { type: formatType(type), values };
  } catch (cause) {
    if (isSluiceError(cause)) return cause.message;
    throw cause;
  }
}

/** Undefined for an expression that Spark refuses, which is looked for by halving. */
async function sparkAnswers(
  oracle: Oracle,
  texts: readonly string[],
): Promise<readonly (Answer | undefined)[]> {
  const values = texts.map((sql, i) => `${sql} AS c${i}`).join(', ');
  const types = texts.map((sql, i) => `typeof(${sql}) AS c${i}`).join(', ');
  try {
    const [rows = [], typeRows = []] = await oracle.sql(
      `SELECT ${values} FROM samples ORDER BY id`,
      `SELECT ${types} FROM samples WHERE id = 0`,
    );
    const answers = rows.map(cellsOf);
    const named = typeRows.map(cellsOf);
    return texts.map((_, i) => ({
      type: String(parseJson(named[0]?.[i] ?? 'null')),
      values: answers.map((cells) => cells[i] ?? ''),
    }));
  } catch (cause) {
    if (texts.length === 1) {
      if (process.env['SHOW_REFUSED']) console.log(texts[0], String(cause).slice(0, 300));
      return [undefined];
    }
    const half = texts.length >> 1;
    return [
      ...(await sparkAnswers(oracle, texts.slice(0, half))),
      ...(await sparkAnswers(oracle, texts.slice(half))),
    ];
  }
}

/** The cells of a canonical row, as text. */
function cellsOf(line: string): readonly string[] {
  const row = parseJson(line);
  return isJsonObject(row) ? Object.values(row).map((value) => stringifyJson(value)) : [];
}

/** The same text as a value that went through JSON has. */
function asJson(text: string): string {
  return stringifyJson(parseJson(text));
}
