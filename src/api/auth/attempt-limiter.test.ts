import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AttemptEnd, AttemptLimiter } from "./attempt-limiter.ts";

/** What became of the attempts, and a clock that a test moves. */
class World {
  nowMs = 0;
  readonly limiter: AttemptLimiter = new AttemptLimiter({
    monotonicMs: () => this.nowMs,
    wallMs: () => 0,
  });
  /** Those that are being compared: what ends them. */
  readonly underWay: ((how: AttemptEnd) => void)[] = [];
  started = 0;
  refused = 0;

  try(user = "ann", address = "10.0.0.1:1000"): void {
    this.limiter.try(user, address, {
      start: (end) => {
        this.started++;
        this.underWay.push(end);
      },
      refused: () => void this.refused++,
    });
  }

  /** The oldest of those that are compared ends. */
  end(how: AttemptEnd): void {
    this.underWay.shift()!(how);
  }

  get counts(): { readonly started: number; readonly refused: number } {
    return { started: this.started, refused: this.refused };
  }
}

/** Whether an attempt of this user from this address is compared now. */
function mayTry(world: World, user: string, address: string): boolean {
  const before = world.started;
  world.try(user, address);
  const isStarted = world.started > before;
  if (isStarted) world.underWay.pop()!("void");
  return isStarted;
}

describe("AttemptLimiter", () => {
  test("five wrong passwords, then five a second, for one user from one address", () => {
    const world = new World();
    for (let i = 0; i < 5; i++) {
      world.try("ann", `10.0.0.1:${i}`);
      world.end("wrong");
    }
    expect(mayTry(world, "ann", "10.0.0.1:77")).toBe(false);
    expect(mayTry(world, "bob", "10.0.0.1:77")).toBe(true);
    expect(mayTry(world, "ann", "10.0.0.2:77")).toBe(true);
    world.nowMs = 200;
    expect(mayTry(world, "ann", "10.0.0.1:77")).toBe(true);
    world.try("ann", "10.0.0.1:77");
    world.end("wrong");
    expect(mayTry(world, "ann", "10.0.0.1:77")).toBe(false);
  });

  test("of wrong passwords that come at once no more are compared than one after another", () => {
    const world = new World();
    for (let i = 0; i < 100; i++) world.try();
    expect(world.counts).toEqual({ started: 5, refused: 0 });
    while (world.underWay.length > 0) world.end("wrong");
    expect(world.counts).toEqual({ started: 5, refused: 95 });
  });

  test("right passwords that come at once are all compared", () => {
    const world = new World();
    for (let i = 0; i < 100; i++) world.try();
    while (world.underWay.length > 0) world.end("right");
    expect(world.counts).toEqual({ started: 100, refused: 0 });
  });

  test("what was not compared costs nothing", () => {
    const world = new World();
    for (let i = 0; i < 20; i++) world.try();
    while (world.underWay.length > 0) world.end("void");
    expect(world.counts).toEqual({ started: 20, refused: 0 });
  });

  test("those who wait are bounded over all users", () => {
    const world = new World();
    for (let i = 0; i < 70; i++) world.try("ann");
    for (let i = 0; i < 70; i++) world.try("bob");
    expect(world.counts).toEqual({ started: 10, refused: 2 });
    while (world.underWay.length > 0) world.end("right");
    for (let i = 0; i < 5 + 128; i++) world.try("ann");
    expect(world.refused).toBe(2);
  });

  test("whatever comes in whatever order, only so many wrong ones are compared", () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.constant("try") },
        { weight: 2, arbitrary: fc.constantFrom("right", "wrong", "void") },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 700 }) },
      ),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const world = new World();
        let wrong = 0;
        let tried = 0;
        for (const step of all) {
          if (typeof step === "number") world.nowMs += step;
          else if (step === "try") {
            world.try();
            tried++;
          } else if (world.underWay.length > 0) {
            world.end(step as AttemptEnd);
            if (step === "wrong") wrong++;
          }
          expect(wrong + world.underWay.length).toBeLessThanOrEqual(5 + world.nowMs / 200 + 1e-6);
        }
        while (world.underWay.length > 0) world.end("right");
        expect(world.started + world.refused).toBe(tried);
      }),
      { numRuns: 300 },
    );
  });
});
