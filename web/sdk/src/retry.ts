const firstPause = 250; // ms between attempts, doubled each time up to
const lastPause = 8000;

/** How long a connection is tried again before it has failed. */
export const giveUpAfter = 30_000; // ms

/** The pauses between attempts to connect. */
export class Retry {
  private pause = firstPause;
  private since: number | undefined;
  private skipNext = false;
  private endWait: (() => void) | undefined;

  /** Begins anew: an attempt has succeeded. */
  reset(): void {
    this.pause = firstPause;
    this.since = undefined;
  }

  /** Starts counting from now, unless it counts already. */
  begin(): void {
    this.since ??= performance.now();
  }

  /** Whether attempts have failed for so long that there are no more. */
  get exhausted(): boolean {
    return this.since !== undefined && performance.now() - this.since >= giveUpAfter;
  }

  /**
   * Waits for the next attempt, at least as long as the server asks for. The times are
   * spread, so that not all pages return at once to a server that restarted. After now there
   * is no pause, except the one that the server asks for.
   */
  async wait(atLeast = 0): Promise<void> {
    const pause = Math.max(this.skipNext ? 0 : this.pause * (0.5 + Math.random()), atLeast);
    this.skipNext = false;
    if (pause === 0) return;
    this.pause = Math.min(2 * this.pause, lastPause);
    const left = this.since === undefined ? pause : Math.max(0, this.since + giveUpAfter - performance.now());
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(pause, left));
      this.endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.endWait = undefined;
  }

  /** Ends the present wait, if there is one; the pauses are short again. */
  wake(): void {
    this.pause = firstPause;
    this.endWait?.();
  }

  /** Ends the present wait, or leaves out the next one: for an attempt that the caller is ending. */
  now(): void {
    this.skipNext = this.endWait === undefined;
    this.wake();
  }
}
