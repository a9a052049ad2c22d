/** A stream that a command writes to, as `process.stdout` is one. */
export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** The world of one command: everything that it takes from its process. */
export type CliIo = {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted with an `Interruption` when the process is asked to end. */
  readonly signal: AbortSignal;
  /** How a user calls this program: `npx sluice`. Stands in examples and hints. */
  readonly program: string;
};

/** Whoever read the results has closed the pipe: there is nobody left to write for. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/** The way to standard output: one piece at a time, as fast as the reader takes them. */
export class Output {
  readonly #stream: OutputStream;
  #broken: Error | undefined;
  /** Ends when everything before has been taken. */
  #turn: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;

  constructor(stream: OutputStream) {
    this.#stream = stream;
    stream.on('error', (cause: Error) => {
      this.#broken ??= cause;
      this.#wake?.();
    });
    stream.on('close', () => {
      this.#broken ??= new OutputClosed('the output was closed');
      this.#wake?.();
    });
    stream.on('drain', () => this.#wake?.());
  }

  /**
   * Resolves when the stream takes more; pieces go out in the order of the calls. Rejects with `OutputClosed` once the
   * reader is gone, else with what broke.
   */
  write(piece: string | Uint8Array): Promise<void> {
    const put = this.#turn.then(() => this.#put(piece));
    // Who wrote this piece hears of its failure; who writes the next one finds the stream broken.
    this.#turn = put.catch(() => undefined);
    return put;
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Resolves when all that was written has been handed over; a reader that is gone does not matter any more. */
  async flush(): Promise<void> {
    await this.#turn;
    if (this.#broken !== undefined) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#stream.write('', () => resolve());
    });
  }

  async #put(piece: string | Uint8Array): Promise<void> {
    this.#assertOpen();
    if (this.#stream.write(piece)) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.#broken === undefined) return;
    const gone = this.#broken instanceof OutputClosed || isPipeGone(this.#broken);
    throw gone ? new OutputClosed('the reader of the output is gone') : this.#broken;
  }
}

function isPipeGone(cause: Error): boolean {
  return 'code' in cause && (cause.code === 'EPIPE' || cause.code === 'ERR_STREAM_DESTROYED');
}
