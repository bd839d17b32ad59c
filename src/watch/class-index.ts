import { assert } from "../base/assert.ts";
import { latin1Text } from "../base/bytes.ts";
import { IntervalTree } from "../base/interval-tree.ts";
import type { EventBlock } from "./event-block.ts";
import { sharedWishes, type Interest } from "./interest.ts";
import { WatchClass } from "./watch-class.ts";
import { isSingleKey, packRange, type PackedPart, type PackedParts } from "./watch-range.ts";

/**
 * Who wants the keys of one part of a range. In most cases that is one class, which has no other
 * parts: then its place is the class itself.
 */
type Place = WatchClass | SharedPlace;

interface SharedPlace extends PackedPart {
  readonly classes: WatchClass[];
}

/** Finds the classes that a changed key concerns: single keys in a map, ranges in a tree. */
export class ClassIndex {
  readonly #singles = new Map<string, Place>();
  readonly #ranges = new IntervalTree<Place>();
  /** Classes with several parts, which stand in the place of each, by all of them. */
  readonly #several = new Map<string, WatchClass[]>();
  readonly #stabbed: Place[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** All classes, in no particular order. New and removed ones may or may not be among them. */
  *classes(): IterableIterator<WatchClass> {
    for (const place of this.#singles.values()) yield* ofOnePart(place);
    for (const place of this.#ranges.values()) yield* ofOnePart(place);
    for (const classes of this.#several.values()) yield* classes;
  }

  /** The class with this interest. */
  ensure(interest: Interest): WatchClass {
    const parts = packRange(interest.range);
    const wishes = sharedWishes(interest);
    const present = this.#withParts(parts).find((one) => one.wishes === wishes);
    if (present !== undefined) return present;
    const added = new WatchClass(parts, wishes);
    this.#size++;
    for (const part of parts) this.#add(part, added);
    if (added.hasSeveralParts) {
      const name = nameOf(parts);
      this.#several.set(name, [...(this.#several.get(name) ?? []), added]);
    }
    return added;
  }

  /** Forgets a class that has no members left. */
  remove(watchClass: WatchClass): void {
    assert(watchClass.members === 0, "only a class without members is removed");
    this.#size--;
    const { parts } = watchClass;
    for (const part of parts) this.#remove(part, watchClass);
    if (watchClass.hasSeveralParts) {
      const name = nameOf(parts);
      const left = this.#withParts(parts).filter((one) => one !== watchClass);
      if (left.length === 0) this.#several.delete(name);
      else this.#several.set(name, left);
    }
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

  /** All classes with exactly these parts. */
  #withParts(parts: PackedParts): readonly WatchClass[] {
    if (parts.length > 1) return this.#several.get(nameOf(parts)) ?? [];
    const place = this.#placeOf(parts[0]);
    return place === undefined ? [] : ofOnePart(place);
  }

  #placeOf(part: PackedPart): Place | undefined {
    return isSingleKey(part) ? this.#singles.get(part.start) : this.#ranges.get(part);
  }

  #setPlace(part: PackedPart, before: Place | undefined, after: Place): void {
    if (isSingleKey(part)) this.#singles.set(part.start, after);
    else if (before === undefined) this.#ranges.add(after);
    else this.#ranges.replace(after);
  }

  #deletePlace(part: PackedPart): void {
    if (isSingleKey(part)) this.#singles.delete(part.start);
    else this.#ranges.delete(part);
  }

  /** The class wants the keys of this part, which is one of its own. */
  #add(part: PackedPart, added: WatchClass): void {
    const before = this.#placeOf(part);
    if (before === undefined) this.#setPlace(part, before, placeFor(part, [added]));
    else if (before instanceof WatchClass)
      this.#setPlace(part, before, placeFor(part, [before, added]));
    else before.classes.push(added);
  }

  /** The class wants the keys of this part no more. */
  #remove(part: PackedPart, gone: WatchClass): void {
    const before = this.#placeOf(part);
    assert(before !== undefined, "a class stands in all its places");
    const left = all(before).filter((one) => one !== gone);
    if (left.length === 0) this.#deletePlace(part);
    else this.#setPlace(part, before, placeFor(part, left));
  }
}

function placeFor({ start, end }: PackedPart, classes: WatchClass[]): Place {
  const [first] = classes;
  const isAlone = classes.length === 1 && first !== undefined && !first.hasSeveralParts;
  return isAlone ? first : { start, end, classes };
}

function all(place: Place): readonly WatchClass[] {
  return place instanceof WatchClass ? [place] : place.classes;
}

function ofOnePart(place: Place): readonly WatchClass[] {
  return all(place).filter((one) => !one.hasSeveralParts);
}

function collect(place: Place, flags: number, found: WatchClass[]): void {
  if (place instanceof WatchClass) {
    if (place.passes(flags)) found.push(place);
    return;
  }
  for (const watchClass of place.classes) if (watchClass.passes(flags)) found.push(watchClass);
}

/** Different for different ranges. */
function nameOf(parts: PackedParts): string {
  return JSON.stringify(parts.map(({ start, end }) => [start, end]));
}
