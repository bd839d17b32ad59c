import type { Timers } from "../../src/base/outside.ts";

/** Time that stands still until a test moves it. */
export class ManualTimers implements Timers {
  nowMs: number;
  #turn: (() => void)[] = [];
  #waiting: { atMs: number; fire: () => void }[] = [];

  constructor(nowMs: number = 0) {
    this.nowMs = nowMs;
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, fire };
    this.#waiting.push(timer);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== timer);
    };
  }

  endOfTurn(run: () => void): void {
    this.#turn.push(run);
  }

  /** Timers that are still set. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Ends the present turn; false when nothing waited for its end. */
  turn(): boolean {
    const due = this.#turn;
    this.#turn = [];
    for (const run of due) run();
    return due.length > 0;
  }

  /** Ends turns until nothing waits for one, at most `turnsMax`. */
  settle(turnsMax: number = 10_000): void {
    for (let i = 0; i < turnsMax; i++) if (!this.turn()) return;
    throw new Error("the turns never end");
  }

  /** Lets time pass, firing what becomes due in order. */
  pass(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      const due = this.#waiting
        .filter((timer) => timer.atMs <= until)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#waiting = this.#waiting.filter((timer) => timer !== due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.fire();
    }
    this.nowMs = until;
  }
}
