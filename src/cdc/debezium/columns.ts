import type { JsonValue } from '../../base/json.js';
import { field } from '../../schema/build.js';
import { sameType } from '../../schema/equal.js';
import type { DataType, StructField, StructType } from '../../schema/types.js';
import { widen } from '../../schema/widening.js';
import type { ColumnsFound, Half, RecordProblem, SourceColumn } from '../changes.js';
import { deltaType } from '../delta-type.js';
import { TypeGuess, withGuess } from '../infer.js';
import { eachMember, type Shape } from '../json/shapes.js';
import { UNIT_METADATA, type SourceType } from '../source-type.js';
import { imageOf, typedFields, type Batch } from './batch.js';

/** Rows that agree on what their columns are: the same schema half, or none and the same names. */
type Group = { readonly schema: number; readonly shape: Shape; readonly first: number };

/** What `Changes.columns` promises. */
export function findColumns(
  batch: Batch,
  rows: ArrayLike<number>,
  half: Half,
  known: StructType | undefined,
): ColumnsFound {
  const search = new ColumnSearch(batch, half, known);
  const problem = search.group(rows) ?? search.guess(rows) ?? search.gather();
  return problem === undefined ? { kind: 'found', columns: search.found() } : { kind: 'problem', ...problem };
}

type Trouble = { readonly problem: RecordProblem; readonly row: number };

class ColumnSearch {
  readonly #batch: Batch;
  readonly #half: Half;
  readonly #known: ReadonlyMap<string, StructField>;
  readonly #groups: Group[] = [];
  readonly #guesses = new Map<string, TypeGuess>();
  readonly #columns = new Map<string, SourceColumn>();

  constructor(batch: Batch, half: Half, known: StructType | undefined) {
    this.#batch = batch;
    this.#half = half;
    this.#known = new Map((known?.fields ?? []).map((had) => [had.name, had]));
  }

  found(): readonly SourceColumn[] {
    return [...this.#columns.values()];
  }

  /** Finds the groups, in the order of their first rows. */
  group(rows: ArrayLike<number>): Trouble | undefined {
    const seen = new Set<number>();
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k] ?? -1;
      const image = imageOf(this.#batch, row, this.#half);
      if ('reason' in image) return { problem: image, row };
      const { schema, shape } = image;
      // A schema half speaks for all its rows; without one the names do.
      const mark = schema >= 0 ? schema : -1 - shape.id;
      if (seen.has(mark)) continue;
      seen.add(mark);
      this.#groups.push({ schema, shape, first: row });
    }
    return undefined;
  }

  /** Looks at the values of columns that neither the table nor the configuration knows; most of the time there are none. */
  guess(rows: ArrayLike<number>): Trouble | undefined {
    for (const group of this.#groups) {
      if (group.schema >= 0) continue;
      const configured = this.#configured(group);
      for (const name of group.shape.names) {
        if (needsGuess(this.#known.get(name)?.type ?? configured.get(name)?.field.type)) {
          this.#guesses.set(name, this.#guesses.get(name) ?? new TypeGuess());
        }
      }
    }
    if (this.#guesses.size === 0) return undefined;
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k] ?? -1;
      const problem = this.#look(row);
      if (problem !== undefined) return { problem, row };
    }
    return undefined;
  }

  /** Gives each column its type. */
  gather(): Trouble | undefined {
    for (const group of this.#groups) {
      const problem = group.schema >= 0 ? this.#typed(group) : this.#untyped(group);
      if (problem !== undefined) return { problem, row: group.first };
    }
    return undefined;
  }

  #look(row: number): RecordProblem | undefined {
    const image = imageOf(this.#batch, row, this.#half);
    if ('reason' in image) return image;
    if (image.schema >= 0) return undefined;
    const { names } = image.shape;
    let member = 0;
    let problem: RecordProblem | undefined;
    const { unavailable } = this.#batch.settings;
    eachMember(image.bytes, image.at, (_from, _upTo, value, valueEnd) => {
      const name = names[member++] ?? '';
      const guess = this.#guesses.get(name);
      if (guess === undefined || problem !== undefined) return;
      // A stand-in for a value says nothing about its type, except that text is text.
      if (unavailable.isNested(image.bytes, value, valueEnd)) return;
      const found = guess.add(image.bytes, value, valueEnd);
      if (found !== undefined) problem = { ...found, field: name };
    });
    return problem;
  }

  #typed(group: Group): RecordProblem | undefined {
    const fields = typedFields(this.#batch, group.schema, this.#half) ?? [];
    const configured = this.#configured(group);
    for (const { name, type: source } of fields) {
      const wanted = configured.get(name)?.field.type;
      const had = this.#known.get(name)?.type;
      const type =
        wanted ??
        (had !== undefined && takes(had, source) ? had : deltaType(source, this.#batch.settings.types));
      if (type === undefined)
        return { kind: 'schema', reason: 'a column whose type Delta cannot hold', field: name };
      const problem = this.#add(name, type, {}, group);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #untyped(group: Group): RecordProblem | undefined {
    const configured = this.#configured(group);
    for (const name of group.shape.names) {
      const column = configured.get(name);
      const known = this.#known.get(name)?.type ?? column?.field.type;
      const guess = this.#guesses.get(name)?.type();
      const type = known === undefined ? guess : withGuess(known, guess);
      if (type === undefined) continue;
      const problem = this.#add(
        name,
        type,
        column?.unit === undefined ? {} : { [UNIT_METADATA]: column.unit },
        group,
      );
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #add(
    name: string,
    type: DataType,
    metadata: Readonly<Record<string, JsonValue>>,
    group: Group,
  ): RecordProblem | undefined {
    const before = this.#columns.get(name);
    const merged = before === undefined ? type : both(before.type, type);
    if (merged === undefined)
      return {
        kind: 'schema',
        reason: 'a column whose type changed to one that does not go with it',
        field: name,
      };
    const keyNames = this.#batch.memory.keyShapes.shape(this.#batch.keyShape[group.first] ?? -1)?.names;
    this.#columns.set(name, {
      name,
      declared: group.schema >= 0,
      type: merged,
      nullable: keyNames?.includes(name) !== true,
      metadata: before?.metadata ?? metadata,
    });
    return undefined;
  }

  #configured(group: Group): ReturnType<Batch['settings']['configured']> {
    const origin = this.#batch.origins[group.first];
    return origin === undefined ? new Map() : this.#batch.settings.configured(origin);
  }
}

/** Values say more than the known type only where that is none, or may gain members. */
function needsGuess(known: DataType | undefined): boolean {
  if (known === undefined || known.kind === 'struct') return true;
  return known.kind === 'array' && needsGuess(known.element);
}

/**
 * Whether a known column takes this encoding as it is, though another type would be chosen for a new column: the
 * options may have changed since the table was made, and a decimal without a precision says less than the column.
 */
function takes(known: DataType, source: SourceType): boolean {
  const { kind } = source;
  if (kind === 'clock' || kind === 'iso-clock' || kind === 'instant')
    return isNamed(known, 'timestamp', 'timestamp_ntz');
  if (kind === 'time') return isNamed(known, 'string', 'long');
  if (kind === 'variable-decimal') return known.kind === 'decimal' || isNamed(known, 'string');
  if (kind !== 'decimal' || source.precision !== undefined) return false;
  return known.kind === 'decimal' && known.scale >= source.scale;
}

function isNamed(type: DataType, ...names: readonly string[]): boolean {
  return type.kind === 'primitive' && names.includes(type.name);
}

/** The type that holds the values of both; undefined if none does without loss. */
function both(a: DataType, b: DataType): DataType | undefined {
  if (sameType(a, b)) return a;
  if ((a.kind === 'primitive' || a.kind === 'decimal') && (b.kind === 'primitive' || b.kind === 'decimal')) {
    return widen(a, b) ?? widen(b, a);
  }
  if (a.kind === 'array' && b.kind === 'array') {
    const element = both(a.element, b.element);
    return element === undefined ? undefined : { ...a, element };
  }
  if (a.kind === 'map' && b.kind === 'map') {
    const value = sameType(a.key, b.key) ? both(a.value, b.value) : undefined;
    return value === undefined ? undefined : { ...a, value };
  }
  if (a.kind !== 'struct' || b.kind !== 'struct') return undefined;
  return bothStructs(a, b);
}

function bothStructs(a: StructType, b: StructType): StructType | undefined {
  const fields = new Map(a.fields.map((had) => [had.name, had]));
  for (const wanted of b.fields) {
    const had = fields.get(wanted.name);
    const type = had === undefined ? wanted.type : both(had.type, wanted.type);
    if (type === undefined) return undefined;
    fields.set(wanted.name, field(wanted.name, type, true, had?.metadata ?? {}));
  }
  return { kind: 'struct', fields: [...fields.values()] };
}
