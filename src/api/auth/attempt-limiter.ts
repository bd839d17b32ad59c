import type { Clock } from "../../base/outside.ts";

/** Wrong passwords of one user from one address: as many at once, and as many a second then. */
const FAILURES_AT_ONCE = 5;
const FAILURES_PER_SECOND = 5;
/** Pairs of user and address that are remembered; the one that failed longest ago gives way. */
const PAIRS_MAX = 10_000;
/**
 * Attempts that may wait for others to end: at 50 ms each, more could not be answered within etcd's
 * request timeout of 7 s. Beyond: refused.
 */
const WAITING_MAX = 128;

/** How an attempt ended; `void` when the password was compared with nothing. */
export type AttemptEnd = "right" | "wrong" | "void";

/** Somebody who wants to have a password compared. */
export interface Attempt {
  /** It may be compared now, and `end` must be called once it has been. */
  start(end: (how: AttemptEnd) => void): void;
  /** Too many have failed. */
  refused(): void;
}

interface Allowance {
  failuresLeft: number;
  atMs: number;
  /** Attempts that are being compared, each of which may fail. */
  underWay: number;
  /** Attempts that may begin when one of those has not failed, oldest first. */
  readonly waiting: Attempt[];
}

/**
 * Slows down the guessing of passwords. Only wrong ones count, so that a user's many clients, which
 * may all log in at once, are never refused for it; but no more are compared at the same time than
 * may fail, and the others wait for what comes of them.
 */
export class AttemptLimiter {
  readonly #clock: Clock;
  readonly #allowances = new Map<string, Allowance>();
  #waiting = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Has the attempt started or refused: now, or when others of this user from this address end. */
  try(user: string, address: string, attempt: Attempt): void {
    const key = keyOf(user, address);
    const allowance = this.#allowances.get(key) ?? this.#remember(key);
    this.#refill(allowance);
    if (allowance.failuresLeft < 1) attempt.refused();
    else if (hasPlace(allowance)) {
      this.#start(key, allowance, attempt);
    } else if (this.#waiting >= WAITING_MAX) attempt.refused();
    else {
      allowance.waiting.push(attempt);
      this.#waiting++;
    }
  }

  #start(key: string, allowance: Allowance, attempt: Attempt): void {
    allowance.underWay++;
    let hasEnded = false;
    attempt.start((how) => {
      if (hasEnded) return;
      hasEnded = true;
      allowance.underWay--;
      this.#refill(allowance);
      if (how === "wrong") {
        allowance.failuresLeft--;
        // Whoever fails goes to the end of those who are forgotten.
        this.#allowances.delete(key);
        this.#allowances.set(key, allowance);
      }
      this.#goOn(key, allowance);
    });
  }

  /** Starts as many of those who wait as may fail now; once nobody may, all are refused. */
  #goOn(key: string, allowance: Allowance): void {
    while (allowance.waiting.length > 0 && hasPlace(allowance)) {
      const next = allowance.waiting.shift();
      this.#waiting--;
      if (next !== undefined) this.#start(key, allowance, next);
    }
    if (allowance.failuresLeft < 1) {
      const refused = allowance.waiting.splice(0);
      this.#waiting -= refused.length;
      for (const attempt of refused) attempt.refused();
    }
    const isIdle = allowance.underWay === 0 && allowance.waiting.length === 0;
    const isFull = allowance.failuresLeft >= FAILURES_AT_ONCE;
    if (isIdle && isFull && this.#allowances.get(key) === allowance) this.#allowances.delete(key);
  }

  #remember(key: string): Allowance {
    const allowance: Allowance = {
      failuresLeft: FAILURES_AT_ONCE,
      atMs: this.#clock.monotonicMs(),
      underWay: 0,
      waiting: [],
    };
    this.#allowances.set(key, allowance);
    const [oldest] = this.#allowances.keys();
    if (this.#allowances.size > PAIRS_MAX && oldest !== undefined) this.#allowances.delete(oldest);
    return allowance;
  }

  #refill(allowance: Allowance): void {
    const nowMs = this.#clock.monotonicMs();
    const earned = ((nowMs - allowance.atMs) / 1000) * FAILURES_PER_SECOND;
    allowance.failuresLeft = Math.min(FAILURES_AT_ONCE, allowance.failuresLeft + earned);
    allowance.atMs = nowMs;
  }
}

/** Whether all that are under way and one more may fail. */
function hasPlace({ underWay, failuresLeft }: Allowance): boolean {
  return underWay + 1 <= failuresLeft;
}

/** The address without its port, which is another one with each connection. */
function keyOf(user: string, address: string): string {
  return `${address.replace(/:\d+$/, "")} ${user}`;
}
