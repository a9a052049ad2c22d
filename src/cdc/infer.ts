import { unreachable } from '../base/errors.js';
import { array, BOOLEAN, DOUBLE, field, LONG, STRING, struct } from '../schema/build.js';
import type { DataType, StructField } from '../schema/types.js';
import type { RecordProblem } from './changes.js';
import { fitsInt64, keepsDigits, readSpecialDouble } from './convert/numbers.js';
import {
  BRACE_OPEN,
  BRACKET_CLOSE,
  BRACKET_OPEN,
  COMMA,
  isIntegerToken,
  isNull,
  QUOTE,
  skipSpace,
  skipValue,
} from './json/scan.js';
import { eachMember, readString } from './json/shapes.js';

/** Types nested deeper than this are refused: no table of a database has a tenth of it, and each level is a level of the file's schema. */
const DEPTH_MAX = 64;

/**
 * The type of a column, found from its values where nobody says it. Careful: digits are never lost, and what is
 * not plain is not guessed.
 *
 * - Integers are LONG; one beyond 64 bits is a problem.
 * - Numbers with fraction or exponent are DOUBLE, if a double gives back the same digits; else a problem. With
 *   integers among them still DOUBLE, if each integer fits exactly; `"NaN"`, `"Infinity"` and `"-Infinity"`
 *   among numbers are numbers.
 * - Texts are STRING, whatever they look like: dates, decimals, base64 stay text.
 * - `true` and `false` are BOOLEAN.
 * - Arrays are ARRAY of what their elements are, objects STRUCT of what their members are.
 * - Only nulls, empty arrays and empty objects: no type yet.
 * - Values of two kinds in one column are a problem.
 */
export class TypeGuess {
  #kind: 'none' | 'number' | 'text' | 'boolean' | 'array' | 'object' = 'none';
  #fraction = false;
  #inexact = false;
  /** Only words for special doubles so far: a number if numbers come, else text. */
  #special = false;
  #element: TypeGuess | undefined;
  readonly #members = new Map<string, TypeGuess>();

  /** Takes in the value token `[from, upTo)`. A problem: it fits no type, or not the values before it. */
  add(bytes: Buffer, from: number, upTo: number, depth = 0): RecordProblem | undefined {
    if (depth > DEPTH_MAX) return { kind: 'schema', reason: 'a value nested too deeply for a column' };
    switch (bytes[from] ?? 0) {
      case QUOTE:
        return this.#text(bytes, from, upTo);
      case BRACKET_OPEN:
        return this.#is('array') ?? this.#elements(bytes, from, depth);
      case BRACE_OPEN:
        return this.#is('object') ?? this.#object(bytes, from, depth);
      case 0x74:
      case 0x66:
        return this.#is('boolean');
      default:
        return isNull(bytes, from) ? undefined : this.#number(bytes, from, upTo);
    }
  }

  /** What the values so far need; undefined if none of them says anything. */
  type(): DataType | undefined {
    switch (this.#kind) {
      case 'none':
        return this.#special ? STRING : undefined;
      case 'number':
        return this.#fraction || this.#special ? DOUBLE : LONG;
      case 'text':
        return STRING;
      case 'boolean':
        return BOOLEAN;
      case 'array': {
        const element = this.#element?.type();
        return element === undefined ? undefined : array(element);
      }
      case 'object': {
        const fields: StructField[] = [];
        for (const [name, guess] of this.#members) {
          const type = guess.type();
          if (type !== undefined) fields.push(field(name, type));
        }
        return fields.length === 0 ? undefined : struct(fields);
      }
      default:
        return unreachable(this.#kind);
    }
  }

  #text(bytes: Buffer, from: number, upTo: number): RecordProblem | undefined {
    const text = upTo - from <= SPECIAL_MAX ? readString(bytes, from, upTo) : undefined;
    if (text === undefined || readSpecialDouble(text) === undefined) return this.#is('text');
    if (this.#kind === 'text') return undefined;
    if (this.#kind !== 'none' && this.#kind !== 'number') return CONFLICT;
    this.#special = true;
    return this.#inexact ? INEXACT : undefined;
  }

  #number(bytes: Buffer, from: number, upTo: number): RecordProblem | undefined {
    const clash = this.#is('number');
    if (clash !== undefined) return clash;
    const literal = bytes.toString('latin1', from, upTo);
    if (isIntegerToken(bytes, from, upTo)) {
      if (Number.isSafeInteger(Number(literal))) return undefined;
      if (!fitsInt64(BigInt(literal))) return { kind: 'value', reason: 'an integer beyond 64 bits' };
      this.#inexact ||= !keepsDigits(literal, false);
    } else {
      if (!keepsDigits(literal, false)) {
        return {
          kind: 'value',
          reason:
            'a number that would lose digits as a double: give the column a type in table.<name>.schema',
        };
      }
      this.#fraction = true;
    }
    return this.#inexact && (this.#fraction || this.#special) ? INEXACT : undefined;
  }

  #elements(bytes: Buffer, at: number, depth: number): RecordProblem | undefined {
    const element = (this.#element ??= new TypeGuess());
    let p = skipSpace(bytes, at + 1);
    if (bytes[p] === BRACKET_CLOSE) return undefined;
    for (;;) {
      const end = skipValue(bytes, p);
      if (end < 0) return NOT_JSON;
      const problem = element.add(bytes, p, end, depth + 1);
      if (problem !== undefined) return problem;
      p = skipSpace(bytes, end);
      if (bytes[p] === BRACKET_CLOSE) return undefined;
      if (bytes[p] !== COMMA) return NOT_JSON;
      p = skipSpace(bytes, p + 1);
    }
  }

  #object(bytes: Buffer, at: number, depth: number): RecordProblem | undefined {
    let problem: RecordProblem | undefined;
    const end = eachMember(bytes, at, (from, upTo, value, valueEnd) => {
      const name = readString(bytes, from, upTo);
      if (problem !== undefined) return;
      if (name === undefined) {
        problem = NOT_JSON;
        return;
      }
      let guess = this.#members.get(name);
      if (guess === undefined) {
        guess = new TypeGuess();
        this.#members.set(name, guess);
      }
      problem = guess.add(bytes, value, valueEnd, depth + 1);
    });
    return end < 0 ? NOT_JSON : problem;
  }

  #is(kind: 'number' | 'text' | 'boolean' | 'array' | 'object'): RecordProblem | undefined {
    if (this.#kind === kind) return undefined;
    if (this.#kind !== 'none') return CONFLICT;
    if (this.#special && kind !== 'number' && kind !== 'text') return CONFLICT;
    if (kind === 'text') this.#special = false;
    this.#kind = kind;
    return undefined;
  }
}

/**
 * The type for a column that is known, given what its new values look like: the known type, with the members that
 * structs gain.
 */
export function withGuess(known: DataType, guess: DataType | undefined): DataType {
  if (guess === undefined) return known;
  if (known.kind === 'array' && guess.kind === 'array') {
    return { ...known, element: withGuess(known.element, guess.element) };
  }
  if (known.kind !== 'struct' || guess.kind !== 'struct') return known;
  const fields = known.fields.map((had) => {
    const seen = guess.fields.find(({ name }) => name === had.name);
    return { ...had, type: withGuess(had.type, seen?.type) };
  });
  const added = guess.fields.filter(({ name }) => !known.fields.some((had) => had.name === name));
  return struct([...fields, ...added]);
}

const SPECIAL_MAX = '"-Infinity"'.length;
const NOT_JSON: RecordProblem = { kind: 'json', reason: 'a value that is not JSON' };
const CONFLICT: RecordProblem = { kind: 'schema', reason: 'values of different kinds in one column' };
const INEXACT: RecordProblem = {
  kind: 'value',
  reason:
    'integers that a double would round, in a column with fractions: give it a type in table.<name>.schema',
};
