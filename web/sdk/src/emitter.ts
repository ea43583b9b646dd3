type Listener = (...payload: never[]) => void;

/** Calls listeners by event. After an exception of one the others are called all the same. */
export class Emitter<M extends { [E in keyof M]: Listener }> {
  private readonly listeners: { [E in keyof M]?: Set<M[E]> } = {};

  on<E extends keyof M>(event: E, listener: M[E]): void {
    (this.listeners[event] ??= new Set()).add(listener);
  }

  off<E extends keyof M>(event: E, listener: M[E]): void {
    this.listeners[event]?.delete(listener);
  }

  hasListenersFor(event: keyof M): boolean {
    return (this.listeners[event]?.size ?? 0) > 0;
  }

  /** @internal */
  emit<E extends keyof M>(event: E, ...payload: Parameters<M[E]>): void {
    for (const listener of [...(this.listeners[event] ?? [])]) {
      try {
        listener(...(payload as never[]));
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
