/** A frame where reading can start. */
export interface FramePlace {
  offset: number;
  /** The chain before the frame. */
  chain: number;
  frameNumber: number;
}

/** An entry at most every so many bytes of a segment: 48 KiB of index for 64 MiB. */
const STEP_BYTES = 32 * 1024;

/** Where in one segment to start reading for a main: some of its frames, in order. */
export class SparseIndex {
  #mains = new Float64Array(8);
  #frames = new Float64Array(8);
  #offsets = new Uint32Array(8);
  #chains = new Uint32Array(8);
  #count = 0;

  /** Main of the first record of the segment; undefined when it has no frame. */
  get firstMain(): number | undefined {
    return this.#count === 0 ? undefined : this.#mains[0];
  }

  /** Tells of the next frame; kept when it is far enough from the last one that was. */
  add(firstMain: number, place: FramePlace): void {
    const count = this.#count;
    if (count > 0 && place.offset - (this.#offsets[count - 1] as number) < STEP_BYTES) return;
    if (count === this.#mains.length) this.#grow();
    this.#mains[count] = firstMain;
    this.#frames[count] = place.frameNumber;
    this.#offsets[count] = place.offset;
    this.#chains[count] = place.chain;
    this.#count = count + 1;
  }

  /**
   * A frame from which on no record with a main >= `from` is missed: records of one main can lie in
   * several frames, so the frame's first main is below `from`. Undefined when there is no frame.
   */
  seek(from: number): FramePlace | undefined {
    if (this.#count === 0) return undefined;
    let low = 0;
    let high = this.#count;
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if ((this.#mains[middle] as number) < from) low = middle;
      else high = middle;
    }
    return {
      offset: this.#offsets[low] as number,
      chain: this.#chains[low] as number,
      frameNumber: this.#frames[low] as number,
    };
  }

  #grow(): void {
    const size = this.#count * 2;
    const mains = new Float64Array(size);
    const frames = new Float64Array(size);
    const offsets = new Uint32Array(size);
    const chains = new Uint32Array(size);
    mains.set(this.#mains);
    frames.set(this.#frames);
    offsets.set(this.#offsets);
    chains.set(this.#chains);
    this.#mains = mains;
    this.#frames = frames;
    this.#offsets = offsets;
    this.#chains = chains;
  }
}
