import { InvariantError } from '../base/errors.js';
import { evaluator } from './evaluate.js';
import { partsOf, type Typed } from './typed.js';

/** A part that reads no column as the literal that it comes to, and conditions without what decides nothing in them. */
export function folded(typed: Typed): Typed {
  if (typed.kind === 'literal' || typed.kind === 'column') return typed;
  if (typed.kind === 'and' || typed.kind === 'or') return foldedJunction(typed);
  if (!partsOf(typed).every((part) => part.kind === 'literal')) return typed;
  return { kind: 'literal', type: typed.type, value: evaluator(typed)(noColumn) };
}

function foldedJunction(typed: Typed & { readonly kind: 'and' | 'or' }): Typed {
  const decisive = typed.kind === 'or';
  const { type } = typed;
  // A part of the same kind is none of its own.
  const parts = typed.items.flatMap((item) => (item.kind === typed.kind ? item.items : [item]));
  const items = parts.filter((item) => item.kind !== 'literal' || item.value !== !decisive);
  if (items.some((item) => item.kind === 'literal' && item.value === decisive)) {
    return { kind: 'literal', type, value: decisive };
  }
  if (items.every((item) => item.kind === 'literal')) {
    return { kind: 'literal', type, value: items.length === 0 ? !decisive : null };
  }
  const [only] = items;
  return only !== undefined && items.length === 1 ? only : { kind: typed.kind, type, items };
}

function noColumn(index: number): never {
  throw new InvariantError(`a literal reads column ${index}`);
}
