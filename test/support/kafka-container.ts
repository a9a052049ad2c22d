import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import type { KafkaBroker, KafkaOptions } from './kafka-server.js';
import { brokerProperties, freePort } from './kafka-jvm.js';

/** Whether a container engine answers: at `DOCKER_HOST`, or at the usual socket. */
export function hasContainerEngine(): Promise<boolean> {
  const host = process.env['DOCKER_HOST'];
  const at = host !== undefined && URL.canParse(host) ? new URL(host) : undefined;
  if (at?.protocol === 'tcp:') return answers(connect(Number(at.port), at.hostname));
  const socket = at?.protocol === 'unix:' ? at.pathname : '/var/run/docker.sock';
  return existsSync(socket) ? answers(connect(socket)) : Promise.resolve(false);
}

/** The same broker in a container. Its port on the host is chosen before, because it has to advertise it. */
export async function startContainerKafka(options: Required<KafkaOptions>): Promise<KafkaBroker> {
  const { GenericContainer, Wait, getContainerRuntimeClient } = await import('testcontainers');
  const port = await freePort();
  const settings: Record<string, string> = {
    ...brokerProperties(options.version),
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': '1@localhost:19093',
    listeners: `PLAINTEXT://0.0.0.0:${port},CONTROLLER://localhost:19093`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    ...options.properties,
  };
  const container = await new GenericContainer(`apache/kafka:${options.version}`)
    .withEnvironment(
      Object.fromEntries(
        Object.entries(settings).map(([key, value]) => [
          `KAFKA_${key.toUpperCase().replaceAll('.', '_')}`,
          value,
        ]),
      ),
    )
    .withExposedPorts({ container: port, host: port })
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  const client = await getContainerRuntimeClient();
  const inner = client.container.getById(container.getId());
  const broker: KafkaBroker = {
    bootstrap: `127.0.0.1:${port}`,
    version: options.version,
    libs: undefined,
    pause: () => inner.pause(),
    resume: () => inner.unpause(),
    kill: async () => void (await inner.kill({ signal: 'SIGKILL' })),
    restart: async () => {
      const state = await inner.inspect();
      if (state.State.Running) await container.restart();
      else await inner.start();
      await untilOpen(port);
    },
    stop: async () => void (await container.stop()),
    [Symbol.asyncDispose]: () => broker.stop(),
  };
  return broker;
}

async function untilOpen(port: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await answers(connect(port, '127.0.0.1')))) {
    if (Date.now() > deadline) throw new Error('the Kafka container opened no port within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function answers(socket: ReturnType<typeof connect>): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
