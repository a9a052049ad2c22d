import { Writable } from 'node:stream';
import { runCli } from '../../src/cli/cli.js';
import type { ExitCode } from '../../src/cli/exit-codes.js';
import { never } from '../../src/base/signals.js';

/** What a call of the command line wrote, and how it ended. */
export type CliCall = {
  readonly code: ExitCode;
  readonly out: string;
  readonly bytes: Buffer;
  readonly err: string;
};

/** Keeps what is written to it, and tells of each piece. */
export class Collector extends Writable {
  readonly #pieces: Buffer[] = [];
  readonly #heard: ((text: string) => void) | undefined;
  readonly isTTY: boolean;

  constructor(options: { readonly heard?: (text: string) => void; readonly isTTY?: boolean } = {}) {
    super();
    this.#heard = options.heard;
    this.isTTY = options.isTTY ?? false;
  }

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.#pieces.push(piece);
    this.#heard?.(piece.toString('utf8'));
    done();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

/** Calls the command line in this process, as a user would from a shell. */
export async function cli(
  argv: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
    /** Hears each piece of standard error. */
    readonly heard?: (text: string) => void;
    readonly stdout?: Writable;
    readonly program?: string;
  } = {},
): Promise<CliCall> {
  const stdout = new Collector();
  const stderr = new Collector(options.heard === undefined ? {} : { heard: options.heard });
  const code = await runCli(argv, {
    stdout: options.stdout ?? stdout,
    stderr,
    env: options.env ?? {},
    signal: options.signal ?? never,
    program: options.program ?? 'sluice',
  });
  const { bytes } = stdout;
  return { code, bytes, out: bytes.toString('utf8'), err: stderr.bytes.toString('utf8') };
}
