import type { Clock, Timers } from "../base/outside.ts";
import type { Backlog } from "../watch/sweep.ts";

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
/** It rests only for those who have more revisions to go: others are all but level. */
const FAR_REVISIONS = 2048;
/** Whether those who are behind come nearer is looked at this often. */
const GAIN_WINDOW_MS = 20;
/** It rests only while each of them is sent so many times what is written meanwhile. */
const GAIN_MIN = 3;

/** What of the hub this needs. */
interface Sweeping {
  readonly busy: boolean;
  readonly head: number;
  step(): Backlog;
}

/**
 * Lets the hub's sweeps take a step in every turn of the event loop while somebody is behind: at
 * full speed while nobody writes, and when so much is written that rests would lose the race; else
 * with rests while somebody is far behind.
 */
export class CatchUp {
  readonly #timers: Timers;
  readonly #clock: Clock;
  readonly #hub: () => Sweeping;
  #isScheduled = false;
  #committedMs = Number.NEGATIVE_INFINITY;
  #steps = 0;
  #gains = true;
  /** As they were when the present window began. */
  #windowMs = Number.NEGATIVE_INFINITY;
  #windowHead = 0;
  #windowCovered = 0;
  /** The most that were behind in the present window. */
  #watchersMost = 0;

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
    const backlog = hub.step();
    if (!hub.busy) {
      this.#windowMs = Number.NEGATIVE_INFINITY;
      return;
    }
    if (++this.#steps >= STEPS_BETWEEN_RESTS && this.#mayRest(hub.head, backlog)) {
      this.#steps = 0;
      this.#isScheduled = true;
      this.#timers.after(REST_MS, this.#step);
    } else {
      this.wake();
    }
  };

  #mayRest(head: number, { watchers, lowest, covered }: Backlog): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#watchersMost = Math.max(this.#watchersMost, watchers);
    if (nowMs - this.#windowMs >= GAIN_WINDOW_MS) {
      const isFirst = this.#windowMs === Number.NEGATIVE_INFINITY;
      const newlyDue = (head - this.#windowHead) * this.#watchersMost;
      this.#gains = isFirst || covered - this.#windowCovered >= GAIN_MIN * newlyDue;
      this.#windowMs = nowMs;
      this.#windowHead = head;
      this.#windowCovered = covered;
      this.#watchersMost = watchers;
    }
    const isWritten = nowMs - this.#committedMs < WRITERS_LINGER_MS;
    return this.#gains && isWritten && head - lowest > FAR_REVISIONS;
  }
}
