import { SimRandom } from "../sim/sim-random.ts";

/** A seeded source of chance: the same seed gives the same numbers everywhere. */
export class SeededRandom {
  readonly #bits: SimRandom;

  constructor(seed: number) {
    this.#bits = new SimRandom(seed);
  }

  /** A number from 0 up to, not including, 1. */
  next(): number {
    return this.#bits.u32() / 2 ** 32;
  }

  /** An integer from 0 up to, not including, `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new Error("there is nothing to pick from");
    return choice;
  }
}
