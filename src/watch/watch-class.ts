import { assert, unreachable } from "../base/assert.ts";
import { IntervalTree } from "../base/interval-tree.ts";
import type { KeyRange } from "../base/key-range.ts";
import { type EventBlock, EventFlag } from "./event-block.ts";
import type { WatchRange } from "./watch-range.ts";
import type { Watcher } from "./watcher.ts";

/** What makes two watchers want the same bytes. */
export interface Interest {
  readonly range: WatchRange;
  /** Filter NOPUT (W30). */
  readonly noPut: boolean;
  /** Filter NODELETE (W30). */
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  /** Absent for all but the clients that ask for more than etcd has. */
  readonly extras?: WatchExtras;
}

/** What events of a watch may be besides what etcd knows (docs/watch-extensions.md). */
export interface WatchExtras {
  /** KeyValues come without their values. */
  readonly keysOnly: boolean;
  /** While the watcher is behind, changes that a newer one of their key follows are skipped. */
  readonly latestOnly: boolean;
  /** Deletes say why. */
  readonly deleteReason: boolean;
}

/** The watchers of a class that are served together, in no particular order. */
export class Audience {
  readonly watchers: Watcher[] = [];
  /** First and last entry of the chain of events gathered for it right now; -1 = none. */
  firstGathered = -1;
  lastGathered = -1;

  seat(watcher: Watcher): void {
    assert(watcher.seat === -1, "a watcher sits in one audience");
    watcher.seat = this.watchers.length;
    this.watchers.push(watcher);
  }

  /** The last one takes the place that becomes free: loops over an audience run backwards. */
  unseat(watcher: Watcher): void {
    const last = this.watchers.pop();
    assert(last !== undefined && watcher.seat >= 0, "only a seated watcher leaves");
    if (last !== watcher) {
      assert(this.watchers[watcher.seat] === watcher, "a watcher knows its seat");
      this.watchers[watcher.seat] = last;
      last.seat = watcher.seat;
    }
    watcher.seat = -1;
  }
}

/** Who of a class is meant: those at the head, or those on one of the two sweeps. */
export type AudienceKind = "synced" | "memory" | "store";

/** All watchers with one interest: matched once, encoded once. */
export class WatchClass {
  readonly interest: Interest;
  readonly identity: string;
  /** Watchers in any position. */
  members = 0;
  readonly synced: Audience = new Audience();
  #memory: Audience | undefined;
  #store: Audience | undefined;

  constructor(interest: Interest, identity: string) {
    this.interest = interest;
    this.identity = identity;
  }

  /** The audience of this kind, made when it is first needed. */
  audience(kind: AudienceKind): Audience {
    switch (kind) {
      case "synced":
        return this.synced;
      case "memory":
        this.#memory ??= new Audience();
        return this.#memory;
      case "store":
        this.#store ??= new Audience();
        return this.#store;
      default:
        return unreachable(kind);
    }
  }

  /** Whether anybody of this kind listens. */
  listens(kind: AudienceKind): boolean {
    switch (kind) {
      case "synced":
        return this.synced.watchers.length > 0;
      case "memory":
        return this.#memory !== undefined && this.#memory.watchers.length > 0;
      case "store":
        return this.#store !== undefined && this.#store.watchers.length > 0;
      default:
        return unreachable(kind);
    }
  }

  passes(eventFlags: number): boolean {
    const isDelete = (eventFlags & EventFlag.isDelete) !== 0;
    return isDelete ? !this.interest.noDelete : !this.interest.noPut;
  }
}

/** Finds the classes that a changed key concerns: single keys in a map, ranges in a tree. */
export class ClassIndex {
  readonly #classes = new Map<string, WatchClass>();
  readonly #singles = new Map<string, WatchClass[]>();
  readonly #ranges = new IntervalTree<WatchClass[]>();
  readonly #stabbed: WatchClass[][] = [];

  get size(): number {
    return this.#classes.size;
  }

  get classes(): IterableIterator<WatchClass> {
    return this.#classes.values();
  }

  /** The class with this interest; its range's bytes are kept. */
  ensure(interest: Interest): WatchClass {
    const identity = identityOf(interest);
    const existing = this.#classes.get(identity);
    if (existing !== undefined) return existing;
    const added = new WatchClass(interest, identity);
    this.#classes.set(identity, added);
    const { range } = interest;
    if (range.kind !== "several") this.#place(range).push(added);
    else for (const part of range.ranges) this.#place(part).push(added);
    return added;
  }

  /** Forgets a class that has no members left. */
  remove(watchClass: WatchClass): void {
    assert(watchClass.members === 0, "only a class without members is removed");
    this.#classes.delete(watchClass.identity);
    const { range } = watchClass.interest;
    if (range.kind !== "several") this.#removeFrom(range, watchClass);
    else for (const part of range.ranges) this.#removeFrom(part, watchClass);
  }

  #removeFrom(range: KeyRange, watchClass: WatchClass): void {
    const place = this.#place(range);
    place.splice(place.indexOf(watchClass), 1);
    if (place.length > 0) return;
    if (range.kind === "single") this.#singles.delete(latin1(range.key));
    else if (range.kind === "range") this.#ranges.delete(range.start, range.end);
    else if (range.kind === "from") this.#ranges.delete(range.start, null);
  }

  /** Appends the classes that want event `index` of the block, filters applied, to `found`. */
  find(block: EventBlock, index: number, found: WatchClass[]): void {
    const start = block.keyStart(index);
    const end = block.keyEnd(index);
    const flags = block.flags(index);
    if (this.#singles.size > 0) {
      const { slab } = block;
      const key = Buffer.from(slab.buffer, slab.byteOffset + start, end - start);
      const classes = this.#singles.get(key.toString("latin1"));
      if (classes !== undefined) collect(classes, flags, found);
    }
    if (this.#ranges.size > 0) {
      this.#stabbed.length = 0;
      this.#ranges.stab(block.slab, start, end, this.#stabbed);
      for (const classes of this.#stabbed) collect(classes, flags, found);
    }
  }

  #place(range: KeyRange): WatchClass[] {
    switch (range.kind) {
      case "single": {
        const key = latin1(range.key);
        const place = this.#singles.get(key) ?? [];
        this.#singles.set(key, place);
        return place;
      }
      case "range":
        return this.#ranges.ensure(range.start, range.end, () => []);
      case "from":
        return this.#ranges.ensure(range.start, null, () => []);
      case "empty":
        assert(false, "a watch of an empty range is refused");
        return [];
      default:
        return unreachable(range);
    }
  }
}

function collect(classes: readonly WatchClass[], flags: number, found: WatchClass[]): void {
  for (const watchClass of classes) if (watchClass.passes(flags)) found.push(watchClass);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

function identityOf({ range, noPut, noDelete, prevKv, extras }: Interest): string {
  let options = `${noPut ? "p" : ""}${noDelete ? "d" : ""}${prevKv ? "v" : ""}`;
  if (extras !== undefined) {
    const { keysOnly, latestOnly, deleteReason } = extras;
    options += `${keysOnly ? "k" : ""}${latestOnly ? "l" : ""}${deleteReason ? "y" : ""}`;
  }
  if (range.kind !== "several") return rangeIdentity(range, options);
  const parts = range.ranges.map((part) => {
    const text = rangeIdentity(part, "");
    return `${text.length}:${text}`;
  });
  return `m${options}:${parts.join("")}`;
}

function rangeIdentity(range: KeyRange, options: string): string {
  switch (range.kind) {
    case "single":
      return `s${options}:${latin1(range.key)}`;
    case "range":
      return `r${options}:${range.start.length}:${latin1(range.start)}${latin1(range.end)}`;
    case "from":
      return `f${options}:${latin1(range.start)}`;
    case "empty":
      return "e";
    default:
      return unreachable(range);
  }
}
