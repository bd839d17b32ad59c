import type { Clock, Timers } from "../base/outside.ts";

/** Timers cannot wait for more than 2^31 ms; a deadline further off is waited for in parts. */
const TIMER_MS_MAX: number = 2 ** 30;

/** Something that happens at a time unless it is cleared before; may be set again and again. */
export class Deadline {
  readonly expire: () => void;
  /** When; only while it is set. */
  atMs = 0;
  /** Place in the queue's heap; -1 = not set. */
  index = -1;

  constructor(expire: () => void) {
    this.expire = expire;
  }
}

/**
 * All deadlines of a listener behind one timer: a heap by time. Setting and clearing cost a few
 * swaps; the timer is moved only when something is due before it, so a call whose deadline never
 * comes costs no timer of its own.
 */
export class DeadlineQueue {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #heap: Deadline[] = [];
  #cancelTimer: (() => void) | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Sets the deadline, or moves it when it was set. */
  set(deadline: Deadline, atMs: number): void {
    this.clear(deadline);
    deadline.atMs = atMs;
    deadline.index = this.#heap.length;
    this.#heap.push(deadline);
    this.#raise(deadline);
    if (atMs < this.#timerAtMs) this.#arm(atMs);
  }

  clear(deadline: Deadline): void {
    const index = deadline.index;
    if (index < 0) return;
    deadline.index = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === deadline) return;
    this.#place(last, index);
    this.#raise(last);
    this.#lower(last);
  }

  #arm(atMs: number): void {
    this.#cancelTimer?.();
    this.#timerAtMs = atMs;
    const delayMs = Math.min(TIMER_MS_MAX, Math.max(0, atMs - this.#clock.monotonicMs()));
    this.#cancelTimer = this.#timers.after(delayMs, this.#fire);
  }

  readonly #fire = (): void => {
    this.#cancelTimer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= nowMs; ) {
      this.clear(first);
      first.expire();
      first = this.#heap[0];
    }
    const next = this.#heap[0];
    if (next !== undefined && next.atMs < this.#timerAtMs) this.#arm(next.atMs);
  };

  /** Stops the timer for good; what is set is forgotten. */
  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    for (const deadline of this.#heap) deadline.index = -1;
    this.#heap.length = 0;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #raise(deadline: Deadline): void {
    while (deadline.index > 0) {
      const parent = this.#heap[(deadline.index - 1) >> 1];
      if (parent === undefined || parent.atMs <= deadline.atMs) return;
      this.#swap(deadline, parent);
    }
  }

  #lower(deadline: Deadline): void {
    for (;;) {
      const left = this.#heap[2 * deadline.index + 1];
      const right = this.#heap[2 * deadline.index + 2];
      const least =
        right !== undefined && left !== undefined && right.atMs < left.atMs ? right : left;
      if (least === undefined || least.atMs >= deadline.atMs) return;
      this.#swap(deadline, least);
    }
  }

  #swap(left: Deadline, right: Deadline): void {
    const index = left.index;
    this.#place(left, right.index);
    this.#place(right, index);
  }

  #place(deadline: Deadline, index: number): void {
    this.#heap[index] = deadline;
    deadline.index = index;
  }
}
