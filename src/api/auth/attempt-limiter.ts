import type { Clock } from "../../base/outside.ts";

/** Wrong passwords of one user from one address: as many at once, and as many a second then. */
const FAILURES_AT_ONCE = 5;
const FAILURES_PER_SECOND = 5;
/** Pairs of user and address that are remembered; the one that failed longest ago gives way. */
const PAIRS_MAX = 10_000;

interface Allowance {
  failuresLeft: number;
  atMs: number;
}

/**
 * Slows down the guessing of passwords. Only wrong ones count, so that a user's many clients, which
 * may all log in at once, are never refused for it.
 */
export class AttemptLimiter {
  readonly #clock: Clock;
  readonly #allowances = new Map<string, Allowance>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False while too many attempts of this user from this address have failed. */
  mayTry(user: string, address: string): boolean {
    const allowance = this.#allowances.get(keyOf(user, address));
    return allowance === undefined || this.#refill(allowance).failuresLeft >= 1;
  }

  failed(user: string, address: string): void {
    const key = keyOf(user, address);
    const known = this.#allowances.get(key);
    const allowance = known ?? {
      failuresLeft: FAILURES_AT_ONCE,
      atMs: this.#clock.monotonicMs(),
    };
    this.#refill(allowance).failuresLeft--;
    this.#allowances.delete(key);
    this.#allowances.set(key, allowance);
    const [oldest] = this.#allowances.keys();
    if (this.#allowances.size > PAIRS_MAX && oldest !== undefined) this.#allowances.delete(oldest);
  }

  #refill(allowance: Allowance): Allowance {
    const nowMs = this.#clock.monotonicMs();
    const earned = ((nowMs - allowance.atMs) / 1000) * FAILURES_PER_SECOND;
    allowance.failuresLeft = Math.min(FAILURES_AT_ONCE, allowance.failuresLeft + earned);
    allowance.atMs = nowMs;
    return allowance;
  }
}

/** The address without its port, which is another one with each connection. */
function keyOf(user: string, address: string): string {
  return `${address.replace(/:\d+$/, "")} ${user}`;
}
