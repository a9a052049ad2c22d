import { unreachable } from '../../base/errors.js';
import { isJsonObject, jsonToDouble, ownMember, type JsonValue } from '../../base/json.js';
import { fitsDecimal, formatDecimal, rescaleDecimal } from '../../schema/text-values.js';
import type { DataType, DecimalType, PrimitiveType, StructType, Value } from '../../schema/types.js';
import type { RecordProblem } from '../changes.js';
import { UNTYPED, type SourceType } from '../source-type.js';
import { isSpecialDecimal, readBase64, readDecimal, readTwosComplement } from './decimals.js';
import { fitsInt64, INTEGER_BOUNDS, keepsDigits, numberText, readSpecialDouble } from './numbers.js';
import {
  dateOfDays,
  dateOfText,
  formatTime,
  microsOf,
  microsOfText,
  OUT_OF_RANGE,
  timeMicros,
  trimTime,
} from './times.js';

/**
 * Turns JSON values into values of a column, exactly or not at all. Undefined for a value that does not fit: then
 * `problem` says why. What a column has no value for (infinities of dates and instants, instants beyond its
 * range, decimals that are no number) becomes null and is counted in `outOfRange`.
 */
export class Conversion {
  problem: RecordProblem | undefined;
  outOfRange = 0;

  convert(json: JsonValue, source: SourceType, target: DataType): Value | undefined {
    if (json === null) return null;
    switch (target.kind) {
      case 'primitive':
        return this.#primitive(json, source, target);
      case 'decimal':
        return this.#decimal(json, source, target);
      case 'array':
        return this.#array(json, source, target.element);
      case 'map':
        return this.#map(json, source, target.key, target.value);
      case 'struct':
        return this.#struct(json, source, target);
      default:
        return unreachable(target);
    }
  }

  /** The value does not fit its column without loss. */
  refuse(reason: string): undefined {
    this.problem = { kind: 'value', reason };
    return undefined;
  }

  /** The value is of another kind than its column. */
  mismatch(reason: string): undefined {
    this.problem = { kind: 'schema', reason };
    return undefined;
  }

  #primitive(json: JsonValue, source: SourceType, target: PrimitiveType): Value | undefined {
    switch (target.name) {
      case 'byte':
      case 'short':
      case 'integer': {
        const bound = INTEGER_BOUNDS[target.name];
        const value = this.#integer(json);
        if (value === undefined) return undefined;
        if (value > bound || value < -bound - 1)
          return this.refuse('a number too large for its integer column');
        return Number(value);
      }
      case 'long':
        return this.#long(json, source);
      case 'float':
      case 'double':
        return this.#double(json, source, target.name === 'float');
      case 'boolean':
        return this.#boolean(json, source);
      case 'string':
        return this.#string(json, source);
      case 'binary':
        return this.#binary(json);
      case 'date':
        return this.#date(json, source);
      case 'timestamp':
      case 'timestamp_ntz':
        return this.#micros(json, source);
      case 'variant':
      case 'void':
        return this.mismatch(`a column of type ${target.name} cannot be written`);
      default:
        return unreachable(target.name);
    }
  }

  #integer(json: JsonValue): bigint | undefined {
    if (typeof json === 'bigint') return json;
    if (typeof json === 'number' && Number.isSafeInteger(json)) return BigInt(json);
    return this.mismatch(
      typeof json === 'number'
        ? 'a number with a fraction for an integer column'
        : 'a value that is no integer for an integer column',
    );
  }

  #long(json: JsonValue, source: SourceType): Value | undefined {
    const value = this.#integer(json);
    if (value === undefined) return undefined;
    if (!fitsInt64(value)) return this.refuse('an integer beyond 64 bits');
    if (source.kind !== 'time') return value;
    return (
      timeMicros(value, source.unit) ?? this.refuse('a time with nanoseconds for a column of microseconds')
    );
  }

  #double(json: JsonValue, source: SourceType, single: boolean): Value | undefined {
    if (typeof json === 'string') {
      return readSpecialDouble(json) ?? this.mismatch('a text for a floating-point column');
    }
    const value = jsonToDouble(json);
    const text = numberText(json);
    if (value === undefined || text === undefined)
      return this.mismatch('a value that is no number for a floating-point column');
    if (source.kind === 'float') {
      const near = source.bits === 32 || single ? Math.fround(value) : value;
      return Number.isFinite(near) ? near : this.refuse('a number too large for its floating-point column');
    }
    if (!keepsDigits(text, single)) return this.refuse('a number that a floating-point column would round');
    return single ? Math.fround(value) : value;
  }

  #boolean(json: JsonValue, source: SourceType): Value | undefined {
    if (typeof json === 'boolean') return json;
    if (source.kind === 'bit' && typeof json === 'string') {
      const bytes = readBase64(json);
      if (bytes !== undefined && bytes.length <= 1) return ((bytes[0] ?? 0) & 1) === 1;
    } else if (source.kind === 'untyped' || source.kind === 'integer') {
      if (json === 0 || json === 0n) return false;
      if (json === 1 || json === 1n) return true;
    }
    return this.mismatch('a value that is neither true nor false for a boolean column');
  }

  #string(json: JsonValue, source: SourceType): Value | undefined {
    if (source.kind === 'decimal' || source.kind === 'variable-decimal') {
      const number = this.#sourceDecimal(json, source);
      return number === undefined || number === null ? number : formatDecimal(number.unscaled, number.scale);
    }
    if (source.kind === 'time') {
      const count = this.#integer(json);
      return count === undefined ? undefined : formatTime(count, source.unit);
    }
    if (typeof json !== 'string') return this.mismatch('a value that is no text for a text column');
    if (source.kind === 'iso-time') return trimTime(json);
    return LONE_SURROGATE.test(json)
      ? this.refuse('a text with half a surrogate pair, which UTF-8 cannot hold')
      : json;
  }

  #binary(json: JsonValue): Value | undefined {
    const bytes = typeof json === 'string' ? readBase64(json) : undefined;
    return bytes ?? this.mismatch('a value that is no base64 for a binary column');
  }

  #date(json: JsonValue, source: SourceType): Value | undefined {
    if (typeof json === 'string') {
      const days = source.kind === 'untyped' || source.kind === 'iso-date' ? dateOfText(json) : undefined;
      return days === undefined
        ? this.mismatch('a text that is no ISO date for a date column')
        : this.#known(days);
    }
    if (source.kind !== 'untyped' && source.kind !== 'days' && source.kind !== 'integer') {
      return this.mismatch('a value that is no date for a date column');
    }
    const days = this.#integer(json);
    return days === undefined ? undefined : this.#known(dateOfDays(Number(days)));
  }

  #micros(json: JsonValue, source: SourceType): Value | undefined {
    if (source.kind === 'days' || source.kind === 'iso-date') {
      const days = this.#date(json, source);
      return typeof days === 'number' ? this.#known(microsOf(BigInt(days) * 86_400n, 'SECONDS')) : days;
    }
    if (typeof json === 'string') {
      const micros = microsOfText(json);
      return micros === undefined
        ? this.mismatch('a text that is no ISO date and time for a timestamp column')
        : this.#known(micros);
    }
    const count = this.#integer(json);
    if (count === undefined) return undefined;
    const unit = source.kind === 'clock' || source.kind === 'untyped' ? source.unit : undefined;
    if (unit === undefined) {
      return this.mismatch(
        'a number for a timestamp column whose unit is not known: set it in table.<name>.schema',
      );
    }
    return this.#known(microsOf(count, unit));
  }

  #decimal(json: JsonValue, source: SourceType, target: DecimalType): Value | undefined {
    const number = this.#sourceDecimal(json, source);
    if (number === undefined || number === null) return number;
    const unscaled = rescaleDecimal(number.unscaled, number.scale, target.scale);
    if (unscaled === undefined) return this.refuse('a number with more decimal places than its column');
    return fitsDecimal(unscaled, target.precision)
      ? unscaled
      : this.refuse('a number with more digits than its decimal column');
  }

  /** The number as the source has it; null where it is none (NaN, infinities). */
  #sourceDecimal(
    json: JsonValue,
    source: SourceType,
  ): { readonly unscaled: bigint; readonly scale: number } | null | undefined {
    if (source.kind === 'variable-decimal' && isJsonObject(json)) {
      const scale = ownMember(json, 'scale');
      const value = ownMember(json, 'value');
      if (
        typeof scale === 'number' &&
        Number.isInteger(scale) &&
        Math.abs(scale) <= SCALE_MAX &&
        typeof value === 'string'
      ) {
        return this.#twosComplement(value, scale);
      }
      return this.mismatch('a value that is no decimal for a decimal column');
    }
    if (source.kind === 'decimal' && typeof json === 'string')
      return this.#twosComplement(json, source.scale);
    if (isSpecialDecimal(json)) {
      this.outOfRange++;
      return null;
    }
    return readDecimal(json) ?? this.mismatch('a value that is no number for a decimal column');
  }

  #twosComplement(
    base64: string,
    scale: number,
  ): { readonly unscaled: bigint; readonly scale: number } | undefined {
    const bytes = readBase64(base64);
    if (bytes === undefined) return this.mismatch('a decimal that is not base64');
    const unscaled = readTwosComplement(bytes);
    // A negative scale stands for zeros before the point.
    return scale < 0 ? { unscaled: unscaled * 10n ** BigInt(-scale), scale: 0 } : { unscaled, scale };
  }

  #array(json: JsonValue, source: SourceType, element: DataType): Value | undefined {
    if (!isList(json)) return this.mismatch('a value that is no array for an array column');
    const of = source.kind === 'array' ? source.element : UNTYPED;
    const values: Value[] = [];
    for (const item of json) {
      const value = this.convert(item, of, element);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  }

  /** Kafka Connect writes a map with text keys as an object, any other as an array of pairs. */
  #map(json: JsonValue, source: SourceType, key: DataType, value: DataType): Value | undefined {
    const keyOf = source.kind === 'map' ? source.key : UNTYPED;
    const valueOf = source.kind === 'map' ? source.value : UNTYPED;
    const pairs: (readonly [JsonValue, JsonValue])[] = [];
    if (isJsonObject(json)) {
      for (const name of Object.keys(json)) pairs.push([name, ownMember(json, name) ?? null]);
    } else if (isList(json)) {
      for (const pair of json) {
        if (!isList(pair) || pair.length !== 2) return this.mismatch('a map entry that is no pair');
        pairs.push([pair[0] ?? null, pair[1] ?? null]);
      }
    } else {
      return this.mismatch('a value that is no map for a map column');
    }
    const entries: Value[] = [];
    for (const [k, v] of pairs) {
      const keyValue = this.convert(k, keyOf, key);
      const mapped = this.convert(v, valueOf, value);
      if (keyValue === undefined || mapped === undefined) return undefined;
      if (keyValue === null) return this.refuse('a map with a null for a key');
      entries.push([keyValue, mapped]);
    }
    return entries;
  }

  #struct(json: JsonValue, source: SourceType, target: StructType): Value | undefined {
    if (!isJsonObject(json)) return this.mismatch('a value that is no object for a struct column');
    const members: [string, Value][] = [];
    for (const { name, type } of target.fields) {
      const of =
        source.kind === 'struct' ? source.fields.find((field) => field.name === name)?.type : undefined;
      const value = this.convert(ownMember(json, name) ?? null, of ?? UNTYPED, type);
      if (value === undefined) return undefined;
      members.push([name, value]);
    }
    return Object.fromEntries(members);
  }

  #known<T>(value: T | typeof OUT_OF_RANGE): T | null {
    if (value !== OUT_OF_RANGE) return value;
    this.outOfRange++;
    return null;
  }
}

/** Java's `BigDecimal` allows any, a database no more than PostgreSQL's 16383; beyond it is an attack on memory. */
const SCALE_MAX = 100_000;

/** Half of a surrogate pair, which UTF-8 cannot hold. */
const LONE_SURROGATE = /\p{Surrogate}/u;

function isList(json: JsonValue): json is readonly JsonValue[] {
  return Array.isArray(json);
}
