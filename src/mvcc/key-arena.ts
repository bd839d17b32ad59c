import { assert } from "../base/assert.ts";

/** Blocks are whole units of 8 bytes, so that a u32 reference reaches 32 GiB. */
const UNIT_BYTES = 8;
const CHUNK_SHIFT = 17;
const CHUNK_UNITS: number = 1 << CHUNK_SHIFT;
const CHUNK_UNIT_MASK: number = CHUNK_UNITS - 1;
const CHUNKS_MAX: number = 2 ** 32 / CHUNK_UNITS;
/** A key longer than half a chunk gets a chunk of its own, as long as the key. */
const SHARED_UNITS_MAX: number = CHUNK_UNITS / 2;
/** Up to here each count of units has a size class; above there are four classes a doubling. */
const EXACT_CLASSES = 32;
const CLASS_COUNT: number = sizeClassOf(SHARED_UNITS_MAX) + 1;

/** What the arena's accounting says, in units of 8 bytes. */
export interface ArenaUsage {
  /** Given out. */
  readonly usedUnits: number;
  /** In the free lists. */
  readonly freeUnits: number;
  /** Of the chunk being filled, not touched yet. */
  readonly untouchedUnits: number;
  /** All memory that the arena holds. */
  readonly chunkUnits: number;
}

/**
 * The bytes of all keys, outside of the JavaScript heap, where a million small arrays would cost
 * the collector a second. A reference is the number of a block's first unit; who holds it knows the
 * length. Freed blocks wait in a list per size class, linked through their own first bytes; they
 * are never joined again, since the sizes of keys in a store hardly change over time.
 */
export class KeyArena {
  readonly #chunks: Uint8Array[] = [];
  readonly #words: Uint32Array[] = [];
  readonly #emptyChunks: number[] = [];
  /**
   * Per size class the first free block + 1, or 0. Blocks with a chunk of their own are not here.
   */
  readonly #free: Float64Array = new Float64Array(CLASS_COUNT);
  #fillChunk = -1;
  #fillUnit: number = CHUNK_UNITS;
  #usedUnits = 0;
  #freeUnits = 0;
  #chunkUnits = 0;

  /** Copies the key in and returns its reference, an integer from 0 to 2^32 - 1. */
  add(key: Uint8Array): number {
    const ref = this.#allocate(unitsOf(key.length));
    const at = (ref & CHUNK_UNIT_MASK) * UNIT_BYTES;
    this.#chunk(ref).set(key, at);
    return ref;
  }

  /** Takes the block of a key of this length back. */
  free(ref: number, length: number): void {
    const units = unitsOf(length);
    if (units > SHARED_UNITS_MAX) {
      const number = ref >>> CHUNK_SHIFT;
      this.#usedUnits -= units;
      this.#chunkUnits -= units;
      this.#chunks[number] = new Uint8Array(0);
      this.#words[number] = new Uint32Array(0);
      this.#emptyChunks.push(number);
      return;
    }
    const sizeClass = sizeClassOf(units);
    this.#usedUnits -= unitsOfClass(sizeClass);
    this.#pushFree(ref, sizeClass);
  }

  equals(ref: number, length: number, key: Uint8Array): boolean {
    if (length !== key.length) return false;
    const chunk = this.#chunk(ref);
    const at = (ref & CHUNK_UNIT_MASK) * UNIT_BYTES;
    for (let i = 0; i < length; i++) {
      if (chunk[at + i] !== key[i]) return false;
    }
    return true;
  }

  /** The order of the key here against another: negative, zero or positive. */
  compare(ref: number, length: number, key: Uint8Array): number {
    const chunk = this.#chunk(ref);
    const at = (ref & CHUNK_UNIT_MASK) * UNIT_BYTES;
    const shared = Math.min(length, key.length);
    for (let i = 0; i < shared; i++) {
      const difference = (chunk[at + i] as number) - (key[i] as number);
      if (difference !== 0) return difference;
    }
    return length - key.length;
  }

  /** The key's bytes, borrowed until the key is freed. */
  view(ref: number, length: number): Uint8Array {
    const at = (ref & CHUNK_UNIT_MASK) * UNIT_BYTES;
    return this.#chunk(ref).subarray(at, at + length);
  }

  get usage(): ArenaUsage {
    return {
      usedUnits: this.#usedUnits,
      freeUnits: this.#freeUnits,
      untouchedUnits: CHUNK_UNITS - this.#fillUnit,
      chunkUnits: this.#chunkUnits,
    };
  }

  get bytes(): number {
    return this.#chunkUnits * UNIT_BYTES;
  }

  /** For tests: walks the free lists. */
  checkInvariants(): void {
    let free = 0;
    for (let sizeClass = 1; sizeClass < CLASS_COUNT; sizeClass++) {
      for (let link = this.#free[sizeClass] as number; link !== 0; ) {
        free += unitsOfClass(sizeClass);
        assert(free <= this.#freeUnits, "free lists hold no block twice");
        link = this.#link(link - 1);
      }
    }
    const usage = this.usage;
    assert(free === usage.freeUnits, "free units are those in the lists");
    assert(
      usage.usedUnits + usage.freeUnits + usage.untouchedUnits === usage.chunkUnits,
      "every unit of the arena is used, free or untouched",
    );
  }

  #allocate(units: number): number {
    if (units > SHARED_UNITS_MAX) {
      const number = this.#newChunk(units);
      this.#usedUnits += units;
      return (number << CHUNK_SHIFT) >>> 0;
    }
    const sizeClass = sizeClassOf(units);
    const size = unitsOfClass(sizeClass);
    this.#usedUnits += size;
    const link = this.#free[sizeClass] as number;
    if (link !== 0) {
      this.#free[sizeClass] = this.#link(link - 1);
      this.#freeUnits -= size;
      return link - 1;
    }
    if (this.#fillUnit + size > CHUNK_UNITS) this.#startChunk();
    const unit = this.#fillUnit;
    this.#fillUnit = unit + size;
    return ((this.#fillChunk << CHUNK_SHIFT) | unit) >>> 0;
  }

  /** Goes on in a new chunk; what was left of the old one becomes free blocks. */
  #startChunk(): void {
    while (this.#fillUnit < CHUNK_UNITS) {
      const rest = CHUNK_UNITS - this.#fillUnit;
      let sizeClass = sizeClassOf(rest);
      if (unitsOfClass(sizeClass) > rest) sizeClass--;
      this.#pushFree(((this.#fillChunk << CHUNK_SHIFT) | this.#fillUnit) >>> 0, sizeClass);
      this.#fillUnit += unitsOfClass(sizeClass);
    }
    this.#fillChunk = this.#newChunk(CHUNK_UNITS);
    this.#fillUnit = 0;
  }

  #newChunk(units: number): number {
    const number = this.#emptyChunks.pop() ?? this.#chunks.length;
    assert(number < CHUNKS_MAX, "the keys fit into the arena's 32 GiB");
    const memory = new ArrayBuffer(units * UNIT_BYTES);
    this.#chunks[number] = new Uint8Array(memory);
    this.#words[number] = new Uint32Array(memory);
    this.#chunkUnits += units;
    return number;
  }

  /** Two words of the free block hold the list's next link, which may be 2^32. */
  #pushFree(ref: number, sizeClass: number): void {
    const words = this.#words[ref >>> CHUNK_SHIFT] as Uint32Array;
    const at = (ref & CHUNK_UNIT_MASK) * 2;
    const next = this.#free[sizeClass] as number;
    words[at] = next >>> 0;
    words[at + 1] = next > 0xffffffff ? 1 : 0;
    this.#free[sizeClass] = ref + 1;
    this.#freeUnits += unitsOfClass(sizeClass);
  }

  #link(ref: number): number {
    const words = this.#words[ref >>> CHUNK_SHIFT] as Uint32Array;
    const at = (ref & CHUNK_UNIT_MASK) * 2;
    return (words[at] as number) + (words[at + 1] as number) * 2 ** 32;
  }

  #chunk(ref: number): Uint8Array {
    return this.#chunks[ref >>> CHUNK_SHIFT] as Uint8Array;
  }
}

/** An empty key takes a unit too, so that every block can hold a link. */
function unitsOf(length: number): number {
  return length === 0 ? 1 : Math.ceil(length / UNIT_BYTES);
}

function sizeClassOf(units: number): number {
  if (units <= EXACT_CLASSES) return units;
  const shift = 29 - Math.clz32(units - 1);
  return EXACT_CLASSES + (shift - 3) * 4 + (((units - 1) >>> shift) + 1) - 4;
}

function unitsOfClass(sizeClass: number): number {
  if (sizeClass <= EXACT_CLASSES) return sizeClass;
  const step = sizeClass - EXACT_CLASSES - 1;
  return (5 + (step & 3)) << (3 + (step >>> 2));
}
