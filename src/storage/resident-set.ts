import type { Segment } from "./segment.ts";
import type { Slab } from "./slab.ts";

/** Which slabs stay in memory: the newest ones, up to a number of bytes. */
export class ResidentSet {
  readonly #budgetBytes: number;
  /** Segments with slabs, oldest first. */
  #segments: Segment[] = [];
  #bytes = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the next slab of a segment, and gives up older ones that are durable. */
  add(segment: Segment, slab: Slab): void {
    if (segment.slabs.length === 0) this.#segments.push(segment);
    segment.slabs.push(slab);
    this.#bytes += slab.capacity;
    this.#shrink();
  }

  /** Takes the slabs of a rewritten segment, as the oldest there are. */
  addOldest(segment: Segment, slabs: readonly Slab[]): void {
    if (slabs.length === 0) return;
    this.#segments.unshift(segment);
    for (const slab of slabs) {
      segment.slabs.push(slab);
      this.#bytes += slab.capacity;
    }
    this.#shrink();
  }

  remove(segment: Segment): void {
    for (const slab of segment.slabs) this.#bytes -= slab.capacity;
    segment.slabs.length = 0;
    this.#segments = this.#segments.filter((other) => other !== segment);
  }

  #shrink(): void {
    while (this.#bytes > this.#budgetBytes) {
      const segment = this.#segments[0];
      const slab = segment?.slabs[0];
      if (segment === undefined || slab === undefined) return;
      // The slab that is being filled, or waits for the disk, can be read nowhere else.
      const isLast = segment.slabs.length === 1;
      if (slab.fileEnd > segment.durableEnd || (isLast && !segment.full)) return;
      segment.slabs.shift();
      this.#bytes -= slab.capacity;
      if (isLast) this.#segments.shift();
    }
  }
}
