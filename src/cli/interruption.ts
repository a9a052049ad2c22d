/** Why the process was asked to end: the reason of the signal that every command waits under. */
export class Interruption extends Error {
  override readonly name = 'AbortError';
  readonly by: 'SIGINT' | 'SIGTERM';

  constructor(by: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${by}`);
    this.by = by;
  }
}
