import { assert } from "./assert.ts";
import { compareBytes } from "./bytes.ts";

/**
 * Half-open intervals of keys and who is interested in them: answers "which intervals contain this
 * key" in O(log n + answers). An AVL tree ordered by (start, end) in which every node also knows
 * the greatest end below it. `end` null = no upper bound.
 */
export class IntervalTree<Value> {
  #root: IntervalNode<Value> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The value of exactly this interval; made by `create` when there is none yet. */
  ensure(start: Uint8Array, end: Uint8Array | null, create: () => Value): Value {
    assert(end === null || compareBytes(start, end) < 0, "an interval contains at least one key");
    const existing = this.#find(start, end);
    if (existing !== null) return existing.value;
    const value = create();
    this.#root = insert(this.#root, newNode(start, end, value));
    this.#size++;
    return value;
  }

  get(start: Uint8Array, end: Uint8Array | null): Value | undefined {
    return this.#find(start, end)?.value;
  }

  delete(start: Uint8Array, end: Uint8Array | null): void {
    assert(this.#find(start, end) !== null, "only a present interval is deleted");
    this.#root = remove(this.#root, start, end);
    this.#size--;
  }

  /** Appends the values of all intervals that contain the key `bytes[from..to)` to `found`. */
  stab(bytes: Uint8Array, from: number, to: number, found: Value[]): void {
    stab(this.#root, { bytes, from, to }, found);
  }

  /** Walks the whole tree and asserts order, balance and greatest ends. For tests. */
  checkInvariants(): void {
    let previous: IntervalNode<Value> | null = null;
    let count = 0;
    const walk = (node: IntervalNode<Value> | null): void => {
      if (node === null) return;
      walk(node.left);
      assert(
        previous === null || compareIntervals(previous.start, previous.end, node) < 0,
        "intervals are in order",
      );
      previous = node;
      count++;
      walk(node.right);
      assert(Math.abs(height(node.left) - height(node.right)) <= 1, "the tree is balanced");
      const { height: nodeHeight, greatestEnd } = node;
      refresh(node);
      assert(node.height === nodeHeight, "heights are right");
      assert(compareEnds(node.greatestEnd, greatestEnd) === 0, "greatest ends are right");
    };
    walk(this.#root);
    assert(count === this.#size, "the size is the number of intervals");
  }

  #find(start: Uint8Array, end: Uint8Array | null): IntervalNode<Value> | null {
    let node = this.#root;
    while (node !== null) {
      const order = compareIntervals(start, end, node);
      if (order === 0) return node;
      node = order < 0 ? node.left : node.right;
    }
    return null;
  }
}

interface IntervalNode<Value> {
  start: Uint8Array;
  end: Uint8Array | null;
  value: Value;
  greatestEnd: Uint8Array | null;
  height: number;
  left: IntervalNode<Value> | null;
  right: IntervalNode<Value> | null;
}

function newNode<Value>(
  start: Uint8Array,
  end: Uint8Array | null,
  value: Value,
): IntervalNode<Value> {
  return { start, end, value, greatestEnd: end, height: 1, left: null, right: null };
}

function compareEnds(left: Uint8Array | null, right: Uint8Array | null): number {
  if (left === null) return right === null ? 0 : 1;
  return right === null ? -1 : compareBytes(left, right);
}

function compareIntervals<Value>(
  start: Uint8Array,
  end: Uint8Array | null,
  node: IntervalNode<Value>,
): number {
  const order = compareBytes(start, node.start);
  return order !== 0 ? order : compareEnds(end, node.end);
}

/** The key `bytes[from..to)`. */
interface Point {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** Order of a bound against a key. */
function compareToKey(bound: Uint8Array, { bytes, from, to }: Point): number {
  const length = to - from;
  const shared = Math.min(bound.length, length);
  for (let i = 0; i < shared; i++) {
    const difference = (bound[i] as number) - (bytes[from + i] as number);
    if (difference !== 0) return difference;
  }
  return bound.length - length;
}

function stab<Value>(node: IntervalNode<Value> | null, point: Point, found: Value[]): void {
  for (let at = node; at !== null; at = at.right) {
    // Nothing here or below ends above the key: no answer in this whole part.
    if (at.greatestEnd !== null && compareToKey(at.greatestEnd, point) <= 0) return;
    stab(at.left, point, found);
    // From here on every interval starts above the key.
    if (compareToKey(at.start, point) > 0) return;
    if (at.end === null || compareToKey(at.end, point) > 0) found.push(at.value);
  }
}

function height<Value>(node: IntervalNode<Value> | null): number {
  return node === null ? 0 : node.height;
}

function refresh<Value>(node: IntervalNode<Value>): void {
  node.height = 1 + Math.max(height(node.left), height(node.right));
  let greatest = node.end;
  for (const child of [node.left, node.right]) {
    if (child !== null && compareEnds(child.greatestEnd, greatest) > 0) {
      greatest = child.greatestEnd;
    }
  }
  node.greatestEnd = greatest;
}

function rotateRight<Value>(node: IntervalNode<Value>): IntervalNode<Value> {
  const top = node.left;
  assert(top !== null, "a left-heavy node has a left child");
  node.left = top.right;
  top.right = node;
  refresh(node);
  refresh(top);
  return top;
}

function rotateLeft<Value>(node: IntervalNode<Value>): IntervalNode<Value> {
  const top = node.right;
  assert(top !== null, "a right-heavy node has a right child");
  node.right = top.left;
  top.left = node;
  refresh(node);
  refresh(top);
  return top;
}

function balanced<Value>(node: IntervalNode<Value>): IntervalNode<Value> {
  refresh(node);
  const tilt = height(node.left) - height(node.right);
  if (tilt > 1 && node.left !== null) {
    if (height(node.left.left) < height(node.left.right)) node.left = rotateLeft(node.left);
    return rotateRight(node);
  }
  if (tilt < -1 && node.right !== null) {
    if (height(node.right.right) < height(node.right.left)) node.right = rotateRight(node.right);
    return rotateLeft(node);
  }
  return node;
}

function insert<Value>(
  node: IntervalNode<Value> | null,
  added: IntervalNode<Value>,
): IntervalNode<Value> {
  if (node === null) return added;
  if (compareIntervals(added.start, added.end, node) < 0) node.left = insert(node.left, added);
  else node.right = insert(node.right, added);
  return balanced(node);
}

function remove<Value>(
  node: IntervalNode<Value> | null,
  start: Uint8Array,
  end: Uint8Array | null,
): IntervalNode<Value> | null {
  if (node === null) return null;
  const order = compareIntervals(start, end, node);
  if (order < 0) node.left = remove(node.left, start, end);
  else if (order > 0) node.right = remove(node.right, start, end);
  else if (node.left === null) return node.right;
  else if (node.right === null) return node.left;
  else {
    let least = node.right;
    while (least.left !== null) least = least.left;
    node.start = least.start;
    node.end = least.end;
    node.value = least.value;
    node.right = remove(node.right, least.start, least.end);
  }
  return balanced(node);
}
