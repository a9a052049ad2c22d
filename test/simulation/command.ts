import { parseArgs } from 'node:util';
import { KINDS, type Kind } from './kinds.js';
import type { PlanChanges } from './plan.js';

/** What the command line asks for. */
export type Command = {
  readonly from: number;
  readonly seeds: number;
  /** This seed alone. */
  readonly seed: number | undefined;
  readonly trace: boolean;
  readonly workers: number | undefined;
  readonly changes: PlanChanges;
};

/** Reads the command line; throws with words for people. */
export function commandOf(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      workers: { type: 'string' },
      with: { type: 'string' },
      without: { type: 'string' },
      only: { type: 'string' },
      transactions: { type: 'string' },
    },
  });
  const { transactions } = values;
  return {
    from: count('from', values.from),
    seeds: count('seeds', values.seeds),
    seed: values.seed === undefined ? undefined : count('seed', values.seed),
    trace: values.trace,
    workers: values.workers === undefined ? undefined : count('workers', values.workers),
    changes: {
      ...(values.with === undefined ? {} : { with: kindsIn(values.with) }),
      ...(values.without === undefined ? {} : { without: kindsIn(values.without) }),
      ...(values.only === undefined ? {} : { only: kindsIn(values.only) }),
      ...(transactions === undefined ? {} : { transactions: count('transactions', transactions) }),
    },
  };
}

/** The changes as they are typed. */
export function typed({ with: also, without, only, transactions }: PlanChanges): string {
  const parts = [
    also === undefined ? '' : ` --with ${also.join()}`,
    without === undefined ? '' : ` --without ${without.join()}`,
    only === undefined ? '' : ` --only ${only.join()}`,
    transactions === undefined ? '' : ` --transactions ${transactions}`,
  ];
  return parts.join('');
}

function count(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`--${name} wants a whole number, not ${text}`);
}

function kindsIn(text: string): readonly Kind[] {
  return text.split(',').map((name) => {
    const kind = KINDS.find((one) => one === name);
    if (kind !== undefined) return kind;
    throw new Error(`no kind ${name}; there are ${KINDS.join(', ')}`);
  });
}
