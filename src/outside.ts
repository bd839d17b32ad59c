import { randomInt } from "node:crypto";
import type { Clock, Random, Timers } from "./base/outside.ts";

/** The real clock, timers and dice, handed to the rooms by the wiring. */
export const realClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};

export const realTimers: Timers = {
  after(delayMs, fire) {
    // Longer than a timer can wait: the flags allow it, and nobody will notice.
    const timer = setTimeout(fire, Math.min(delayMs, 2 ** 31 - 1));
    timer.unref();
    return () => clearTimeout(timer);
  },
  endOfTurn(run) {
    setImmediate(run);
  },
};

export const realRandom: Random = {
  // Taken from bytes that Node keeps in store: asking OpenSSL each time costs ten times as much.
  u32: () => randomInt(2 ** 32),
};

/** 64 bits by chance. */
export function random64(random: Random): bigint {
  return (BigInt(random.u32()) << 32n) | BigInt(random.u32());
}
