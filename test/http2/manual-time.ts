import type { Clock, Timers } from "../../src/base/outside.ts";
import { ManualTimers } from "../support/manual-timers.ts";

/** Time that moves only when a test moves it; the turns of the event loop stay real. */
export class ManualTime implements Clock, Timers {
  readonly #timers = new ManualTimers(1_000_000);

  monotonicMs(): number {
    return this.#timers.nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#timers.nowMs;
  }

  after(delayMs: number, fire: () => void): () => void {
    return this.#timers.after(delayMs, fire);
  }

  endOfTurn(run: () => void): void {
    setImmediate(run);
  }

  /** Lets time pass; what comes due fires in order, and may set new alarms that come due too. */
  advance(byMs: number): void {
    this.#timers.pass(byMs);
  }

  /** Alarms that are still set. */
  get pending(): number {
    return this.#timers.pending;
  }
}
