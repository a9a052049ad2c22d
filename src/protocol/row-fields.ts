import { SluiceError } from '../base/errors.js';
import type { Value } from '../schema/types.js';
import { NO_PARTITION_VALUES, type ActionFields } from './action-fields.js';
import type { PartitionValues } from './actions.js';

/** The fields of an action that stands in a row of a checkpoint. Writers leave out columns they do not know. */
export class RowFields implements ActionFields {
  readonly #object: { readonly [field: string]: Value };
  readonly #what: string;

  private constructor(object: { readonly [field: string]: Value }, what: string) {
    this.#object = object;
    this.#what = what;
  }

  /** The fields of a struct value, undefined for null. */
  static of(value: Value | undefined, what: string): RowFields | undefined {
    if (value === null || value === undefined) return undefined;
    if (!isStruct(value)) throw corrupt(what, 'it', 'a struct');
    return new RowFields(value, what);
  }

  fieldsIfAny(name: string): RowFields | undefined {
    return RowFields.of(this.value(name), `${this.#what}.${name}`);
  }

  /** The field as it is, undefined for null. */
  value(name: string): Value | undefined {
    return this.#object[name] ?? undefined;
  }

  string(name: string): string {
    return this.#required(name, this.stringIfAny(name));
  }

  stringIfAny(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'string') return value;
    throw corrupt(this.#what, name, 'a string');
  }

  number(name: string): number {
    return this.#required(name, this.numberIfAny(name));
  }

  numberIfAny(name: string): number | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'number') return value;
    if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) return Number(value);
    throw corrupt(this.#what, name, 'an integer within 2^53');
  }

  bigint(name: string): bigint {
    return this.#required(name, this.bigintIfAny(name));
  }

  bigintIfAny(name: string): bigint | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'bigint') return value;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
    throw corrupt(this.#what, name, 'an integer');
  }

  boolean(name: string): boolean {
    return this.#required(name, this.booleanIfAny(name));
  }

  booleanIfAny(name: string): boolean | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw corrupt(this.#what, name, 'true or false');
  }

  stringsIfAny(name: string): readonly string[] | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (!isList(value)) throw corrupt(this.#what, name, 'a list of strings');
    return value.filter((item) => typeof item === 'string');
  }

  recordIfAny(name: string): Readonly<Record<string, string>> | undefined {
    const entries: [string, string][] = [];
    const pairs = this.#pairsIfAny(name);
    if (pairs === undefined) return undefined;
    for (const [key, value] of pairs) if (value !== null) entries.push([key, value]);
    return Object.fromEntries(entries);
  }

  partitionValuesIfAny(name: string): PartitionValues | undefined {
    const pairs = this.#pairsIfAny(name);
    if (pairs === undefined) return undefined;
    if (pairs.length === 0) return NO_PARTITION_VALUES;
    return new Map(pairs.map(([key, value]) => [key, value === '' ? null : value]));
  }

  #pairsIfAny(name: string): (readonly [string, string | null])[] | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (!isList(value)) throw corrupt(this.#what, name, 'a map of strings');
    return value.map((pair) => {
      const [key, text] = isList(pair) ? pair : [];
      if (typeof key === 'string' && (typeof text === 'string' || text === null)) return [key, text];
      throw corrupt(this.#what, name, 'a map of strings');
    });
  }

  #required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw corrupt(this.#what, name, 'there');
    return value;
  }
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function isStruct(value: Value): value is { readonly [field: string]: Value } {
  return typeof value === 'object' && value !== null && !isList(value) && !(value instanceof Uint8Array);
}

function corrupt(what: string, field: string, wanted: string): SluiceError {
  return new SluiceError('CORRUPT_LOG', `the field ${field} of ${what} in a checkpoint is not ${wanted}`, {
    context: { action: what, field },
  });
}
