import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kafkaJars, type KafkaVersion } from './kafka-jars.js';
import type { KafkaBroker, KafkaOptions } from './kafka-server.js';

const run = promisify(execFile);

/** A single-node broker as a plain process, on two free ports that it keeps when it is restarted. */
export async function startJvmKafka(options: Required<KafkaOptions>): Promise<KafkaBroker> {
  const libs = await kafkaJars(options.version);
  try {
    return await startOnFreePorts(libs, options);
  } catch {
    // A port that was free may have been taken by a connection before the broker came to listen on it.
    return startOnFreePorts(libs, options);
  }
}

async function startOnFreePorts(libs: string, options: Required<KafkaOptions>): Promise<KafkaBroker> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-kafka-'));
  const [port, controller] = await Promise.all([freePort(), freePort()]);
  const config = join(home, 'server.properties');
  await mkdir(join(home, 'data'));
  await writeFile(config, properties(options, { home, port, controller }));
  const started = format(libs, config).then(() => boot(libs, config, port, options.throughput));
  let child = await started.catch(async (cause: unknown) => {
    await rm(home, { recursive: true, force: true });
    throw cause;
  });

  const exit = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    child.kill('SIGCONT');
    const deadline = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(deadline);
  };
  const broker: KafkaBroker = {
    bootstrap: `127.0.0.1:${port}`,
    version: options.version,
    libs,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill: () => exit('SIGKILL'),
    restart: async () => {
      await exit('SIGTERM');
      child = await boot(libs, config, port, options.throughput);
    },
    stop: async () => {
      await exit('SIGTERM');
      await rm(home, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => broker.stop(),
  };
  return broker;
}

type Place = { readonly home: string; readonly port: number; readonly controller: number };

function properties({ version, properties: extra }: Required<KafkaOptions>, place: Place): string {
  const lines: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${place.controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${place.port},CONTROLLER://127.0.0.1:${place.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${place.port}`,
    'log.dirs': join(place.home, 'data'),
    ...brokerProperties(version),
    ...extra,
  };
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** What every test broker is told, whoever starts it: one node, no waiting for members, no topics by accident. */
export function brokerProperties(version: KafkaVersion): Record<string, string> {
  return {
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    ...(version === '3.9.2'
      ? {}
      : {
          'share.coordinator.state.topic.replication.factor': '1',
          'share.coordinator.state.topic.min.isr': '1',
        }),
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '500',
    'auto.create.topics.enable': 'false',
    // A killed broker may register again only when its old session has ended: 9 s by default.
    'broker.session.timeout.ms': '1000',
    'broker.heartbeat.interval.ms': '200',
    'log.cleaner.dedupe.buffer.size': '2097152',
    'log.retention.ms': '-1',
    // So that a compacted topic is compacted within a test's patience; the defaults are 15 s and 5 min.
    'log.cleaner.backoff.ms': '200',
    'log.retention.check.interval.ms': '500',
    'log.initial.task.delay.ms': '500',
  };
}

async function format(libs: string, config: string): Promise<void> {
  const clusterId = randomBytes(16).toString('base64url');
  const heap = ['-Xmx64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const tool = ['-cp', join(libs, '*'), 'kafka.tools.StorageTool'];
  await run('java', [...heap, ...tool, 'format', '-t', clusterId, '-c', config]);
}

async function boot(libs: string, config: string, port: number, throughput: boolean): Promise<ChildProcess> {
  // Less heap than this has failed single requests. The quick compiler alone halves the CPU of a short life.
  const jvm = ['-Xmx256m', '-XX:+UseSerialGC', ...(throughput ? [] : ['-XX:TieredStopAtLevel=1'])];
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
  const child = spawn('java', [...jvm, quiet, '-cp', join(libs, '*'), 'kafka.Kafka', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4000)));
  const killAlong = () => void child.kill('SIGKILL');
  process.once('exit', killAlong);
  child.once('exit', () => process.removeListener('exit', killAlong));
  const deadline = Date.now() + 90_000;
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`the Kafka broker ended while starting:\n${complaint}`);
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the Kafka broker opened no port within 90 s:\n${complaint}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return child;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}

/** A port that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
