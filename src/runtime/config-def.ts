import { nearest } from '../base/names.js';
import { SluiceError } from '../base/errors.js';

/** Where a setting came from: shown with every error about it. */
export type Origin = string;

/** A setting as it was found: text, as in Kafka Connect, and where. */
export type Setting = { readonly value: string; readonly origin: Origin };

export type Settings = ReadonlyMap<string, Setting>;

/** One thing wrong with a configuration. */
export type ConfigProblem = {
  readonly key: string;
  readonly value: string | undefined;
  readonly origin: Origin | undefined;
  readonly message: string;
};

/** Reads one value's text; a string that comes back in `problem` says what is allowed. */
export type Reader<T> = (text: string) => { readonly value: T } | { readonly problem: string };

/** One key of a connector's configuration, in the words of Kafka Connect's ConfigDef. */
export type ConfigKey<T> = {
  readonly name: string;
  readonly type: 'STRING' | 'INT' | 'LONG' | 'BOOLEAN' | 'LIST' | 'PASSWORD';
  readonly read: Reader<T>;
  /** Text that stands where nothing is set; undefined: there is no value then. */
  readonly default?: string;
  readonly required?: boolean;
  readonly importance: 'HIGH' | 'MEDIUM' | 'LOW';
  readonly documentation: string;
};

/** Keys that are not known one by one: `table.<name>.insert.mode`, `consumer.override.*`. */
export type ConfigPattern = {
  readonly prefix: string;
  readonly documentation: string;
  /** Why no key of them may be set. */
  readonly refused?: string;
};

/** All keys of a connector and what must hold between them. */
export type ConfigDef = {
  readonly keys: readonly ConfigKey<unknown>[];
  readonly patterns: readonly ConfigPattern[];
};

/**
 * A configuration read against its definition. `get` gives a key's value or its default; every problem that came up
 * on the way is in `problems`, so that a user sees all of them at once.
 */
export class ReadConfig {
  readonly settings: Settings;
  readonly problems: ConfigProblem[] = [];

  constructor(definition: ConfigDef, settings: Settings) {
    this.settings = settings;
    for (const key of definition.keys) this.#check(key);
    for (const [name, setting] of settings) this.#refuseUnknown(definition, name, setting);
  }

  /** The value of a key, its default, or undefined where there is neither or the text is wrong (a problem then). */
  get<T>(key: ConfigKey<T>): T | undefined {
    const text = this.settings.get(key.name)?.value ?? key.default;
    if (text === undefined) return undefined;
    const read = key.read(text);
    return 'value' in read ? read.value : undefined;
  }

  /** Whether the user has set the key. */
  has(name: string): boolean {
    return this.settings.has(name);
  }

  /** Settings whose key begins with a prefix, by what follows it. */
  withPrefix(prefix: string): ReadonlyMap<string, Setting> {
    const found = new Map<string, Setting>();
    for (const [name, setting] of this.settings) {
      if (name.startsWith(prefix)) found.set(name.slice(prefix.length), setting);
    }
    return found;
  }

  /** Notes a problem with a key that only its neighbours show. */
  refuse(name: string, message: string): void {
    const setting = this.settings.get(name);
    this.problems.push({ key: name, value: setting?.value, origin: setting?.origin, message });
  }

  #check(key: ConfigKey<unknown>): void {
    const setting = this.settings.get(key.name);
    if (setting === undefined) {
      if (key.required === true && key.default === undefined)
        this.refuse(key.name, 'is required and not set');
      return;
    }
    const read = key.read(setting.value);
    if ('problem' in read) this.refuse(key.name, read.problem);
  }

  #refuseUnknown(definition: ConfigDef, name: string, setting: Setting): void {
    if (definition.keys.some((key) => key.name === name)) return;
    const pattern = definition.patterns.find(({ prefix }) => name.startsWith(prefix));
    if (pattern !== undefined) {
      if (pattern.refused !== undefined) this.refuse(name, pattern.refused);
      return;
    }
    const close = nearest(
      name,
      definition.keys.map((key) => key.name),
    );
    const message = `is no key of this connector${close === undefined ? '' : `; did you mean ${close}?`}`;
    this.problems.push({ key: name, value: setting.value, origin: setting.origin, message });
  }
}

/** All problems of a configuration as one error: a line each, with key, value and origin; secrets are not shown. */
export function configError(
  what: string,
  problems: readonly ConfigProblem[],
  secrets: ReadonlySet<string>,
): SluiceError {
  const lines = problems.map((problem) => `  ${describeProblem(problem, secrets)}`);
  const count = problems.length === 1 ? 'one setting is' : `${problems.length} settings are`;
  return new SluiceError('CONFIG_INVALID', `${what}: ${count} wrong\n${lines.join('\n')}`, {
    context: { problems: problems.length },
    hint: 'docs/configuration.md lists every key with what it takes.',
  });
}

/** Keys of a definition whose values are never shown. */
export function ownSecrets(definition: ConfigDef): ReadonlySet<string> {
  return new Set(definition.keys.filter(({ type }) => type === 'PASSWORD').map(({ name }) => name));
}

/** The problem with nothing in it that may not be shown. */
export function withoutSecret(problem: ConfigProblem, secrets: ReadonlySet<string>): ConfigProblem {
  const { key, value, message } = problem;
  if (!secrets.has(key) || value === undefined) return problem;
  const told = value.trim() === '' ? message : message.replaceAll(value.trim(), SECRET);
  return { ...problem, value: SECRET, message: told };
}

const SECRET = '[secret]';

/** One problem in one line: key, value, origin, and what is allowed. */
export function describeProblem(problem: ConfigProblem, secrets: ReadonlySet<string>): string {
  const { key, value, origin, message } = withoutSecret(problem, secrets);
  const shown = value === undefined ? '' : `=${value}`;
  return `${key}${shown}${origin === undefined ? '' : ` (${origin})`}: ${message}`;
}
