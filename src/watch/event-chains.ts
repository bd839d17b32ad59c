import type { Audience } from "./audience.ts";

/** Bit of an entry's event that is gathered only to be counted as left out. */
const SKIPPED = 0x8000_0000;
/** Stands behind the last entry of a chain. */
export const NO_ENTRY = -1;

/**
 * The events gathered for each audience while a stretch is distributed: chains of entries in two
 * arrays that all audiences share. While a chain grows, its last entry is followed by its first, so
 * that an audience has to know only one of them.
 */
export class EventChains {
  #events = new Uint32Array(1024);
  #next = new Int32Array(1024);
  #count = 0;

  /** Adds an event behind the audience's others; true when it is the first. */
  add(audience: Audience, event: number, isSkipped: boolean): boolean {
    if (this.#count === this.#events.length) this.#grow();
    const entry = this.#count++;
    const last = audience.lastGathered;
    this.#events[entry] = isSkipped ? event + SKIPPED : event;
    audience.lastGathered = entry;
    if (last === NO_ENTRY) {
      this.#next[entry] = entry;
      return true;
    }
    this.#next[entry] = this.#next[last] as number;
    this.#next[last] = entry;
    return false;
  }

  /** Ends the audience's chain, takes it off the audience, and returns its first entry. */
  take(audience: Audience): number {
    const last = audience.lastGathered;
    const first = this.#next[last] as number;
    this.#next[last] = NO_ENTRY;
    audience.lastGathered = NO_ENTRY;
    return first;
  }

  /** The index of the entry's event in its block. */
  event(entry: number): number {
    return (this.#events[entry] as number) & (SKIPPED - 1);
  }

  isSkipped(entry: number): boolean {
    return (this.#events[entry] as number) >= SKIPPED;
  }

  next(entry: number): number {
    return this.#next[entry] as number;
  }

  /** Forgets all entries; every chain has been taken. */
  clear(): void {
    this.#count = 0;
  }

  #grow(): void {
    const events = new Uint32Array(this.#count * 2);
    events.set(this.#events);
    this.#events = events;
    const next = new Int32Array(this.#count * 2);
    next.set(this.#next);
    this.#next = next;
  }
}
