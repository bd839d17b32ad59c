/**
 * A binary heap of values ordered by a number, smallest first. Values with equal order come out in
 * no particular order. There is no removal from the middle: whoever cancels an entry recognises it
 * as stale when it comes out.
 */
export class Heap<Value> {
  readonly #orders: number[] = [];
  readonly #values: Value[] = [];

  get size(): number {
    return this.#values.length;
  }

  /** The smallest order, or Infinity when the heap is empty. */
  get least(): number {
    return this.#orders[0] ?? Infinity;
  }

  /** The value that `pop` would take out. */
  peek(): Value | undefined {
    return this.#values[0];
  }

  push(order: number, value: Value): void {
    let at = this.#values.length;
    this.#orders.push(order);
    this.#values.push(value);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((this.#orders[parent] as number) <= order) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#orders[at] = order;
    this.#values[at] = value;
  }

  /** Takes out the value with the smallest order; undefined when the heap is empty. */
  pop(): Value | undefined {
    const top = this.#values[0];
    const order = this.#orders.pop();
    const last = this.#values.pop();
    const size = this.#values.length;
    if (size === 0 || order === undefined) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && (this.#orders[right] as number) < (this.#orders[child] as number)) {
        child = right;
      }
      if ((this.#orders[child] as number) >= order) break;
      this.#move(child, at);
      at = child;
    }
    this.#orders[at] = order;
    this.#values[at] = last as Value;
    return top;
  }

  #move(from: number, to: number): void {
    this.#orders[to] = this.#orders[from] as number;
    this.#values[to] = this.#values[from] as Value;
  }
}
