import type { Changes, Half, RecordProblem } from '../../src/cdc/changes.js';
import { debezium, type DebeziumOptions } from '../../src/cdc/debezium.js';
import type { HeaderValue, RawRecord } from '../../src/cdc/record.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import { field, struct } from '../../src/schema/build.js';
import { formatType } from '../../src/schema/type-text.js';
import type { StructType, Value } from '../../src/schema/types.js';

/** A member of a record as JSON text, so that digits and spelling are the test's own. */
export type Text = string;

export const SOURCE: Text =
  '{"version":"3.7.0.Final","connector":"postgresql","name":"shop","ts_ms":1795457412420,"snapshot":"false","db":"shop","schema":"inventory","table":"customers","txId":959,"lsn":36815304,"xmin":null}';

type Parts = {
  readonly before?: Text;
  readonly after?: Text;
  readonly op?: string;
  readonly source?: Text;
  readonly schema?: Text;
};

/** The value of a change event, without a schema half unless one is given. */
export function envelope({
  before = 'null',
  after = 'null',
  op = 'c',
  source = SOURCE,
  schema,
}: Parts): Text {
  const payload = `{"before":${before},"after":${after},"source":${source},"transaction":null,"op":"${op}","ts_ms":1}`;
  return schema === undefined ? payload : `{"schema":${schema},"payload":${payload}}`;
}

type Bits = {
  readonly key?: Text | null;
  readonly value?: Text | Buffer | null;
  readonly headers?: Record<string, HeaderValue>;
};

/** A record at an offset. */
export function record(offset: number, { key = null, value = null, headers }: Bits): RawRecord {
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null || Buffer.isBuffer(value) ? value : Buffer.from(value),
    offset: String(offset),
    timestamp: '1795457413143',
    ...(headers === undefined ? {} : { headers }),
  };
}

/** Schema half of an envelope whose rows have these fields: `{"type":"int64","optional":true,"field":"id"}`, … */
export function schemaHalf(...fields: readonly Text[]): Text {
  const half = (name: string): Text =>
    `{"type":"struct","fields":[${fields.join(',')}],"optional":true,"field":"${name}"}`;
  return `{"type":"struct","fields":[${half('before')},${half('after')},{"type":"string","optional":false,"field":"op"}],"optional":false,"name":"e"}`;
}

/** Changes of rows that are created one after another. */
export function created(rows: readonly Text[], schema?: Text, options?: DebeziumOptions): Changes {
  const records = rows.map((after, i) =>
    record(i, { value: envelope(schema === undefined ? { after } : { after, schema }) }),
  );
  return debezium(options).peek('t', 0, records);
}

export function indexes(changes: Changes): Uint32Array {
  return Uint32Array.from({ length: changes.length }, (_, i) => i);
}

/** The columns that all rows need, as `name type`, or the problem. */
export function columnsOf(
  changes: Changes,
  known?: StructType,
  half: Half = 'after',
): string | RecordProblem {
  const found = changes.columns(indexes(changes), half, known);
  return found.kind === 'problem'
    ? found.problem
    : found.columns.map(({ name, type }) => `${name} ${formatType(type)}`).join(', ');
}

/** The rows as values by column, in the columns they need, or those of `target`; a problem stands in its row's place. */
export function rowsIn(changes: Changes, target?: StructType): (Record<string, Value> | RecordProblem)[] {
  const schema = target ?? foundSchema(changes);
  const builder = new TableBuilder(schema);
  const appender = changes.appender(schema);
  const problems = Array.from(indexes(changes), (i) => appender.append(i, 'after', builder));
  const values = [...rowsOf(builder.finish(), schema)];
  return problems.map((problem) => {
    if (problem !== undefined) return problem;
    const row = values.shift() ?? [];
    return Object.fromEntries(schema.fields.map(({ name }, column) => [name, row[column] ?? null]));
  });
}

export function foundSchema(changes: Changes): StructType {
  const found = changes.columns(indexes(changes), 'after', undefined);
  if (found.kind === 'problem') throw new Error(`${found.problem.field}: ${found.problem.reason}`);
  return struct(found.columns.map(({ name, type, metadata }) => field(name, type, true, metadata)));
}
