import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  INPUT_SLICE_MS,
  InputSlice,
  InputTurns,
  WAITING_INPUT_MS,
  type WaitingInput,
  WORK_BETWEEN_LOOKS,
} from "./input-turns.ts";

/** Turns whose time a test moves, and which end when it says so. */
class World {
  nowMs = 0;
  isEndAwaited = false;
  readonly turns: InputTurns = new InputTurns(
    { monotonicMs: () => this.nowMs, wallMs: () => 0 },
    () => (this.isEndAwaited = true),
  );

  endTurn(): void {
    this.isEndAwaited = false;
    this.turns.next();
    this.turns.serve();
  }

  begun(): InputSlice {
    const slice = new InputSlice(this.turns);
    slice.begin(this.nowMs);
    return slice;
  }
}

/** How much may be done when each piece takes so long. */
function workOf(world: World, slice: InputSlice, pieceMs: number): number {
  let done = 0;
  while (done < 1_000_000 && slice.mayGoOn()) {
    world.nowMs += pieceMs;
    done++;
  }
  return done;
}

/** Takes so long each time, and has work for so many turns. */
class Worker implements WaitingInput {
  readonly #world: World;
  readonly #name: string;
  readonly #costMs: number;
  turnsLeft: number;

  constructor(world: World, name: string, { costMs, turns }: { costMs: number; turns: number }) {
    this.#world = world;
    this.#name = name;
    this.#costMs = costMs;
    this.turnsLeft = turns;
    world.turns.wait(this);
  }

  takeTurn(): void {
    served.push(this.#name);
    this.#world.nowMs += this.#costMs;
    if (--this.turnsLeft > 0) this.#world.turns.wait(this);
  }
}

let served: string[] = [];

describe("InputSlice", () => {
  test("ends with its time, looked at after some pieces of work", () => {
    const world = new World();
    expect(workOf(world, world.begun(), INPUT_SLICE_MS)).toBe(WORK_BETWEEN_LOOKS);
    const short = workOf(world, world.begun(), INPUT_SLICE_MS / 100);
    expect(short).toBeGreaterThanOrEqual(100);
    expect(short).toBeLessThan(100 + WORK_BETWEEN_LOOKS);
  });

  test("has no end while no time passes", () => {
    const world = new World();
    expect(workOf(world, world.begun(), 0)).toBe(1_000_000);
  });

  test("calls are looked at sooner than frames", () => {
    const world = new World();
    const slice = world.begun();
    let calls = 0;
    for (; calls < 1_000 && slice.mayGoOn(); calls++) {
      slice.countCall();
      world.nowMs += INPUT_SLICE_MS;
    }
    expect(calls).toBeLessThan(WORK_BETWEEN_LOOKS / 2);
  });

  test("is the only one of its connection in a turn", () => {
    const world = new World();
    const slice = world.begun();
    workOf(world, slice, INPUT_SLICE_MS);
    slice.begin(world.nowMs);
    expect(slice.mayGoOn()).toBe(false);
    world.endTurn();
    slice.begin(world.nowMs);
    expect(slice.mayGoOn()).toBe(true);
  });

  test("awaits the end of its turn, or the next one would never come", () => {
    const world = new World();
    world.begun();
    expect(world.isEndAwaited).toBe(true);
  });
});

describe("InputTurns", () => {
  test("those who wait share a bounded time in turn; the first always has one", () => {
    served = [];
    const world = new World();
    const costMs = WAITING_INPUT_MS / 2;
    for (const name of ["a", "b", "c"]) new Worker(world, name, { costMs, turns: 2 });
    new Worker(world, "long", { costMs: WAITING_INPUT_MS * 10, turns: 2 });
    const turns: string[] = [];
    while (world.isEndAwaited) {
      served = [];
      world.endTurn();
      turns.push(served.join(" "));
    }
    expect(turns).toEqual(["a b", "c long", "a b", "c long"]);
  });

  test("everybody is served as often as it waits, nobody twice before another once", () => {
    const workers = fc.array(
      fc.record({
        costMs: fc.double({ min: 0, max: 2 * WAITING_INPUT_MS, noNaN: true }),
        turns: fc.integer({ min: 1, max: 5 }),
      }),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(workers, (plans) => {
        served = [];
        const world = new World();
        const all = plans.map((plan, i) => new Worker(world, String(i), plan));
        while (world.isEndAwaited) {
          const fromMs = world.nowMs;
          const before = served.length;
          world.endTurn();
          const last = plans[Number(served.at(-1))]!;
          expect(served.length).toBeGreaterThan(before);
          expect(world.nowMs - fromMs).toBeLessThanOrEqual(WAITING_INPUT_MS + last.costMs + 1e-6);
        }
        expect(all.every(({ turnsLeft }) => turnsLeft === 0)).toBe(true);
        const rounds = plans.map(() => 0);
        for (const name of served) {
          const round = rounds[Number(name)]!++;
          const behind = rounds.filter((done, i) => done < round && plans[i]!.turns > done);
          expect(behind).toEqual([]);
        }
      }),
    );
  });
});
