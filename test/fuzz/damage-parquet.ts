import {
  decodeThrift,
  decodeThriftAt,
  encodeThrift,
  type ThriftStruct,
  type ThriftValue,
} from '../../src/columnar/thrift.js';
import { damageBytes, flip, joined, type Damaged } from './damage-bytes.js';
import type { Dice } from './dice.js';

/** Where something of a Parquet file lies in it. */
type Place = { readonly from: number; readonly to: number };

/** What the bytes of a damaged page still promise. */
export type PageDamage = Damaged & { readonly kind: 'body' | 'header' | 'bodyWithoutChecksum' };

/** Damages the footer: its bytes, its length, or one of its numbers, names and lists. */
export function damageFooter(bytes: Uint8Array, dice: Dice): Damaged {
  const { from, to } = footerOf(bytes);
  if (dice.chance(0.15)) return damageBytes(bytes, dice);
  if (dice.chance(0.1)) return damageBytes(bytes, dice, to, bytes.length);
  if (dice.chance(0.25)) return damageBytes(bytes, dice, from, to);
  const changes: string[] = [];
  let footer: ThriftStruct = decodeThrift(bytes.subarray(from, to));
  for (let times = dice.pick([1, 1, 2, 3]); times > 0; times--)
    footer = changedStruct(footer, dice, '', changes);
  const encoded = encodeThrift(footer);
  // Reading a footer of a hundred megabytes takes its time, and rightly so.
  if (encoded.length > FOOTER_BYTES_MAX) return damageBytes(bytes, dice, from, to);
  const tail = new Uint8Array(8);
  new DataView(tail.buffer).setUint32(0, encoded.length, true);
  tail.set(Buffer.from('PAR1'), 4);
  return { bytes: joined(bytes.subarray(0, from), encoded, tail), what: `footer ${changes.join(' and ')}` };
}

const FOOTER_BYTES_MAX = 2 ** 22;

/** Flips bits in a page's header or in what follows it; lengths stay. */
export function damagePage(bytes: Uint8Array, dice: Dice): PageDamage {
  const pages = pagesOf(bytes);
  const { header, body, hasChecksum } = dice.pick(pages);
  if (dice.chance(0.4) || body.from >= body.to)
    return { ...changedHeader(bytes, header, dice), kind: 'header' };
  const damaged = flip(bytes, dice, body.from, body.to);
  return {
    ...damaged,
    what: `page at ${header.from}: ${damaged.what}`,
    kind: hasChecksum ? 'body' : 'bodyWithoutChecksum',
  };
}

function changedHeader(bytes: Uint8Array, { from, to }: Place, dice: Dice): Damaged {
  const changes: string[] = [];
  const changed = encodeThrift(changedStruct(decodeThriftAt(bytes, from).struct, dice, '', changes));
  // What stands behind it stays where it is: only a header of the same length can be told from a shifted column.
  if (changed.length !== to - from || dice.chance(0.3)) {
    const { bytes: flipped, what } = flip(bytes, dice, from, to);
    return { bytes: flipped, what: `page header at ${from}: ${what}` };
  }
  const copy = bytes.slice();
  copy.set(changed, from);
  return { bytes: copy, what: `page header at ${from} ${changes.join(' and ')}` };
}

function footerOf(bytes: Uint8Array): Place {
  const to = bytes.length - 8;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(to, true);
  return { from: to - length, to };
}

type Page = { readonly header: Place; readonly body: Place; readonly hasChecksum: boolean };

/** The pages of all column chunks, as the undamaged file has them. */
function pagesOf(bytes: Uint8Array): Page[] {
  const { from, to } = footerOf(bytes);
  const footer = decodeThrift(bytes.subarray(from, to));
  return items(footer.get(4)?.value).flatMap((group) =>
    items(structOf(group).get(1)?.value).flatMap((chunk) => {
      const meta = structOf(structOf(chunk).get(3)?.value);
      const data = Number(meta.get(9)?.value);
      const dictionary = Number(meta.get(11)?.value ?? 0);
      const start = dictionary > 0 ? Math.min(dictionary, data) : data;
      return pagesBetween(bytes, start, start + Number(meta.get(7)?.value));
    }),
  );
}

function pagesBetween(bytes: Uint8Array, start: number, end: number): Page[] {
  const pages: Page[] = [];
  for (let at = start; at < end;) {
    const { struct, end: body } = decodeThriftAt(bytes, at);
    const next = body + Number(struct.get(3)?.value);
    pages.push({
      header: { from: at, to: body },
      body: { from: body, to: next },
      hasChecksum: struct.has(4),
    });
    at = next;
  }
  return pages;
}

function structOf(value: ThriftValue | undefined): ThriftStruct {
  if (value instanceof Map) return value;
  throw new TypeError('no struct');
}

function items(value: ThriftValue | undefined): readonly ThriftValue[] {
  return typeof value === 'object' && 'items' in value ? value.items : [];
}

function changedStruct(struct: ThriftStruct, dice: Dice, path: string, changes: string[]): ThriftStruct {
  const ids = [...struct.keys()];
  if (ids.length === 0) return struct;
  const id = dice.pick(ids);
  const field = struct.get(id);
  if (field === undefined) return struct;
  const copy = new Map(struct);
  if (dice.chance(0.06)) {
    copy.delete(id);
    changes.push(`${path}.${id} removed`);
  } else {
    copy.set(id, { wire: field.wire, value: changedValue(field.value, dice, `${path}.${id}`, changes) });
  }
  return copy;
}

function changedValue(value: ThriftValue, dice: Dice, path: string, changes: string[]): ThriftValue {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number' || typeof value === 'bigint')
    return changedNumber(value, dice, path, changes);
  if (value instanceof Uint8Array) {
    const { bytes, what } = damageBytes(value, dice);
    changes.push(`${path} ${what}`);
    return bytes;
  }
  if (!('items' in value)) return changedStruct(value, dice, path, changes);
  if (value.items.length === 0) return value;
  const at = dice.int(0, value.items.length);
  const item = value.items[at];
  if (item === undefined) return value;
  if (dice.chance(0.85))
    return { ...value, items: value.items.with(at, changedValue(item, dice, `${path}[${at}]`, changes)) };
  changes.push(`${path}[${at}] removed or repeated`);
  const copies = Array.from({ length: dice.pick([0, 2, 40, 5_000]) }, () => item);
  return { ...value, items: value.items.toSpliced(at, 1, ...copies) };
}

function changedNumber(value: number | bigint, dice: Dice, path: string, changes: string[]): number | bigint {
  const changed = dice.pick<number | bigint>([
    0,
    1,
    -1,
    2,
    3,
    7,
    Number(value) + 1,
    Number(value) - 1,
    Number(value) * 2,
    Number(value) * 1_000,
    127,
    128,
    65_536,
    2 ** 24,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 + 8,
    2n ** 62n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ]);
  changes.push(`${path} ${value} = ${changed}`);
  return changed;
}
