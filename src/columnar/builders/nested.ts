import { List, Map_, makeData, Null, Struct, type Data, type Field } from 'apache-arrow';
import { assert, must } from '../../base/errors.js';
import type { ArrayType, DataType, MapType, StructType, Value } from '../../schema/types.js';
import { arrowType } from '../arrow-types.js';
import { isList, isStruct } from '../values.js';
import { CellBuilder, grownCapacity, type ColumnBuilder } from './column-builder.js';

/** Cells that are runs of another column's cells. */
abstract class RunBuilder extends CellBuilder {
  private offsets = new Int32Array(1);

  protected start(): number {
    return this.offsets[this.rows] ?? 0;
  }

  protected close(end: number): void {
    const next = this.rows + 1;
    if (next === this.offsets.length) {
      const grown = new Int32Array(grownCapacity(this.offsets.length, next + 1));
      grown.set(this.offsets);
      this.offsets = grown;
    }
    this.offsets[next] = end;
    this.rows = next;
  }

  protected appendBlank(): void {
    this.close(this.start());
  }

  protected takeOffsets(): Int32Array {
    const offsets = this.offsets.subarray(0, this.rows + 1);
    this.offsets = new Int32Array(1);
    return offsets;
  }
}

/** Cells of `array<…>`: append to `element`, then `endRow`. */
export class ListBuilder extends RunBuilder {
  readonly type: ArrayType;
  readonly element: ColumnBuilder;

  constructor(type: ArrayType, element: ColumnBuilder) {
    super();
    this.type = type;
    this.element = element;
  }

  get bytes(): number {
    return this.element.bytes + this.rows * 4 + this.nullBytes;
  }

  /** Makes one cell of the elements that were appended since the cell before. */
  endRow(): void {
    this.close(this.element.length);
  }

  append(value: Value): void {
    if (value === null) return this.appendNull();
    if (!isList(value)) return this.refuse(value);
    for (const item of value) this.element.append(item);
    this.endRow();
  }

  override truncate(rows: number): void {
    super.truncate(rows);
    this.element.truncate(this.start());
  }

  finish(): Data {
    const type = arrowType(this.type);
    assert(type instanceof List, 'an array column is a list');
    const valueOffsets = this.takeOffsets();
    return makeData({ type, valueOffsets, child: this.element.finish(), ...this.takeCells() });
  }
}

/** Cells of `map<…>`: append to `keys` and `values` alike, then `endRow`. */
export class MapBuilder extends RunBuilder {
  readonly type: MapType;
  readonly keys: ColumnBuilder;
  readonly values: ColumnBuilder;

  constructor(type: MapType, keys: ColumnBuilder, values: ColumnBuilder) {
    super();
    this.type = type;
    this.keys = keys;
    this.values = values;
  }

  get bytes(): number {
    return this.keys.bytes + this.values.bytes + this.rows * 4 + this.nullBytes;
  }

  /** Makes one cell of the entries that were appended since the cell before. */
  endRow(): void {
    assert(this.keys.length === this.values.length, 'a map has as many keys as values');
    this.close(this.keys.length);
  }

  append(value: Value): void {
    if (value === null) return this.appendNull();
    if (!isList(value)) return this.refuse(value);
    for (const entry of value) {
      if (!isList(entry)) return this.refuse(entry);
      this.keys.append(entry[0] ?? null);
      this.values.append(entry[1] ?? null);
    }
    this.endRow();
  }

  override truncate(rows: number): void {
    super.truncate(rows);
    this.keys.truncate(this.start());
    this.values.truncate(this.start());
  }

  finish(): Data {
    const type = arrowType(this.type);
    assert(type instanceof Map_, 'a map column is a map');
    const valueOffsets = this.takeOffsets();
    const length = this.keys.length;
    const child = makeData({
      type: new Struct(type.childType.children),
      length,
      nullCount: 0,
      children: [this.keys.finish(), this.values.finish()],
    });
    return makeData({ type, valueOffsets, child, ...this.takeCells() });
  }
}

/** Cells of `struct<…>`: append to each field, then `endRow`. */
export class StructBuilder extends CellBuilder {
  readonly type: DataType;
  private readonly struct: StructType;
  private readonly children: readonly ColumnBuilder[];
  private readonly arrowFields: Field[];

  /** `type` is what the column is called, `struct` what it consists of: a variant is a struct of two binaries. */
  constructor(struct: StructType, children: readonly ColumnBuilder[], type: DataType = struct) {
    super();
    this.type = type;
    this.struct = struct;
    this.children = children;
    this.arrowFields = arrowType(type).children ?? [];
  }

  get bytes(): number {
    return this.children.reduce((sum, child) => sum + child.bytes, this.nullBytes);
  }

  field(index: number): ColumnBuilder {
    return must(this.children[index], 'field of a struct column');
  }

  /** Makes one cell of what was appended to the fields. */
  endRow(): void {
    const row = ++this.rows;
    for (const child of this.children)
      assert(child.length === row, 'each field of a struct has one cell a row');
  }

  append(value: Value): void {
    if (value === null) return this.appendNull();
    if (!isStruct(value)) return this.refuse(value);
    for (let index = 0; index < this.children.length; index++) {
      const name = this.struct.fields[index]?.name ?? '';
      this.children[index]?.append(Object.hasOwn(value, name) ? (value[name] ?? null) : null);
    }
    this.endRow();
  }

  override truncate(rows: number): void {
    super.truncate(rows);
    for (const child of this.children) child.truncate(rows);
  }

  finish(): Data {
    const children = this.children.map((child) => child.finish());
    return makeData({ type: new Struct(this.arrowFields), children, ...this.takeCells() });
  }

  protected appendBlank(): void {
    for (const child of this.children) child.appendNull();
    this.rows++;
  }
}

/** Cells of `void`: all of them null. */
export class VoidBuilder extends CellBuilder {
  readonly type: DataType = { kind: 'primitive', name: 'void' };

  get bytes(): number {
    return 0;
  }

  append(value: Value): void {
    if (value === null) this.appendNull();
    else this.refuse(value);
  }

  override appendNull(): void {
    this.rows++;
  }

  finish(): Data {
    const { length } = this.takeCells();
    return makeData({ type: new Null(), length });
  }

  protected appendBlank(): void {
    this.rows++;
  }
}
