import { SluiceError } from '../base/errors.js';
import { isJsonObject, ownMember, type JsonObject, type JsonValue } from '../base/json.js';
import { NO_PARTITION_VALUES, type ActionFields } from './action-fields.js';
import type { PartitionValues } from './actions.js';

/** The fields of an action that stands as JSON. */
export class JsonFields implements ActionFields {
  readonly #object: JsonObject;
  readonly #what: string;

  /** @param what - the action in words of the protocol, for messages */
  constructor(object: JsonObject, what: string) {
    this.#object = object;
    this.#what = what;
  }

  string(name: string): string {
    return this.#required(name, this.stringIfAny(name));
  }

  stringIfAny(name: string): string | undefined {
    const value = this.#member(name);
    if (value === undefined || typeof value === 'string') return value;
    throw this.#corrupt(name, 'a string');
  }

  number(name: string): number {
    return this.#required(name, this.numberIfAny(name));
  }

  numberIfAny(name: string): number | undefined {
    const value = this.#member(name);
    if (value === undefined || typeof value === 'number') return value;
    throw this.#corrupt(name, 'a number within 2^53');
  }

  bigint(name: string): bigint {
    return this.#required(name, this.bigintIfAny(name));
  }

  bigintIfAny(name: string): bigint | undefined {
    const value = this.#member(name);
    if (value === undefined || typeof value === 'bigint') return value;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
    throw this.#corrupt(name, 'an integer');
  }

  boolean(name: string): boolean {
    return this.#required(name, this.booleanIfAny(name));
  }

  booleanIfAny(name: string): boolean | undefined {
    const value = this.#member(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.#corrupt(name, 'true or false');
  }

  fieldsIfAny(name: string): JsonFields | undefined {
    const object = this.#objectIfAny(name);
    return object === undefined ? undefined : new JsonFields(object, `${this.#what}.${name}`);
  }

  #objectIfAny(name: string): JsonObject | undefined {
    const value = this.#member(name);
    if (value === undefined || isJsonObject(value)) return value;
    throw this.#corrupt(name, 'an object');
  }

  stringsIfAny(name: string): readonly string[] | undefined {
    const value = this.#member(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#corrupt(name, 'a list of strings');
    const items: readonly JsonValue[] = value;
    return items.map((item) => {
      if (typeof item !== 'string') throw this.#corrupt(name, 'a list of strings');
      return item;
    });
  }

  recordIfAny(name: string): Readonly<Record<string, string>> | undefined {
    const object = this.#objectIfAny(name);
    if (object === undefined) return undefined;
    const entries: [string, string][] = [];
    for (const [key, value] of Object.entries(object)) {
      if (typeof value === 'string') entries.push([key, value]);
      else if (value !== null) throw this.#corrupt(name, 'an object of strings');
    }
    return Object.fromEntries(entries);
  }

  partitionValuesIfAny(name: string): PartitionValues | undefined {
    const object = this.#objectIfAny(name);
    if (object === undefined) return undefined;
    const keys = Object.keys(object);
    if (keys.length === 0) return NO_PARTITION_VALUES;
    const values = new Map<string, string | null>();
    for (const key of keys) {
      const value = object[key];
      if (value === null || value === '') values.set(key, null);
      else if (typeof value === 'string') values.set(key, value);
      else throw this.#corrupt(name, 'an object of strings and nulls');
    }
    return values;
  }

  #member(name: string): JsonValue | undefined {
    return ownMember(this.#object, name) ?? undefined;
  }

  #required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw this.#corrupt(name, 'there');
    return value;
  }

  #corrupt(name: string, wanted: string): SluiceError {
    return new SluiceError('CORRUPT_LOG', `the field ${name} of ${this.#what} in the log is not ${wanted}`, {
      context: { action: this.#what, field: name },
    });
  }
}
