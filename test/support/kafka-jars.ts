import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const POM = 'test/support/kafka/pom.xml';

/** Kafka releases that the tests run against. */
export type KafkaVersion = '4.3.1' | '3.9.2';

/**
 * The folder that holds a broker's jars, fetched with Maven the first time and kept in the user's cache.
 * It appears whole or not at all, so suites that start side by side don't see each other's half.
 */
export async function kafkaJars(version: KafkaVersion): Promise<string> {
  const home = join(cacheDir(), `kafka-${version}`);
  const libs = join(home, 'libs');
  if (existsSync(libs)) return libs;
  await mkdir(home, { recursive: true });
  const draft = await mkdtemp(join(home, 'draft-'));
  try {
    await run(
      'mvn',
      [
        '-q',
        '-B',
        '-f',
        POM,
        'dependency:copy-dependencies',
        `-Dkafka.version=${version}`,
        `-DoutputDirectory=${draft}`,
        '-DincludeScope=runtime',
      ],
      { timeout: 300_000 },
    );
    if ((await readdir(draft)).length === 0) throw new Error(`Maven copied no jars for Kafka ${version}`);
    await rename(draft, libs);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(libs)) throw cause;
  }
  return libs;
}

/** Whether a broker can be started here without a container engine: Java and, unless the jars are there already, Maven. */
export async function hasJvm(version: KafkaVersion): Promise<boolean> {
  if (!(await answers('java', ['-version']))) return false;
  return existsSync(join(cacheDir(), `kafka-${version}`, 'libs')) || (await answers('mvn', ['-v']));
}

async function answers(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, [...args], { timeout: 20_000 });
    return true;
  } catch {
    return false; // Not installed, which is the answer.
  }
}

function cacheDir(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(base, 'sluice-test');
}
