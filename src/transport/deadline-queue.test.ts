import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Clock, Timers } from "../base/outside.ts";
import { Deadline, DeadlineQueue } from "./deadline-queue.ts";

/** A clock with one alarm at a time, as a queue must need no more. */
class ManualTime implements Clock, Timers {
  nowMs = 0;
  alarms: { atMs: number; fire: () => void }[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, fire: () => void): () => void {
    const alarm = { atMs: this.nowMs + delayMs, fire };
    this.alarms.push(alarm);
    return () => void this.alarms.splice(this.alarms.indexOf(alarm), 1);
  }

  endOfTurn(run: () => void): void {
    run();
  }

  advanceTo(atMs: number): void {
    for (;;) {
      const due = this.alarms.find((alarm) => alarm.atMs <= atMs);
      if (due === undefined) break;
      this.alarms.splice(this.alarms.indexOf(due), 1);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.fire();
    }
    this.nowMs = atMs;
  }
}

describe("DeadlineQueue", () => {
  test("deadlines expire in order of time, each once, whatever is set and cleared", () => {
    const operation = fc.record({
      kind: fc.constantFrom("set", "clear", "advance"),
      which: fc.nat(9),
      ms: fc.nat(100),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
        const time = new ManualTime();
        const queue = new DeadlineQueue(time, time);
        const expired: number[] = [];
        const naive = new Map<number, number>();
        const deadlines = Array.from(
          { length: 10 },
          (_, i) => new Deadline(() => void expired.push(i)),
        );
        for (const { kind, which, ms } of operations) {
          if (kind === "set") {
            queue.set(deadlines[which]!, time.nowMs + ms + 1);
            naive.set(which, time.nowMs + ms + 1);
          } else if (kind === "clear") {
            queue.clear(deadlines[which]!);
            naive.delete(which);
          } else {
            time.advanceTo(time.nowMs + ms);
            const due = [...naive].filter(([, atMs]) => atMs <= time.nowMs);
            for (const [id] of due) naive.delete(id);
            const atMs = new Map(due);
            const seen = expired.splice(0);
            expect(new Set(seen)).toEqual(new Set(due.map(([id]) => id)));
            expect(seen).toHaveLength(due.length);
            const order = seen.map((id) => atMs.get(id)!);
            expect(order).toEqual([...order].sort((left, right) => left - right));
          }
          expect(queue.size).toBe(naive.size);
          expect(time.alarms.length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a deadline that sets itself again comes again", () => {
    const time = new ManualTime();
    const queue = new DeadlineQueue(time, time);
    let count = 0;
    const deadline: Deadline = new Deadline(() => {
      count++;
      queue.set(deadline, time.nowMs + 10);
    });
    queue.set(deadline, 10);
    time.advanceTo(55);
    expect(count).toBe(5);
  });

  test("a deadline beyond what a timer can wait is waited for in parts", () => {
    const time = new ManualTime();
    const queue = new DeadlineQueue(time, time);
    let isDue = false;
    queue.set(new Deadline(() => (isDue = true)), 2 ** 32);
    time.advanceTo(2 ** 32 - 1);
    expect(isDue).toBe(false);
    time.advanceTo(2 ** 32);
    expect(isDue).toBe(true);
  });

  test("a closed queue leaves no alarm behind", () => {
    const time = new ManualTime();
    const queue = new DeadlineQueue(time, time);
    queue.set(new Deadline(() => undefined), 10);
    queue.close();
    expect([time.alarms.length, queue.size]).toEqual([0, 0]);
  });
});
