import { assert } from "./assert.ts";

/**
 * Half-open intervals of keys, as latin1 text, and who is interested in them: answers "which
 * intervals contain this key" in O(log n + answers). An AVL tree ordered by (start, end) in which
 * every node also knows the greatest end below it. `end` null = no upper bound.
 */
export class IntervalTree<Value> {
  #root: IntervalNode<Value> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Gives exactly this interval a value, in place of the one it had. */
  set(start: string, end: string | null, value: Value): void {
    assert(end === null || start < end, "an interval contains at least one key");
    const existing = this.#find(start, end);
    if (existing !== null) {
      existing.value = value;
      return;
    }
    this.#root = insert(this.#root, newNode(start, end, value));
    this.#size++;
  }

  get(start: string, end: string | null): Value | undefined {
    return this.#find(start, end)?.value;
  }

  delete(start: string, end: string | null): void {
    assert(this.#find(start, end) !== null, "only a present interval is deleted");
    this.#root = remove(this.#root, start, end);
    this.#size--;
  }

  /** Appends the values of all intervals that contain the key to `found`. */
  stab(key: string, found: Value[]): void {
    stab(this.#root, key, found);
  }

  /** All values as they are now, intervals ascending. */
  values(): Value[] {
    const values: Value[] = [];
    const walk = (node: IntervalNode<Value> | null): void => {
      if (node === null) return;
      walk(node.left);
      values.push(node.value);
      walk(node.right);
    };
    walk(this.#root);
    return values;
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

  #find(start: string, end: string | null): IntervalNode<Value> | null {
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
  start: string;
  end: string | null;
  value: Value;
  greatestEnd: string | null;
  height: number;
  left: IntervalNode<Value> | null;
  right: IntervalNode<Value> | null;
}

function newNode<Value>(start: string, end: string | null, value: Value): IntervalNode<Value> {
  return { start, end, value, greatestEnd: end, height: 1, left: null, right: null };
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

function compareIntervals<Value>(
  start: string,
  end: string | null,
  node: IntervalNode<Value>,
): number {
  const order = compareText(start, node.start);
  return order !== 0 ? order : compareEnds(end, node.end);
}

function stab<Value>(node: IntervalNode<Value> | null, key: string, found: Value[]): void {
  for (let at = node; at !== null; at = at.right) {
    // Nothing here or below ends above the key: no answer in this whole part.
    if (at.greatestEnd !== null && at.greatestEnd <= key) return;
    stab(at.left, key, found);
    // From here on every interval starts above the key.
    if (at.start > key) return;
    if (at.end === null || at.end > key) found.push(at.value);
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
  start: string,
  end: string | null,
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
