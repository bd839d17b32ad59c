import { assert } from "../base/assert.ts";
import { latin1Text } from "../base/bytes.ts";
import { IntervalTree } from "../base/interval-tree.ts";
import type { EventBlock } from "./event-block.ts";
import { sharedWishes, type Interest } from "./interest.ts";
import { WatchClass } from "./watch-class.ts";
import { isSeveral, type PackedPart, packRange, type PackedRange } from "./watch-range.ts";

/** The classes of one key or one range: in most cases a single one. */
type Place = WatchClass | WatchClass[];

type Change = (before: Place | undefined) => Place | undefined;

/** Finds the classes that a changed key concerns: single keys in a map, ranges in a tree. */
export class ClassIndex {
  readonly #singles = new Map<string, Place>();
  readonly #ranges = new IntervalTree<Place>();
  /** Classes with several ranges, which stand in the place of each, by their ranges. */
  readonly #several = new Map<string, Place>();
  readonly #stabbed: Place[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** All classes, in no particular order. New and removed ones may or may not be among them. */
  *classes(): IterableIterator<WatchClass> {
    for (const place of this.#singles.values()) yield* ofOneRange(place);
    for (const place of this.#ranges.values()) yield* ofOneRange(place);
    for (const place of this.#several.values()) yield* all(place);
  }

  /** The class with this interest. */
  ensure(interest: Interest): WatchClass {
    const packed = packRange(interest.range);
    const wishes = sharedWishes(interest);
    const place = isSeveral(packed) ? this.#several.get(nameOf(packed)) : this.#placeOf(packed);
    if (place !== undefined) {
      for (const one of all(place)) {
        if (one.wishes === wishes && hasSeveral(one) === isSeveral(packed)) return one;
      }
    }
    const added = new WatchClass(interest);
    this.#size++;
    this.#forEachPlace(packed, (before) => withClass(before, added));
    return added;
  }

  /** Forgets a class that has no members left. */
  remove(watchClass: WatchClass): void {
    assert(watchClass.members === 0, "only a class without members is removed");
    this.#size--;
    this.#forEachPlace(watchClass.packedRange, (before) => withoutClass(before, watchClass));
  }

  /** Appends the classes that want event `index` of the block, filters applied, to `found`. */
  find(block: EventBlock, index: number, found: WatchClass[]): void {
    const start = block.keyStart(index);
    const key = latin1Text(block.slab, start, block.keyEnd(index));
    const flags = block.flags(index);
    const single = this.#singles.get(key);
    if (single !== undefined) collect(single, flags, found);
    if (this.#ranges.size === 0) return;
    this.#stabbed.length = 0;
    this.#ranges.stab(key, this.#stabbed);
    for (const place of this.#stabbed) collect(place, flags, found);
  }

  #placeOf(part: PackedPart): Place | undefined {
    if (typeof part === "string") return this.#singles.get(part);
    return this.#ranges.get(part.start, part.end);
  }

  /** Replaces what stands in each place of these ranges; undefined = nothing. */
  #forEachPlace(packed: PackedRange, change: Change): void {
    if (!isSeveral(packed)) {
      this.#changePlace(packed, change);
      return;
    }
    changeIn(this.#several, nameOf(packed), change);
    for (const part of packed) this.#changePlace(part, change);
  }

  #changePlace(part: PackedPart, change: Change): void {
    if (typeof part === "string") {
      changeIn(this.#singles, part, change);
      return;
    }
    const after = change(this.#ranges.get(part.start, part.end));
    if (after === undefined) this.#ranges.delete(part.start, part.end);
    else this.#ranges.set(part.start, part.end, after);
  }
}

function changeIn(places: Map<string, Place>, name: string, change: Change): void {
  const after = change(places.get(name));
  if (after === undefined) places.delete(name);
  else places.set(name, after);
}

function withClass(place: Place | undefined, added: WatchClass): Place {
  if (place === undefined) return added;
  if (place instanceof WatchClass) return [place, added];
  place.push(added);
  return place;
}

function withoutClass(place: Place | undefined, gone: WatchClass): Place | undefined {
  if (place === gone) return undefined;
  assert(Array.isArray(place) && place.includes(gone), "a class stands in all its places");
  place.splice(place.indexOf(gone), 1);
  return place.length > 1 ? place : place[0];
}

function all(place: Place): readonly WatchClass[] {
  return place instanceof WatchClass ? [place] : place;
}

function ofOneRange(place: Place): readonly WatchClass[] {
  return all(place).filter((one) => !hasSeveral(one));
}

function hasSeveral(watchClass: WatchClass): boolean {
  return isSeveral(watchClass.packedRange);
}

function collect(place: Place, flags: number, found: WatchClass[]): void {
  if (place instanceof WatchClass) {
    if (place.passes(flags)) found.push(place);
    return;
  }
  for (const watchClass of place) if (watchClass.passes(flags)) found.push(watchClass);
}

/** Different for different ranges. */
function nameOf(ranges: readonly PackedPart[]): string {
  return JSON.stringify(ranges);
}
