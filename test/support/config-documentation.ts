import type { ConfigDef, ConfigKey, Reader } from '../../src/runtime/config-def.js';

/** The keys of a connector as a Markdown table, in the order of the definition. */
export function keyTable(keys: readonly ConfigKey<unknown>[]): string {
  const lines = keys.map(({ name, type, importance, documentation, required, ...key }) => {
    const standing = required === true ? 'required' : key.default === undefined ? '' : code(key.default);
    const cells = [`\`${name}\``, type.toLowerCase(), taken(key.read), standing, importance.toLowerCase()];
    return `| ${[...cells, cell(documentation)].join(' | ')} |`;
  });
  return ['| key | type | takes | default | importance | |', '|---|---|---|---|---|---|', ...lines].join(
    '\n',
  );
}

/** What a key takes, as its reader says when it is given something else; empty where it takes any text. */
function taken(read: Reader<unknown>): string {
  const found = read('\u0000');
  return 'problem' in found ? cell(found.problem.replace(/^must (be )?/, '')) : '';
}

/** The families of keys that are not known one by one. */
export function patternTable({ patterns }: ConfigDef): string {
  const lines = patterns.map(({ prefix, documentation }) => `| \`${prefix}*\` | ${cell(documentation)} |`);
  return ['| keys | |', '|---|---|', ...lines].join('\n');
}

/** `text` with what stands between the two markers of `name` replaced. */
export function withBlock(text: string, name: string, block: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from < 0 || to < from) throw new Error(`the text has no block ${name}`);
  return `${text.slice(0, from + open.length)}\n${block}\n${text.slice(to)}`;
}

function code(text: string): string {
  return text === '' ? 'empty' : `\`${text}\``;
}

function cell(text: string): string {
  // In Markdown an angle bracket begins a tag.
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<');
}
