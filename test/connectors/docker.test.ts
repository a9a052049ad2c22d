import { describe, expect, test } from 'vitest';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { cli } from '../support/cli.js';

type Service = {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly volumes?: readonly string[];
};

type Compose = {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};

const compose = parse(readFileSync('docker/compose.yaml', 'utf8')) as Compose;
const debezium = JSON.parse(readFileSync('docker/debezium.json', 'utf8')) as Readonly<Record<string, string>>;

/** What can be said of the stack without an engine. */
describe('the compose stack', () => {
  test('names only services, volumes and files that are there', () => {
    const services = Object.keys(compose.services);
    for (const [name, { depends_on, volumes = [], image, build }] of Object.entries(compose.services)) {
      for (const needed of Object.keys(depends_on ?? {})) expect(services, name).toContain(needed);
      for (const volume of volumes) {
        const from = volume.split(':')[0] ?? '';
        const known = from.startsWith('.') ? existsSync(join('docker', from)) : from in compose.volumes;
        expect(known, `${name}: ${volume}`).toBe(true);
      }
      expect(image, name).toMatch(/^[a-z0-9./-]+(:[\w.]+)?$/);
      if (build !== undefined) expect(existsSync(join('docker', build.context, build.dockerfile))).toBe(true);
    }
  });

  test('runs a connector that is valid with these settings', async () => {
    const [verb, path, ...rest] = compose.services['sluice']?.command ?? [];
    expect(verb).toBe('run');
    const { code, err } = await cli(['validate', path ?? '', ...rest]);
    expect([code, err]).toEqual([0, '']);
  });

  test('reads the topics that Debezium makes', () => {
    const { config } = JSON.parse(readFileSync('connectors/delta-sink/examples/kafka.json', 'utf8')) as {
      config: Readonly<Record<string, string>>;
    };
    const pattern = new RegExp(`^(?:${config['topics.regex']})$`, 'u');
    expect(`${debezium['topic.prefix']}.${debezium['schema.include.list']}.customers`).toMatch(pattern);
    expect(debezium['database.hostname'] ?? '').toBe('postgres');
  });

  test('the image copies only what is there, and leaves nothing of that out of its context', () => {
    const lines = readFileSync('docker/Dockerfile', 'utf8').split('\n');
    const kept = readFileSync('docker/Dockerfile.dockerignore', 'utf8').split('\n');
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(copied.length).toBeGreaterThan(5);
    for (const path of copied) {
      expect(existsSync(path), path).toBe(true);
      expect(kept, path).toContain(`!${path}`);
    }
    expect(lines.findLast((line) => line.startsWith('USER '))).toBe('USER node');
  });
});
