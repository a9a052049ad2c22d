import { COLLECTION_FUNCTIONS } from './collections.js';
import type { Arguments, FunctionCall, Resolve } from './define.js';
import { NUMBER_FUNCTIONS } from './numbers.js';
import { TEXT_FUNCTIONS } from './texts.js';
import { TIME_FUNCTIONS } from './times.js';

const FUNCTIONS: ReadonlyMap<string, Resolve> = new Map([
  ...TEXT_FUNCTIONS,
  ...NUMBER_FUNCTIONS,
  ...TIME_FUNCTIONS,
  ...COLLECTION_FUNCTIONS,
]);

export const FUNCTION_NAMES: readonly string[] = [...FUNCTIONS.keys()];

/** The function for these arguments; undefined if there is none of the name or it takes none such. */
export function resolveFunction(name: string, args: Arguments): FunctionCall | undefined {
  return FUNCTIONS.get(name)?.(args);
}
