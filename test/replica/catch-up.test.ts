import { expect, test } from "vitest";
import { CatchUp } from "../../src/replica/catch-up.ts";
import { ManualTimers } from "../support/manual-timers.ts";

/** A hub that is behind by some steps, and the time in which they are taken. */
class Behind {
  readonly timers: ManualTimers = new ManualTimers();
  readonly catchUp: CatchUp;
  left: number;
  head = 0;
  /** Revisions that are written during each step. */
  writtenPerStep = 0;

  constructor(steps: number) {
    this.left = steps;
    const clock = { monotonicMs: () => this.timers.nowMs, wallMs: () => this.timers.nowMs };
    this.catchUp = new CatchUp(this.timers, clock, () => this);
  }

  get busy(): boolean {
    return this.left > 0;
  }

  step(): number {
    this.left--;
    this.head += this.writtenPerStep;
    return 10;
  }
}

test("nobody writes: catching up takes a step in every turn until nobody is behind", () => {
  const behind = new Behind(100);
  behind.catchUp.wake();
  behind.catchUp.wake();
  behind.timers.turn();
  expect(behind.left).toBe(99);
  behind.timers.settle();
  expect(behind.left).toBe(0);
  expect(behind.timers.pending).toBe(0);
});

test("somebody writes: catching up rests after some steps, and goes on", () => {
  const behind = new Behind(100);
  behind.catchUp.wake();
  behind.catchUp.committed();
  behind.timers.settle();
  const atRest = behind.left;
  expect(atRest).toBeGreaterThan(80);
  // Who falls behind meanwhile does not end the rest.
  behind.catchUp.wake();
  behind.timers.settle();
  expect(behind.left).toBe(atRest);
  for (let ms = 0; ms < 15; ms++) {
    behind.timers.pass(1);
    behind.timers.settle();
  }
  expect(behind.left).toBeLessThan(atRest);
  expect(behind.left).toBeGreaterThan(0);
});

test("the last write is long ago: catching up is at full speed again", () => {
  const behind = new Behind(1000);
  behind.catchUp.committed();
  behind.timers.pass(1000);
  behind.catchUp.wake();
  behind.timers.settle();
  expect(behind.left).toBe(0);
});

test("more is written than rests allow for: catching up does not lose the race", () => {
  const behind = new Behind(1000);
  behind.writtenPerStep = 3;
  behind.catchUp.committed();
  behind.catchUp.wake();
  behind.timers.settle();
  expect(behind.left).toBe(0);
});
