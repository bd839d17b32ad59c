import { type Audience, newAudience, seatsTaken, type Seated } from "./audience.ts";
import { EventFlag } from "./event-block.ts";
import type { Wishes } from "./interest.ts";
import {
  type PackedParts,
  type PackedPart,
  partContains,
  unpackRange,
  type WatchRange,
} from "./watch-range.ts";

/** Who of a class is meant: those at the head, or those on one of the two sweeps. */
export type AudienceKind = "synced" | "memory" | "store";

/**
 * All watchers with one interest: matched once, encoded once. A store may have as many classes as
 * watchers, so a class is as few objects as can be: it is itself the audience of its synced
 * watchers, and the first part of its range, of which there is one in most cases.
 */
export class WatchClass implements Audience, PackedPart {
  readonly start: string;
  readonly end: string | null;
  readonly #otherParts: readonly PackedPart[] | undefined;
  /** Shared by all classes with the same. */
  readonly wishes: Wishes;
  /** Watchers in any position. */
  members = 0;
  /** Those who are synced. */
  seated: Seated = undefined;
  lastGathered = -1;
  /** Those on the sweeps; most classes never have any. */
  #riding: { readonly memory: Audience; readonly store: Audience } | undefined;

  constructor([first, ...others]: PackedParts, wishes: Wishes) {
    this.start = first.start;
    this.end = first.end;
    this.#otherParts = others.length === 0 ? undefined : others;
    this.wishes = wishes;
  }

  /** The parts of its range, ascending; made anew, as the range is. */
  get parts(): PackedParts {
    return this.#otherParts === undefined ? [this] : [this, ...this.#otherParts];
  }

  get hasSeveralParts(): boolean {
    return this.#otherParts !== undefined;
  }

  /** The range, made anew: not for the paths that are run often. */
  get range(): WatchRange {
    return unpackRange(this.parts);
  }

  /** Whether the key, as latin1 text, is in its range. */
  contains(key: string): boolean {
    return this.parts.some((part) => partContains(part, key));
  }

  /** The audience of this kind, made when it is first needed. */
  audience(kind: AudienceKind): Audience {
    if (kind === "synced") return this;
    this.#riding ??= { memory: newAudience(), store: newAudience() };
    return this.#riding[kind];
  }

  /** Whether anybody of this kind listens. */
  listens(kind: AudienceKind): boolean {
    if (kind === "synced") return this.seated !== undefined;
    return this.#riding !== undefined && seatsTaken(this.#riding[kind]) > 0;
  }

  passes(eventFlags: number): boolean {
    const isDelete = (eventFlags & EventFlag.isDelete) !== 0;
    return isDelete ? !this.wishes.noDelete : !this.wishes.noPut;
  }
}
