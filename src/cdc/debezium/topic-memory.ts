import type { Origin } from '../changes.js';
import { HalfBook } from '../json/halves.js';
import { ShapeBook } from '../json/shapes.js';
import {
  parseEnvelopeSchema,
  parseStructSchema,
  type EnvelopeSchema,
  type SourceField,
} from '../source-type.js';
import type { UnavailableValue } from '../unavailable.js';
import { SourceReader } from './source-reader.js';

/** What was learned from a topic's records so far; it makes reading the next ones cheap and changes no outcome. */
export class TopicMemory {
  readonly values = new HalfBook<EnvelopeSchema>(parseEnvelopeSchema);
  readonly keys = new HalfBook<readonly SourceField[]>(parseStructSchema);
  readonly rows: ShapeBook;
  readonly keyShapes = new ShapeBook();
  readonly source: SourceReader;

  constructor(unavailable: UnavailableValue, origins: Map<string, Origin>) {
    this.rows = new ShapeBook(unavailable);
    this.source = new SourceReader(origins);
  }

  /** Whether so much was learned that starting anew is better than going on: rows without a fixed form. */
  get isFull(): boolean {
    const { values, keys, rows, keyShapes } = this;
    return rows.size + keyShapes.size > SHAPES_MAX || values.size + keys.size > SCHEMAS_MAX;
  }
}

/** A topic of many tables has hundreds; each costs about a kilobyte. */
const SHAPES_MAX = 10_000;
/** Each change of a table's schema makes one, of some kilobytes. */
const SCHEMAS_MAX = 2_000;
