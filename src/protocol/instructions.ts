import { SluiceError } from '../base/errors.js';
import { supportedFeatures } from './features.js';

/** Properties as a user gives them, parted into what the table keeps and what its protocol must support. */
export type Instructed = {
  readonly configuration: Readonly<Record<string, string>>;
  readonly features: readonly string[];
};

const FEATURE = 'delta.feature.';
const MIN_READER = 'delta.minReaderVersion';
const MIN_WRITER = 'delta.minWriterVersion';
const IGNORE_DEFAULTS = 'delta.ignoreProtocolDefaults';

/**
 * Takes out of the properties those that only instruct: `delta.feature.NAME=supported`, and the protocol versions, which
 * stand for the features that they imply. They are never stored. Delta protocol, "Table Features".
 *
 * @throws SluiceError CONFIG_INVALID for another value than these may have
 */
export function takeInstructions(properties: Readonly<Record<string, string>>): Instructed {
  const kept: [string, string][] = [];
  const features = new Set<string>();
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith(FEATURE)) {
      if (!/^(supported|enabled)$/i.test(value.trim())) throw invalid(key, value, 'supported');
      features.add(key.slice(FEATURE.length));
    } else if (key !== MIN_READER && key !== MIN_WRITER && key !== IGNORE_DEFAULTS) {
      kept.push([key, value]);
    }
  }
  const minReaderVersion = versionIn(properties, MIN_READER, 3);
  const minWriterVersion = versionIn(properties, MIN_WRITER, 7);
  for (const name of supportedFeatures({ minReaderVersion, minWriterVersion })) features.add(name);
  return { configuration: Object.fromEntries(kept), features: [...features] };
}

function versionIn(properties: Readonly<Record<string, string>>, key: string, greatest: number): number {
  const text = properties[key]?.trim() ?? '1';
  const version = /^\d$/.test(text) ? Number(text) : 0;
  if (version < 1 || version > greatest) throw invalid(key, text, `a version from 1 to ${greatest}`);
  return version;
}

function invalid(property: string, value: string, wanted: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `the table property ${property} is not ${wanted}`, {
    context: { property, value },
    hint: `Set ${property} to ${wanted}.`,
  });
}
