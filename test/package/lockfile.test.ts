import { describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';

type Locked = {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
};

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Readonly<Record<string, Locked>>;
};

/** An install elsewhere takes the same versions, whatever its platform and registry. */
describe('the lockfile', () => {
  test('holds the native packages of every platform', () => {
    const missing = Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter((name) => {
          const inner = `${place === '' ? '' : `${place}/`}node_modules/${name}`;
          return packages[inner] === undefined && packages[`node_modules/${name}`] === undefined;
        })
        .map((name) => `${place} needs ${name}`),
    );
    expect(missing).toEqual([]);
  });

  test('names no download address', () => {
    expect(Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });
});
