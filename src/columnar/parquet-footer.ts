import {
  decodeThrift,
  encodeThrift,
  Wire,
  type ThriftList,
  type ThriftStruct,
  type ThriftValue,
} from './thrift.js';

/** A run of bytes: from `start` up to `end`. */
export type ByteRange = { readonly start: number; readonly end: number };

export type FooterColumn = {
  readonly name: string;
  /** Whether any of its leaves is an INT96, the timestamp of older writers. */
  readonly int96: boolean;
};

/** The bytes of a column chunk, and what the footer says of them. */
export type ChunkRange = ByteRange & {
  readonly rows: number;
  readonly values: number;
  /** Apache Parquet's `CompressionCodec`. */
  readonly codec: number;
  /** Whether a row has one value, null included: not so below lists and maps. */
  readonly flat: boolean;
  /** Bytes of each value where all have the same; 0 otherwise. */
  readonly width: number;
};

/** A part of a file that can stand as a file of its own. */
export type Excerpt = {
  /** The bytes to copy out of the file, in order. */
  readonly ranges: readonly ChunkRange[];
  /** The footer of a file that holds `PAR1` and then exactly those bytes. */
  readonly footer: Uint8Array;
};

/** Field ids of Apache Parquet's `parquet.thrift`. */
const File = { schema: 2, rows: 3, groups: 4, keyValues: 5, orders: 7 } as const;
const Element = { type: 1, width: 2, repetition: 3, name: 4, children: 5 } as const;
const Group = { columns: 1, rows: 3, sorting: 4, fileOffset: 5 } as const;
const Chunk = { filePath: 1, fileOffset: 2, meta: 3, indexes: [4, 5, 6, 7] } as const;
const Meta = {
  codec: 4,
  values: 5,
  uncompressed: 6,
  compressed: 7,
  dataPage: 9,
  indexPage: 10,
  dictionaryPage: 11,
  statistics: 12,
  blooms: [14, 15],
} as const;
const REPEATED = 2;
const INT96 = 3;
const FIXED = 7;
/** As many rows as an Arrow array can have. */
const GROUP_ROWS_MAX = 2 ** 31 - 1;

/** A column that holds values: its place among the column chunks, and its own part of the schema. */
export type LeafColumn = { readonly leaf: number; readonly element: ThriftStruct };

/** The footer of a Parquet file, and how to cut the file down to some of its columns and row groups. */
export class ParquetFooter {
  readonly columns: readonly FooterColumn[];
  /** Rows of each row group. */
  readonly groupRows: readonly number[];
  private readonly file: ThriftStruct;
  private readonly groups: readonly ThriftStruct[];
  private readonly subtrees: readonly Subtree[];

  /** Throws RangeError or SyntaxError if the bytes are no footer. */
  constructor(bytes: Uint8Array) {
    this.file = decodeThrift(bytes);
    const schema = structs(this.file, File.schema);
    this.subtrees = topLevel(schema);
    this.columns = this.subtrees.map(({ elements }) => ({
      name: nameOf(elements[0]),
      int96: elements.some((element) => element.get(Element.type)?.value === INT96),
    }));
    this.groups = this.file.has(File.groups) ? structs(this.file, File.groups) : [];
    this.groupRows = this.groups.map((group) => {
      const rows = integer(group, Group.rows);
      if (rows > GROUP_ROWS_MAX) throw new RangeError('a row group with more rows than can be');
      return rows;
    });
  }

  /** The bytes of all column chunks together. */
  get chunkBytes(): number {
    return this.groups
      .flatMap((group) => structs(group, Group.columns))
      .reduce((sum, chunk) => sum + integer(asStruct(chunk.get(Chunk.meta)?.value), Meta.compressed), 0);
  }

  /** The rows of a group, once it is known that each of its columns has as many. */
  checkedRows(group: number): number {
    const rows = entry(this.groupRows, group);
    const chunks = structs(entry(this.groups, group), Group.columns);
    const leaves = this.subtrees.flatMap(leavesOf);
    for (const [index, leaf] of leaves.entries()) chunkRange(entry(chunks, index), leaf, rows);
    return rows;
  }

  /**
   * What a file with only the given top-level columns and row groups would consist of. Column indexes, bloom filters and
   * the writer's own notes are left out, so that columns come back in the types that the Parquet schema itself gives.
   *
   * @param leaveOut - fields of top-level structs to do without; a struct keeps one at least
   */
  excerpt(
    columns: readonly number[],
    groups: readonly number[],
    keyValues: ReadonlyMap<string, string>,
    leaveOut: LeaveOut = () => false,
  ): Excerpt {
    const kept = this.subtrees
      .filter((_, index) => columns.includes(index))
      .map((subtree) => pruned(subtree, leaveOut));
    const leaves = kept.flatMap((subtree) => subtree.kept);
    const ranges: ChunkRange[] = [];
    let at = MAGIC_BYTES;
    const moved = groups.map((index) => {
      const group = entry(this.groups, index);
      const chunks = structs(group, Group.columns);
      const start = at;
      const cut = leaves.map((leaf) => {
        const chunk = entry(chunks, leaf.leaf);
        const range = chunkRange(chunk, leaf, entry(this.groupRows, index));
        ranges.push(range);
        const shifted = moveChunk(chunk, at - range.start);
        at += range.end - range.start;
        return shifted;
      });
      const changed = new Map(group).set(Group.columns, structList(cut));
      changed.delete(Group.sorting);
      if (changed.has(Group.fileOffset)) changed.set(Group.fileOffset, i64(start));
      return changed;
    });
    const rows = groups.reduce((sum, index) => sum + (this.groupRows[index] ?? 0), 0);
    const file = new Map(this.file)
      .set(File.schema, structList(this.schemaOf(kept)))
      .set(File.rows, i64(rows))
      .set(File.groups, structList(moved))
      .set(File.keyValues, structList([...keyValues].map(keyValue)));
    const orders = this.file.get(File.orders)?.value;
    if (orders !== undefined) {
      file.set(File.orders, structList(leaves.map(({ leaf }) => asStruct(asList(orders).items[leaf]))));
    }
    return { ranges, footer: encodeThrift(file) };
  }

  /** Bytes of top-level columns of a row group before they were compressed. */
  bytes(group: number, columns: readonly number[]): number {
    const chunks = structs(entry(this.groups, group), Group.columns);
    let sum = 0;
    for (const index of columns) {
      const { leaf, leaves } = entry(this.subtrees, index);
      for (const chunk of chunks.slice(leaf, leaf + leaves))
        sum += integer(asStruct(chunk.get(Chunk.meta)?.value), Meta.uncompressed);
    }
    return sum;
  }

  /** The leaf that the names lead to through structs alone, from the outside in; undefined if they lead to none. */
  leafAt(path: readonly string[]): LeafColumn | undefined {
    const subtree = this.subtrees[this.columns.findIndex(({ name }) => name === path[0])];
    return subtree && leafIn(subtree, path);
  }

  /** The writer's statistics of a leaf in a row group, and whether `min_value` and `max_value` are in a known order. */
  statistics(
    group: number,
    { leaf }: LeafColumn,
  ): { readonly statistics: ThriftStruct | undefined; readonly ordered: boolean } {
    const chunk = entry(structs(entry(this.groups, group), Group.columns), leaf);
    const statistics = asStruct(chunk.get(Chunk.meta)?.value).get(Meta.statistics)?.value;
    const orders = this.file.get(File.orders)?.value;
    const order = orders === undefined ? undefined : asList(orders).items[leaf];
    return {
      statistics: statistics === undefined ? undefined : asStruct(statistics),
      ordered: order !== undefined && asStruct(order).has(1),
    };
  }

  private schemaOf(kept: readonly Pruned[]): ThriftStruct[] {
    const root = new Map(entry(structs(this.file, File.schema), 0));
    root.set(Element.children, { wire: Wire.i32, value: kept.length });
    return [root, ...kept.flatMap(({ elements }) => elements)];
  }
}

/** The letters `PAR1` at both ends of a file. */
export const MAGIC_BYTES = 4;

/** One top-level column: its part of the flattened schema and its leaves' places among the column chunks. */
type Subtree = { readonly elements: readonly ThriftStruct[]; readonly leaf: number; readonly leaves: number };

/** Whether to do without a field of a top-level struct. */
export type LeaveOut = (column: string, field: string) => boolean;

/** A column without some of its fields: what is left of its schema and of its leaves. */
type Pruned = { readonly elements: readonly ThriftStruct[]; readonly kept: readonly Leaf[] };

function pruned(subtree: Subtree, leaveOut: LeaveOut): Pruned {
  const { elements, leaf } = subtree;
  const leaves = leavesOf(subtree);
  const root = entry(elements, 0);
  const children = optionalInteger(root, Element.children) ?? 0;
  const kept: Leaf[] = [];
  const left: ThriftStruct[] = [];
  let fields = 0;
  let next = 1;
  let at = leaf;
  for (let child = 0; child < children; child++) {
    const first = next;
    const firstLeaf = at;
    for (let open = 1; open > 0; open--) {
      const inside = optionalInteger(entry(elements, next++), Element.children) ?? 0;
      if (inside === 0) at++;
      open += inside;
    }
    if (leaveOut(nameOf(root), nameOf(elements[first]))) continue;
    fields++;
    left.push(...elements.slice(first, next));
    kept.push(...leaves.slice(firstLeaf - leaf, at - leaf));
  }
  if (fields === children || fields === 0) return { elements, kept: leaves };
  const shorter = new Map(root).set(Element.children, { wire: Wire.i32, value: fields });
  return { elements: [shorter, ...left], kept };
}

function topLevel(schema: readonly ThriftStruct[]): Subtree[] {
  const count = optionalInteger(entry(schema, 0), Element.children) ?? 0;
  const subtrees: Subtree[] = [];
  let next = 1;
  let leaf = 0;
  for (let column = 0; column < count; column++) {
    const first = next;
    let leaves = 0;
    for (let open = 1; open > 0; open--) {
      const children = optionalInteger(entry(schema, next++), Element.children) ?? 0;
      if (children === 0) leaves++;
      open += children;
    }
    subtrees.push({ elements: schema.slice(first, next), leaf, leaves });
    leaf += leaves;
  }
  return subtrees;
}

function leafIn({ elements, leaf }: Subtree, path: readonly string[]): LeafColumn | undefined {
  let next = 0;
  let at = leaf;
  const skip = (): void => {
    for (let open = 1; open > 0; open--) {
      const children = optionalInteger(entry(elements, next++), Element.children) ?? 0;
      if (children === 0) at++;
      open += children;
    }
  };
  for (let level = 0; ; level++) {
    const element = entry(elements, next);
    if (element.get(Element.repetition)?.value === REPEATED) return undefined;
    const children = optionalInteger(element, Element.children) ?? 0;
    if (level === path.length - 1) return children === 0 ? { leaf: at, element } : undefined;
    next++;
    let child = 0;
    for (; child < children && nameOf(elements[next]) !== path[level + 1]; child++) skip();
    if (child === children) return undefined;
  }
}

type Leaf = LeafColumn & { readonly flat: boolean };

/** The leaves of a column, in their order. */
function leavesOf({ elements, leaf }: Subtree): Leaf[] {
  const leaves: Leaf[] = [];
  let next = 0;
  const visit = (depth: number, above: boolean): void => {
    if (depth > DEPTH_MAX) throw new SyntaxError('columns nested too deeply');
    const element = entry(elements, next++);
    const flat = above && element.get(Element.repetition)?.value !== REPEATED;
    const children = optionalInteger(element, Element.children) ?? 0;
    if (children === 0) leaves.push({ leaf: leaf + leaves.length, element, flat });
    for (let child = 0; child < children; child++) visit(depth + 1, flat);
  };
  visit(0, true);
  return leaves;
}

/** Lists and maps take two levels each; deeper than this no schema of Delta's goes, and every reader recurses. */
const DEPTH_MAX = 400;

function chunkRange(chunk: ThriftStruct, { element, flat }: Leaf, rows: number): ChunkRange {
  if (chunk.has(Chunk.filePath)) throw new SyntaxError('columns in other files');
  const meta = asStruct(chunk.get(Chunk.meta)?.value);
  const data = integer(meta, Meta.dataPage);
  const dictionary = optionalInteger(meta, Meta.dictionaryPage) ?? 0;
  // Some writers put a zero where there is no dictionary page.
  const start = dictionary > 0 ? Math.min(dictionary, data) : data;
  const values = integer(meta, Meta.values);
  if (flat ? values !== rows : values < rows) throw new RangeError(`${values} values for ${rows} rows`);
  const width =
    element.get(Element.type)?.value === FIXED ? (optionalInteger(element, Element.width) ?? 0) : 0;
  return {
    start,
    end: start + integer(meta, Meta.compressed),
    rows,
    values,
    codec: integer(meta, Meta.codec),
    flat,
    width,
  };
}

function moveChunk(chunk: ThriftStruct, by: number): ThriftStruct {
  const meta = new Map(asStruct(chunk.get(Chunk.meta)?.value));
  for (const id of [Meta.dataPage, Meta.indexPage, Meta.dictionaryPage]) {
    const offset = optionalInteger(meta, id) ?? 0;
    if (offset > 0) meta.set(id, i64(offset + by));
  }
  for (const id of Meta.blooms) meta.delete(id);
  const moved = new Map(chunk).set(Chunk.meta, { wire: Wire.struct, value: meta });
  moved.set(Chunk.fileOffset, i64(0));
  for (const id of Chunk.indexes) moved.delete(id);
  return moved;
}

function keyValue([key, value]: readonly [string, string]): ThriftStruct {
  return new Map([
    [1, { wire: Wire.binary, value: Buffer.from(key) }],
    [2, { wire: Wire.binary, value: Buffer.from(value) }],
  ]);
}

function structList(items: readonly ThriftStruct[]): { wire: number; value: ThriftList } {
  return { wire: Wire.list, value: { element: Wire.struct, items } };
}

function i64(value: number): { wire: number; value: number } {
  return { wire: Wire.i64, value };
}

function nameOf(element: ThriftStruct | undefined): string {
  const name = element?.get(Element.name)?.value;
  if (!(name instanceof Uint8Array)) throw new SyntaxError('a column without a name');
  return Buffer.from(name).toString('utf8');
}

function structs(parent: ThriftStruct, id: number): ThriftStruct[] {
  return asList(parent.get(id)?.value).items.map(asStruct);
}

function integer(parent: ThriftStruct, id: number): number {
  const value = optionalInteger(parent, id);
  if (value === undefined) throw new SyntaxError(`field ${id} is missing`);
  return value;
}

/** A number where there is one. */
export function integerIn(parent: ThriftStruct, id: number): number | undefined {
  const value = parent.get(id)?.value;
  return typeof value === 'number' && value >= 0 ? value : undefined;
}

function optionalInteger(parent: ThriftStruct, id: number): number | undefined {
  const value = parent.get(id)?.value;
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || value < 0) throw new SyntaxError(`field ${id} is no count`);
  return value;
}

function asList(value: ThriftValue | undefined): ThriftList {
  if (typeof value === 'object' && 'items' in value) return value;
  throw new SyntaxError('no list where one belongs');
}

/** The struct that a value is. Throws SyntaxError for any other. */
export function asStruct(value: ThriftValue | undefined): ThriftStruct {
  if (typeof value === 'object' && !(value instanceof Uint8Array) && !('items' in value)) return value;
  throw new SyntaxError('no struct where one belongs');
}

function entry<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError('fewer entries than the footer says');
  return item;
}
