type Listeners<M extends { [E in keyof M]: unknown[] }> = { [E in keyof M]?: Set<(...payload: M[E]) => void> };

/** Calls listeners by event. After an exception of one the others are called all the same. */
export class Emitter<M extends { [E in keyof M]: unknown[] }> {
  private readonly listeners: Listeners<M> = {};

  on<E extends keyof M>(event: E, listener: (...payload: M[E]) => void): void {
    (this.listeners[event] ??= new Set()).add(listener);
  }

  off<E extends keyof M>(event: E, listener: (...payload: M[E]) => void): void {
    this.listeners[event]?.delete(listener);
  }

  hasListenersFor(event: keyof M): boolean {
    return (this.listeners[event]?.size ?? 0) > 0;
  }

  /** @internal */
  emit<E extends keyof M>(event: E, ...payload: M[E]): void {
    for (const listener of [...(this.listeners[event] ?? [])]) {
      try {
        listener(...payload);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** Reports an exception of the application as if nothing had caught it. */
export function report(error: unknown): void {
  if (typeof reportError === 'function') reportError(error);
  else console.error(error);
}
