import type { Clock, Timers } from "../../src/base/outside.ts";

interface Alarm {
  readonly atMs: number;
  readonly fire: () => void;
}

/** Time that moves only when a test moves it; the turns of the event loop stay real. */
export class ManualTime implements Clock, Timers {
  #nowMs = 1_000_000;
  readonly #alarms: Set<Alarm> = new Set();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, fire: () => void): () => void {
    const alarm: Alarm = { atMs: this.#nowMs + delayMs, fire };
    this.#alarms.add(alarm);
    return () => void this.#alarms.delete(alarm);
  }

  endOfTurn(run: () => void): void {
    setImmediate(run);
  }

  /** Lets time pass; what comes due fires in order, and may set new alarms that come due too. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const due = [...this.#alarms]
        .filter(({ atMs }) => atMs <= untilMs)
        .sort((left, right) => left.atMs - right.atMs)[0];
      if (due === undefined) break;
      this.#alarms.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.fire();
    }
    this.#nowMs = untilMs;
  }

  /** Alarms that are still set. */
  get pending(): number {
    return this.#alarms.size;
  }
}
