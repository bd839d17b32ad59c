import { Audience } from "./audience.ts";
import { EventFlag } from "./event-block.ts";
import { sharedWishes, type Interest, type Wishes } from "./interest.ts";
import { packRange, type PackedRange, unpackRange, type WatchRange } from "./watch-range.ts";

/** Who of a class is meant: those at the head, or those on one of the two sweeps. */
export type AudienceKind = "synced" | "memory" | "store";

/**
 * All watchers with one interest: matched once, encoded once. A store may have as many classes as
 * watchers, so what a class is made of is kept small.
 */
export class WatchClass {
  readonly packedRange: PackedRange;
  /** Shared by all classes with the same. */
  readonly wishes: Wishes;
  /** Watchers in any position. */
  members = 0;
  readonly synced: Audience = new Audience();
  /** Those on the sweeps; most classes never have any. */
  #riding: { readonly memory: Audience; readonly store: Audience } | undefined;

  constructor(interest: Interest) {
    this.packedRange = packRange(interest.range);
    this.wishes = sharedWishes(interest);
  }

  /** The range, made anew: not for the paths that are run often. */
  get range(): WatchRange {
    return unpackRange(this.packedRange);
  }

  /** The audience of this kind, made when it is first needed. */
  audience(kind: AudienceKind): Audience {
    if (kind === "synced") return this.synced;
    this.#riding ??= { memory: new Audience(), store: new Audience() };
    return this.#riding[kind];
  }

  /** Whether anybody of this kind listens. */
  listens(kind: AudienceKind): boolean {
    if (kind === "synced") return this.synced.size > 0;
    return this.#riding !== undefined && this.#riding[kind].size > 0;
  }

  passes(eventFlags: number): boolean {
    const isDelete = (eventFlags & EventFlag.isDelete) !== 0;
    return isDelete ? !this.wishes.noDelete : !this.wishes.noPut;
  }
}
