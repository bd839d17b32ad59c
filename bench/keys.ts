/**
 * What watchers watch and where writers put, chosen so that it is known of every put who gets it:
 *
 * - all: every watcher watches one range, and every put is in it;
 * - key: watcher i watches one key, put n goes to the key of watcher n mod watchers;
 * - prefix: the same with a prefix each, of ten keys.
 */
export type Interest = "all" | "key" | "prefix";

/** Keys that are put when all watch all. */
const KEYS = 10_000;
const KEYS_OF_PREFIX = 10;

/** The key of the put number `n`, ASCII, of the same length for all `n`. */
export function writtenKey(interest: Interest, n: number, watchers: number): string {
  switch (interest) {
    case "all":
      return name(n % KEYS);
    case "key":
      return name(n % watchers);
    case "prefix":
      return `${name(n % watchers)}/${Math.floor(n / watchers) % KEYS_OF_PREFIX}`;
  }
}

/** What watcher number `i` watches; no end = the one key. */
export function watchedRange(interest: Interest, i: number): { key: Buffer; rangeEnd: Buffer } {
  switch (interest) {
    case "all":
      return { key: Buffer.from("k/"), rangeEnd: Buffer.from("k0") };
    case "key":
      return { key: Buffer.from(name(i)), rangeEnd: Buffer.alloc(0) };
    case "prefix":
      return { key: Buffer.from(`${name(i)}/`), rangeEnd: Buffer.from(`${name(i)}0`) };
  }
}

/** How many of the first `puts` puts watcher number `i` gets. */
export function eventsOf(i: number, puts: number, plan: InterestPlan): number {
  return plan.interest === "all" ? puts : Math.ceil((puts - i) / plan.watchers);
}

/** How many events all watchers get of the first `puts` puts. */
export function eventsOfAll(puts: number, plan: InterestPlan): number {
  return plan.interest === "all" ? puts * plan.watchers : puts;
}

export interface InterestPlan {
  readonly interest: Interest;
  readonly watchers: number;
}

function name(i: number): string {
  return `k/${String(i).padStart(8, "0")}`;
}
