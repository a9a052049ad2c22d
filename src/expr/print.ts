import { unreachable } from '../base/errors.js';
import { formatDate, formatDecimal, formatTimestampMicros } from '../schema/text-values.js';
import { formatType } from '../schema/type-text.js';
import type { DataType, Value } from '../schema/types.js';
import type { Expr, Interval } from './ast.js';
import { formatFloating } from './floating-text.js';
import { scalarName } from './types.js';

/**
 * The expression as Spark SQL reads it, which `parseExpression` reads back to the same: brackets around every part that is
 * made of others, names in backticks where they need them.
 */
export function formatExpression(expr: Expr): string {
  switch (expr.kind) {
    case 'literal':
      return literalText(expr.type, expr.value);
    case 'interval':
      return intervalText(expr);
    case 'column':
      return expr.path.map(nameText).join('.');
    case 'compare':
    case 'arithmetic':
      return `(${formatExpression(expr.left)} ${expr.op} ${formatExpression(expr.right)})`;
    case 'and':
    case 'or':
      // One item alone is how IS UNKNOWN asks for a condition.
      return `(${expr.items.map(formatExpression).join(` ${expr.kind.toUpperCase()} `)})`;
    case 'not':
      return `(NOT ${formatExpression(expr.of)})`;
    case 'isNull':
      if (expr.of.kind === 'or' && expr.of.items.length === 1) {
        return `(${expr.of.items.map(formatExpression).join('')} IS UNKNOWN)`;
      }
      return `(${formatExpression(expr.of)} IS NULL)`;
    case 'negate':
      return `(- ${behindMinus(formatExpression(expr.of))})`;
    case 'bitNot':
      return `(~ ${formatExpression(expr.of)})`;
    case 'in':
      return `(${formatExpression(expr.of)} IN (${expr.list.map(formatExpression).join(', ')}))`;
    case 'like': {
      const word = expr.ignoreCase ? 'ILIKE' : 'LIKE';
      const escape = expr.escape === '\\' ? '' : ` ESCAPE ${textLiteral(expr.escape)}`;
      return `(${formatExpression(expr.of)} ${word} ${formatExpression(expr.pattern)}${escape})`;
    }
    case 'cast':
      return `CAST(${formatExpression(expr.of)} AS ${formatType(expr.type)})`;
    case 'tryCast':
      return `TRY_CAST(${formatExpression(expr.of)} AS ${formatType(expr.type)})`;
    case 'call':
      return callText(expr);
    case 'case': {
      const branches = expr.branches.map(
        ({ when, result }) => ` WHEN ${formatExpression(when)} THEN ${formatExpression(result)}`,
      );
      const otherwise = expr.otherwise === undefined ? '' : ` ELSE ${formatExpression(expr.otherwise)}`;
      return `CASE${branches.join('')}${otherwise} END`;
    }
    case 'item':
      return `${formatExpression(expr.of)}[${formatExpression(expr.key)}]`;
    case 'field':
      return `(${formatExpression(expr.of)}).${nameText(expr.name)}`;
    default:
      return unreachable(expr);
  }
}

/** Calls that have words between their arguments are written so: their names mean no such call otherwise. */
function callText({ name, args }: Expr & { kind: 'call' }): string {
  const texts = args.map(formatExpression);
  const [first, side] = args;
  if (name === 'extract' && first?.kind === 'literal' && typeof first.value === 'string') {
    return `extract(${nameText(first.value)} FROM ${texts[1] ?? ''})`;
  }
  if (name === 'trim' && args.length > 1 && side?.kind === 'literal' && typeof side.value === 'string') {
    const set = args.length === 3 ? ` ${texts[2]}` : '';
    return `trim(${side.value.toUpperCase()}${set} FROM ${texts[0]})`;
  }
  if (/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) return `${name}(${texts.join(', ')})`;
  return `\`${name}\`(${texts.join(', ')})`;
}

/** Words that mean something of their own where a column could stand. */
const WORDS = new Set(
  `and or not in between like ilike rlike regexp escape is null true false cast try_cast as distinct from case when then
   else end select where div interval current_date current_timestamp localtimestamp`.split(/\s+/),
);

function nameText(name: string): string {
  const plain = /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) && !WORDS.has(name.toLowerCase());
  return plain ? name : `\`${name.replaceAll('`', '``')}\``;
}

function literalText(type: DataType, value: Value): string {
  if (value === null) return scalarName(type) === 'void' ? 'NULL' : `CAST(NULL AS ${formatType(type)})`;
  if (type.kind === 'decimal')
    return `${formatDecimal(typeof value === 'bigint' ? value : 0n, type.scale)}BD`;
  switch (scalarName(type)) {
    case 'boolean':
      return value === true ? 'TRUE' : 'FALSE';
    case 'byte':
      return `${String(value)}Y`;
    case 'short':
      return `${String(value)}S`;
    case 'long':
      return `${String(value)}L`;
    case 'float':
      return floatingText(Number(value), true);
    case 'double':
      return floatingText(Number(value), false);
    case 'string':
      return textLiteral(String(value));
    case 'binary':
      return `X'${value instanceof Uint8Array ? Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('') : ''}'`;
    case 'date':
      return `DATE '${formatDate(Number(value)).replace(/^\+0*/, '+')}'`;
    case 'timestamp':
      return `TIMESTAMP '${timeText(value)}Z'`;
    case 'timestamp_ntz':
      return `TIMESTAMP_NTZ '${timeText(value)}'`;
    default:
      return String(value);
  }
}

/** Digits right behind a minus sign would be read as one literal. */
function behindMinus(text: string): string {
  return /^[\d.]/.test(text) ? `(${text})` : text;
}

function timeText(value: Value): string {
  return formatTimestampMicros(typeof value === 'bigint' ? value : 0n, false).replace(/^\+0*/, '+');
}

function floatingText(value: number, single: boolean): string {
  if (Number.isFinite(value)) return `${formatFloating(value, single)}${single ? 'F' : 'D'}`;
  const text = Number.isNaN(value) ? 'NaN' : value < 0 ? '-Infinity' : 'Infinity';
  return `CAST('${text}' AS ${single ? 'float' : 'double'})`;
}

function textLiteral(text: string): string {
  const escaped = Array.from(text, (unit) => ESCAPES[unit] ?? unit).join('');
  return `'${escaped}'`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '\0': '\\0',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\u001a': '\\Z',
};

function intervalText({ months, days, micros }: Interval): string {
  if (months !== 0) return `INTERVAL '${months}' MONTH`;
  if (micros === 0n) return `INTERVAL '${days}' DAY`;
  return `INTERVAL '${days} days ${micros} microseconds'`;
}
