import { assert } from "./assert.ts";

/** The keys from `start` up to `end`, which is not in it, as latin1 text; null = no upper bound. */
export interface Interval {
  readonly start: string;
  readonly end: string | null;
}

/** The slot that holds no node: what a missing child is, of height 0. */
const NONE = 0;
const FIRST_CAPACITY = 16;

/**
 * Half-open intervals of keys, no two the same, each given by the value that it belongs to: answers
 * "which intervals contain this key" in O(log n + answers). An AVL tree ordered by (start, end) in
 * which every node also knows the greatest end below it.
 *
 * A node is a slot number, and what a node has stands in one array each: half the memory of an
 * object a node, and little for the collector to visit. The slots that are taken lie side by side
 * behind slot 0: whenever one becomes free, the last one moves there.
 */
export class IntervalTree<Value extends Interval> {
  readonly #values: (Value | undefined)[] = [undefined];
  readonly #greatestEnds: (string | null)[] = [""];
  #left = new Uint32Array(FIRST_CAPACITY);
  #right = new Uint32Array(FIRST_CAPACITY);
  #heights = new Uint8Array(FIRST_CAPACITY);
  #root = NONE;

  get size(): number {
    return this.#values.length - 1;
  }

  /** The value whose interval is exactly this one. */
  get(interval: Interval): Value | undefined {
    return this.#values[this.#find(interval)];
  }

  /** Adds a value whose interval no other has. */
  add(value: Value): void {
    assert(value.end === null || value.start < value.end, "an interval contains at least one key");
    const node = this.#values.length;
    if (node === this.#heights.length) this.#resize(Math.ceil(node * 1.5));
    this.#values.push(value);
    this.#greatestEnds.push(value.end);
    this.#heights[node] = 1;
    this.#root = this.#insert(this.#root, node);
  }

  /** Puts a value in the place of the one that has the same interval. */
  replace(value: Value): void {
    const node = this.#find(value);
    assert(node !== NONE, "only a present interval gets another value");
    this.#values[node] = value;
  }

  /** Removes the value whose interval is exactly this one. */
  delete(interval: Interval): void {
    const result = { freed: NONE };
    this.#root = this.#remove(this.#root, interval, result);
    this.#giveBack(result.freed);
  }

  /** Appends the values of all intervals that contain the key to `found`. */
  stab(key: string, found: Value[]): void {
    this.#stab(this.#root, key, found);
  }

  /** All values as they are now, intervals ascending. */
  values(): Value[] {
    const values: Value[] = [];
    this.#walk(this.#root, (node) => values.push(this.#value(node)));
    return values;
  }

  /** Walks the whole tree and asserts order, balance and greatest ends. For tests. */
  checkInvariants(): void {
    let previous: Value | undefined;
    let count = 0;
    this.#walk(this.#root, (node) => {
      const value = this.#value(node);
      assert(previous === undefined || compare(previous, value) < 0, "intervals are in order");
      previous = value;
      count++;
      const tilt = this.#tilt(node);
      assert(tilt >= -1 && tilt <= 1, "the tree is balanced");
      const height = this.#heights[node];
      const greatestEnd = this.#greatestEnds[node];
      this.#refresh(node);
      assert(this.#heights[node] === height, "heights are right");
      assert(this.#greatestEnds[node] === greatestEnd, "greatest ends are right");
    });
    assert(count === this.size, "every slot that is taken is in the tree");
    assert(this.#greatestEnds.length === this.#values.length, "a slot has all that a node has");
  }

  #walk(node: number, visit: (node: number) => void): void {
    if (node === NONE) return;
    this.#walk(this.#childLeft(node), visit);
    visit(node);
    this.#walk(this.#childRight(node), visit);
  }

  /** The node of this interval, or NONE. */
  #find(interval: Interval): number {
    let node = this.#root;
    while (node !== NONE) {
      const order = compare(interval, this.#value(node));
      if (order === 0) break;
      node = order < 0 ? this.#childLeft(node) : this.#childRight(node);
    }
    return node;
  }

  #stab(from: number, key: string, found: Value[]): void {
    for (let node = from; node !== NONE; node = this.#childRight(node)) {
      // Nothing here or below ends above the key: no answer in this whole part.
      const greatestEnd = this.#greatestEnd(node);
      if (greatestEnd !== null && greatestEnd <= key) return;
      this.#stab(this.#childLeft(node), key, found);
      // From here on every interval starts above the key.
      const value = this.#value(node);
      if (value.start > key) return;
      if (value.end === null || value.end > key) found.push(value);
    }
  }

  /** Puts the new node somewhere below; returns the root of what results. */
  #insert(node: number, added: number): number {
    if (node === NONE) return added;
    const value = this.#value(added);
    const order = compare(value, this.#value(node));
    assert(order !== 0, "an interval is added once");
    if (compareEnds(value.end, this.#greatestEnd(node)) > 0) this.#greatestEnds[node] = value.end;
    if (order < 0) this.#left[node] = this.#insert(this.#childLeft(node), added);
    else this.#right[node] = this.#insert(this.#childRight(node), added);
    return this.#balanced(node);
  }

  /** Takes an interval out from below, and says the freed slot; returns the root of the rest. */
  #remove(node: number, interval: Interval, result: { freed: number }): number {
    assert(node !== NONE, "only a present interval is deleted");
    const order = compare(interval, this.#value(node));
    const left = this.#childLeft(node);
    const right = this.#childRight(node);
    if (order < 0) this.#left[node] = this.#remove(left, interval, result);
    else if (order > 0) this.#right[node] = this.#remove(right, interval, result);
    else if (left === NONE || right === NONE) {
      result.freed = node;
      return left === NONE ? right : left;
    } else {
      let least = right;
      while (this.#childLeft(least) !== NONE) least = this.#childLeft(least);
      const successor = this.#value(least);
      this.#right[node] = this.#remove(right, successor, result);
      this.#values[node] = successor;
    }
    this.#refresh(node);
    return this.#balanced(node);
  }

  /** Moves what is in the last slot to one that is in the tree no more. */
  #giveBack(freed: number): void {
    const last = this.size;
    if (freed !== last) {
      this.#relink(last, freed);
      this.#values[freed] = this.#values[last];
      this.#greatestEnds[freed] = this.#greatestEnd(last);
      this.#left[freed] = this.#childLeft(last);
      this.#right[freed] = this.#childRight(last);
      this.#heights[freed] = this.#height(last);
    }
    this.#left[last] = NONE;
    this.#right[last] = NONE;
    this.#values.pop();
    this.#greatestEnds.pop();
    const capacity = this.#heights.length;
    if (capacity > FIRST_CAPACITY && last < capacity / 4) this.#resize(Math.ceil(capacity / 2));
  }

  /** Lets whoever has this node below it have the other one there. */
  #relink(node: number, other: number): void {
    if (this.#root === node) {
      this.#root = other;
      return;
    }
    const value = this.#value(node);
    for (let above = this.#root; above !== NONE; ) {
      const isLeft = compare(value, this.#value(above)) < 0;
      const children = isLeft ? this.#left : this.#right;
      const next = children[above] as number;
      if (next === node) {
        children[above] = other;
        return;
      }
      above = next;
    }
    assert(false, "every node but the root is below another");
  }

  #resize(capacity: number): void {
    this.#left = resized(this.#left, new Uint32Array(capacity));
    this.#right = resized(this.#right, new Uint32Array(capacity));
    this.#heights = resized(this.#heights, new Uint8Array(capacity));
  }

  /** Makes the height right, the children being so, and turns what leans too far. */
  #balanced(node: number): number {
    const tilt = this.#tilt(node);
    if (tilt > 1) {
      const left = this.#childLeft(node);
      if (this.#tilt(left) < 0) this.#left[node] = this.#rotateLeft(left);
      return this.#rotateRight(node);
    }
    if (tilt < -1) {
      const right = this.#childRight(node);
      if (this.#tilt(right) > 0) this.#right[node] = this.#rotateRight(right);
      return this.#rotateLeft(node);
    }
    this.#refreshHeight(node);
    return node;
  }

  #rotateRight(node: number): number {
    const top = this.#childLeft(node);
    assert(top !== NONE, "a left-heavy node has a left child");
    this.#left[node] = this.#childRight(top);
    this.#right[top] = node;
    this.#refresh(node);
    this.#refresh(top);
    return top;
  }

  #rotateLeft(node: number): number {
    const top = this.#childRight(node);
    assert(top !== NONE, "a right-heavy node has a right child");
    this.#right[node] = this.#childLeft(top);
    this.#left[top] = node;
    this.#refresh(node);
    this.#refresh(top);
    return top;
  }

  /** Makes right what the node knows of those below it. */
  #refresh(node: number): void {
    this.#refreshHeight(node);
    const left = this.#childLeft(node);
    const right = this.#childRight(node);
    let greatest = this.#value(node).end;
    if (left !== NONE) greatest = greaterEnd(greatest, this.#greatestEnd(left));
    if (right !== NONE) greatest = greaterEnd(greatest, this.#greatestEnd(right));
    this.#greatestEnds[node] = greatest;
  }

  #refreshHeight(node: number): void {
    const left = this.#height(this.#childLeft(node));
    const right = this.#height(this.#childRight(node));
    this.#heights[node] = 1 + (left > right ? left : right);
  }

  /** By how much the left side is higher. */
  #tilt(node: number): number {
    return this.#height(this.#childLeft(node)) - this.#height(this.#childRight(node));
  }

  #value(node: number): Value {
    return this.#values[node] as Value;
  }

  #greatestEnd(node: number): string | null {
    return this.#greatestEnds[node] as string | null;
  }

  #childLeft(node: number): number {
    return this.#left[node] as number;
  }

  #childRight(node: number): number {
    return this.#right[node] as number;
  }

  #height(node: number): number {
    return this.#heights[node] as number;
  }
}

function resized<Numbers extends Uint32Array | Uint8Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from.length > to.length ? from.subarray(0, to.length) : from);
  return to;
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function compareEnds(left: string | null, right: string | null): number {
  if (left === null) return right === null ? 0 : 1;
  if (right === null) return -1;
  return compareText(left, right);
}

function greaterEnd(left: string | null, right: string | null): string | null {
  return compareEnds(left, right) < 0 ? right : left;
}

/** In which order two intervals stand in the tree. */
function compare(left: Interval, right: Interval): number {
  const order = compareText(left.start, right.start);
  return order !== 0 ? order : compareEnds(left.end, right.end);
}
