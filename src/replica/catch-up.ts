import type { Clock, Timers } from "../base/outside.ts";

/** For so long after a commit writers are taken to be about. */
const WRITERS_LINGER_MS = 20;
/**
 * While writers are about: after so many steps the catching up rests. A step is about a quarter of
 * a millisecond here and as much in the client, and a write goes through several threads and both
 * programs: it finds a free core at once only when these are not all busy with history.
 */
const STEPS_BETWEEN_RESTS = 4;
/** The shortest that a timer can wait. */
const REST_MS = 1;

/** It rests only when it went through so many times the revisions that were written meanwhile. */
const GAIN_MIN = 4;

/** What of the hub this needs. */
interface Sweeping {
  readonly busy: boolean;
  readonly head: number;
  /** Returns how many revisions of history it went through. */
  step(): number;
}

/**
 * Lets the hub's sweeps take a step in every turn of the event loop while somebody is behind: at
 * full speed while nobody writes, and when so much is written that rests would lose the race; else
 * with rests.
 */
export class CatchUp {
  readonly #timers: Timers;
  readonly #clock: Clock;
  readonly #hub: () => Sweeping;
  #isScheduled = false;
  #committedMs = Number.NEGATIVE_INFINITY;
  #steps = 0;
  /** Revisions gone through by these steps, and the head when they began. */
  #swept = 0;
  #head = 0;

  constructor(timers: Timers, clock: Clock, hub: () => Sweeping) {
    this.#timers = timers;
    this.#clock = clock;
    this.#hub = hub;
  }

  /** Somebody fell behind. */
  readonly wake = (): void => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#timers.endOfTurn(this.#step);
  };

  /** A group of writes has become durable. */
  committed(): void {
    this.#committedMs = this.#clock.monotonicMs();
  }

  readonly #step = (): void => {
    const hub = this.#hub();
    this.#isScheduled = false;
    this.#swept += hub.step();
    if (!hub.busy) return;
    if (++this.#steps >= STEPS_BETWEEN_RESTS && this.#mayRest(hub)) {
      this.#isScheduled = true;
      this.#timers.after(REST_MS, this.#step);
    } else {
      this.wake();
    }
  };

  #mayRest(hub: Sweeping): boolean {
    const swept = this.#swept;
    const written = hub.head - this.#head;
    this.#steps = 0;
    this.#swept = 0;
    this.#head = hub.head;
    const isWritten = this.#clock.monotonicMs() - this.#committedMs < WRITERS_LINGER_MS;
    return isWritten && swept >= GAIN_MIN * written;
  }
}
