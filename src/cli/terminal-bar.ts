import { MultiBar, Presets } from 'cli-progress';
import type { OutputStream } from './io.js';

/** A bar at the bottom of a terminal, with lines above it; without a terminal only the lines. */
export interface ProgressBar {
  /** Shows how far it is; a total that grows moves the bar back. */
  update(done: number, total: number, text: string): void;
  line(text: string): void;
  /** Takes the bar away. */
  [Symbol.dispose](): void;
}

/** A bar on a terminal; without one lines go to `tell` and nothing is drawn. */
export function progressBar(
  stream: OutputStream | undefined,
  tell: (line: string) => void,
  what: string,
): ProgressBar {
  if (stream?.isTTY !== true) {
    return { update: () => undefined, line: tell, [Symbol.dispose]: () => undefined };
  }
  const bars = new MultiBar(
    {
      stream,
      format: `${what} [{bar}] {value}/{total} {text}`,
      hideCursor: true,
      clearOnComplete: true,
      // Ctrl-C is the command's own business.
      gracefulExit: false,
      stopOnComplete: false,
      emptyOnZero: true,
    },
    Presets.shades_classic,
  );
  const bar = bars.create(0, 0, { text: '' });
  return {
    update: (done, total, text) => {
      bar.setTotal(total);
      bar.update(done, { text });
    },
    line: (text) => bars.log(`${text}\n`),
    [Symbol.dispose]: () => bars.stop(),
  };
}
