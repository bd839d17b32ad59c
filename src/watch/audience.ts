import { assert } from "../base/assert.ts";
import type { Watcher } from "./watcher.ts";

/**
 * Watchers of one class that are served together, in no particular order. A store may have as many
 * audiences as watchers: so an audience is no object of its own where there is one anyway, as the
 * class is of its synced watchers, and an audience of one has no list. Whoever sits in an audience
 * knows its seat, below `seatsTaken`.
 */
export interface Audience {
  /** For the functions of this file alone. */
  seated: Seated;
  /**
   * The last entry of the chain of events gathered for it right now, which the first one follows;
   * -1 = none.
   */
  lastGathered: number;
}

/** Nobody, the only one, or several by their seats. */
export type Seated = undefined | Watcher | Watcher[];

export function newAudience(): Audience {
  return { seated: undefined, lastGathered: -1 };
}

export function seatsTaken({ seated }: Audience): number {
  if (seated === undefined) return 0;
  return Array.isArray(seated) ? seated.length : 1;
}

/** The watcher on this seat. */
export function watcherAt({ seated }: Audience, seat: number): Watcher {
  const watcher = Array.isArray(seated) ? seated[seat] : seated;
  assert(watcher !== undefined, "every seat below their number is taken");
  return watcher;
}

export function takeSeat(audience: Audience, watcher: Watcher): void {
  assert(watcher.seat === -1, "a watcher sits in one audience");
  watcher.seat = seatsTaken(audience);
  const { seated } = audience;
  if (seated === undefined) audience.seated = watcher;
  else if (Array.isArray(seated)) seated.push(watcher);
  else audience.seated = [seated, watcher];
}

/** The last one takes the seat that becomes free: loops over an audience run backwards. */
export function leaveSeat(audience: Audience, watcher: Watcher): void {
  const { seated } = audience;
  const { seat } = watcher;
  watcher.seat = -1;
  if (!Array.isArray(seated)) {
    assert(seated === watcher && seat === 0, "a watcher knows where it sits alone");
    audience.seated = undefined;
    return;
  }
  assert(seated[seat] === watcher, "a watcher knows its seat");
  const last = seated.pop();
  assert(last !== undefined, "a list of watchers is never empty");
  if (last !== watcher) {
    seated[seat] = last;
    last.seat = seat;
  }
  if (seated.length === 1) audience.seated = seated[0];
}
