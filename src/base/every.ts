import type { Timers } from "./outside.ts";

/** Calls `fire` each time the period has passed, until the result is called. */
export function every(timers: Timers, periodMs: number, fire: () => void): () => void {
  let cancel = (): void => {};
  const arm = (): void => {
    cancel = timers.after(periodMs, () => {
      arm();
      fire();
    });
  };
  arm();
  return () => cancel();
}
