import { expect, test } from "vitest";
import { CatchUp } from "../../src/replica/catch-up.ts";
import type { Backlog } from "../../src/watch/sweep.ts";
import { ManualTimers } from "../support/manual-timers.ts";

/** A hub in which somebody has some steps to go, of 100 revisions each. */
class Behind {
  readonly timers: ManualTimers = new ManualTimers();
  readonly catchUp: CatchUp;
  left: number;
  head = 0;
  /** Revisions that are written in each step's time. */
  writtenPerStep = 0;
  /** Milliseconds that each step takes. */
  stepMs = 0;
  #covered = 0;

  constructor(steps: number) {
    this.left = steps;
    const clock = { monotonicMs: () => this.timers.nowMs, wallMs: () => this.timers.nowMs };
    this.catchUp = new CatchUp(this.timers, clock, () => this);
  }

  get busy(): boolean {
    return this.left > 0;
  }

  step(): Backlog {
    this.timers.nowMs += this.stepMs;
    if (this.writtenPerStep > 0) this.catchUp.committed();
    this.head += this.writtenPerStep;
    this.left += this.writtenPerStep / 100 - 1;
    this.#covered += 100;
    return { watchers: 1, lowest: this.head - this.left * 100, covered: this.#covered };
  }

  /** How many steps are taken in one stretch of turns before the next rest, or the end. */
  stretch(): number {
    let steps = 0;
    while (this.timers.turn()) steps++;
    return steps;
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
  const behind = new Behind(1000);
  behind.writtenPerStep = 1;
  behind.catchUp.wake();
  expect(behind.stretch()).toBe(4);
  // Who falls behind meanwhile does not end the rest.
  behind.catchUp.wake();
  expect(behind.stretch()).toBe(0);
  behind.timers.pass(1);
  expect(behind.stretch()).toBe(3);
  for (let ms = 0; ms < 60; ms++) {
    behind.timers.pass(1);
    expect(behind.stretch()).toBe(3);
  }
});

test("nobody is far behind: those who are nearly level wait for no rest", () => {
  const behind = new Behind(20);
  behind.writtenPerStep = 1;
  behind.catchUp.wake();
  behind.timers.settle();
  expect(behind.left).toBeLessThanOrEqual(0);
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
  const behind = new Behind(10_000);
  behind.writtenPerStep = 60;
  behind.stepMs = 1;
  behind.catchUp.wake();
  // It rests until it has seen that it hardly gains, then no more.
  for (let ms = 0; ms < 30; ms++) {
    behind.stretch();
    behind.timers.pass(1);
  }
  expect(behind.left).toBeLessThan(100);
});
