import type { ColumnBuilder, TableBuilder } from '../../columnar/table-builder.js';
import type { StructField, StructType } from '../../schema/types.js';
import { Flag, type Half, type Origin, type RecordProblem, type RowAppender } from '../changes.js';
import { cellWriter, type CellWriter } from '../convert/cell-writers.js';
import { Conversion } from '../convert/conversion.js';
import { BRACE_OPEN, BRACKET_OPEN, isNull, QUOTE, skipLiteral, skipSpace, skipValue } from '../json/scan.js';
import type { Shape } from '../json/shapes.js';
import { UNTYPED, untypedOf, type SourceType } from '../source-type.js';
import { imageOf, typedFields, type Batch, type Image } from './batch.js';

/** A member of the rows and where it goes; no column: nobody wants it. */
type Route = {
  readonly name: string;
  /** Bytes of the name with its quotes. */
  readonly width: number;
  readonly column: ColumnBuilder | undefined;
  readonly index: number;
  readonly writer: CellWriter | undefined;
  readonly conversion: Conversion;
  /** Part of the record key: never null, and never unavailable. */
  readonly isKey: boolean;
  /** Its base64 form stands for the unavailable value too: not so in a column that is known to be text. */
  readonly base64: boolean;
};

/** How rows of one shape become cells of one builder. */
type Plan = {
  readonly shape: Shape;
  readonly schema: number;
  readonly half: Half;
  readonly origin: Origin | undefined;
  readonly keyNames: readonly string[] | undefined;
  readonly routes: readonly Route[];
  /** One of the columns that are written: its length is the number of rows before. */
  readonly first: ColumnBuilder | undefined;
  /** Columns that rows of this shape lack. */
  readonly absent: readonly ColumnBuilder[];
  /** A key field that the rows lack. */
  readonly missingKey: string | undefined;
};

/** Plans kept for one builder: two halves of a few shapes; with more the oldest is made again when its turn comes. */
const PLANS_MAX = 16;

/** Reads row images from a batch's bytes. The work of finding out what goes where is done once per shape. */
export class BatchAppender implements RowAppender {
  readonly placeholders: number[] = [];
  readonly #batch: Batch;
  readonly #flags: Uint8Array;
  readonly #target: StructType;
  readonly #own: ReadonlySet<string>;
  readonly #conversions = new Map<string, Conversion>();
  #builder: TableBuilder | undefined;
  #plans: Plan[] = [];

  constructor(batch: Batch, flags: Uint8Array, target: StructType, own: readonly string[]) {
    this.#batch = batch;
    this.#flags = flags;
    this.#target = target;
    this.#own = new Set(own);
  }

  get outOfRange(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const [name, { outOfRange }] of this.#conversions) if (outOfRange > 0) counts.set(name, outOfRange);
    return counts;
  }

  append(i: number, half: Half, builder: TableBuilder): RecordProblem | undefined {
    this.placeholders.length = 0;
    const image = imageOf(this.#batch, i, half);
    if ('reason' in image) return image;
    const plan = this.#planFor(i, half, image, builder);
    if (plan.missingKey !== undefined) return absentKey(plan.missingKey);
    const rows = plan.first?.length ?? 0;
    const mayBeUnavailable = half === 'before' || ((this.#flags[i] ?? 0) & Flag.placeholder) !== 0;
    const problem = this.#write(plan, image.bytes, image.at, mayBeUnavailable);
    if (problem !== undefined) builder.truncate(rows);
    return problem;
  }

  #write(plan: Plan, bytes: Buffer, at: number, mayBeUnavailable: boolean): RecordProblem | undefined {
    const { routes, absent } = plan;
    let p = at + 1;
    for (let r = 0; r < routes.length; r++) {
      const route = routes[r];
      if (route === undefined) break;
      // The shape was recognised before: name, colon and comma are where they belong, only spaces may stand between.
      p = spaceAt(bytes, p) + route.width;
      p = spaceAt(bytes, spaceAt(bytes, p) + 1);
      const next = this.#cell(route, bytes, p, mayBeUnavailable);
      if (next < 0) return { ...(route.conversion.problem ?? NOT_JSON), field: route.name };
      // A cell that ends early would leave bytes that nobody read.
      p = spaceAt(bytes, next);
      const c = bytes[p++];
      if (c !== 0x2c && c !== 0x7d) return { ...NOT_JSON, field: route.name };
    }
    for (let a = 0; a < absent.length; a++) absent[a]?.appendNull();
    return undefined;
  }

  /** Puts the cell of one member and returns the index after its value, or -1 with the conversion's problem set. */
  #cell(route: Route, bytes: Buffer, at: number, mayBeUnavailable: boolean): number {
    const { column, writer } = route;
    if (column === undefined || writer === undefined) return skipValue(bytes, at);
    if (isNull(bytes, at)) {
      route.conversion.problem = route.isKey ? NULL_KEY : undefined;
      if (route.isKey) return -1;
      const end = skipLiteral(bytes, at);
      if (end >= 0) column.appendNull();
      return end;
    }
    if (mayBeUnavailable && !route.isKey && this.#isUnavailable(route, bytes, at)) {
      column.appendNull();
      this.placeholders.push(route.index);
      return skipValue(bytes, at);
    }
    route.conversion.problem = undefined;
    return writer.write(bytes, at);
  }

  #isUnavailable(route: Route, bytes: Buffer, at: number): boolean {
    const { unavailable } = this.#batch.settings;
    const first = bytes[at];
    if (first !== QUOTE && first !== BRACKET_OPEN && first !== BRACE_OPEN) return false;
    const end = skipValue(bytes, at);
    if (end < 0) return false;
    if (first !== QUOTE) return unavailable.isNested(bytes, at, end);
    return route.base64 ? unavailable.isString(bytes, at, end) : unavailable.isText(bytes, at, end);
  }

  #planFor(i: number, half: Half, image: Image, builder: TableBuilder): Plan {
    if (builder !== this.#builder) {
      this.#builder = builder;
      this.#plans = [];
    }
    const origin = image.schema < 0 ? this.#batch.origins[i] : undefined;
    const keyNames = this.#batch.memory.keyShapes.shape(this.#batch.keyShape[i] ?? -1)?.names;
    const plans = this.#plans;
    for (let k = 0; k < plans.length; k++) {
      const plan = plans[k];
      if (
        plan !== undefined &&
        plan.shape === image.shape &&
        plan.schema === image.schema &&
        plan.half === half &&
        plan.keyNames === keyNames &&
        plan.origin === origin
      ) {
        return plan;
      }
    }
    const plan = this.#makePlan(half, image, builder, origin, keyNames);
    plans.unshift(plan);
    if (plans.length > PLANS_MAX) plans.pop();
    return plan;
  }

  #makePlan(
    half: Half,
    image: Image,
    builder: TableBuilder,
    origin: Origin | undefined,
    keyNames: readonly string[] | undefined,
  ): Plan {
    const { shape, schema } = image;
    const typed = typedFields(this.#batch, schema, half);
    const columns = new Map(builder.schema.fields.map((field, index) => [field.name, index]));
    const targets = new Map(
      this.#target.fields.filter((field) => !this.#own.has(field.name)).map((field) => [field.name, field]),
    );
    const routes = shape.names.map((name, f): Route => {
      const width = shape.tokens[f]?.length ?? 0;
      const target = targets.get(name);
      const index = columns.get(name) ?? -1;
      const conversion = this.#conversionOf(name);
      const isKey = keyNames?.includes(name) === true;
      if (target === undefined || index < 0) {
        return { name, width, column: undefined, index, writer: undefined, conversion, isKey, base64: false };
      }
      const column = builder.column(index);
      const source =
        typed?.find((field) => field.name === name)?.type ?? untyped(target, origin, this.#batch);
      const writer = cellWriter(source, column, target.type, conversion);
      return { name, width, column, index, writer, conversion, isKey, base64: source.kind !== 'string' };
    });
    const absent = [...targets.keys()]
      .filter((name) => !shape.names.includes(name))
      .flatMap((name) => columns.get(name) ?? [])
      .map((index) => builder.column(index));
    const missingKey = keyNames?.find((name) => targets.has(name) && !shape.names.includes(name));
    const first = routes.find(({ column }) => column !== undefined)?.column ?? absent[0];
    return { shape, schema, half, origin, keyNames, routes, first, absent, missingKey };
  }

  #conversionOf(name: string): Conversion {
    let conversion = this.#conversions.get(name);
    if (conversion === undefined) {
      conversion = new Conversion();
      this.#conversions.set(name, conversion);
    }
    return conversion;
  }
}

/** The encoding of a value without schema half, in a column: its unit as the column remembers it, else as configured. */
function untyped(target: StructField, origin: Origin | undefined, batch: Batch): SourceType {
  const remembered = untypedOf(target.metadata);
  if (remembered !== UNTYPED || origin === undefined) return remembered;
  const unit = batch.settings.configured(origin).get(target.name)?.unit;
  return unit === undefined ? UNTYPED : { kind: 'untyped', unit };
}

function spaceAt(bytes: Buffer, p: number): number {
  return (bytes[p] ?? 0) > 0x20 ? p : skipSpace(bytes, p);
}

function absentKey(field: string): RecordProblem {
  return { kind: 'key', reason: 'a field of the key is absent from the row', field };
}

const NOT_JSON: RecordProblem = { kind: 'json', reason: 'a value that is not JSON' };
const NULL_KEY: RecordProblem = { kind: 'key', reason: 'a field of the key is null in the row' };
