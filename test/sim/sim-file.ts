import type { SimRandom } from "./sim-random.ts";

/** What a disk writes as a whole or not at all. */
export const SECTOR_BYTES = 512;

/**
 * A file's content twice: as running programs see it, and as it is after a power loss. Sectors in
 * which the two may differ are dirty.
 */
export class SimFile {
  #current: Uint8Array;
  #durable: Uint8Array;
  #size = 0;
  #durableSize = 0;
  readonly #dirty = new Set<number>();

  constructor(content: Uint8Array = new Uint8Array(0)) {
    this.#current = content.slice();
    this.#durable = content.slice();
    this.#size = content.length;
    this.#durableSize = content.length;
  }

  get size(): number {
    return this.#size;
  }

  content(): Uint8Array {
    return this.#current.slice(0, this.#size);
  }

  read(position: number, target: Uint8Array): number {
    const count = Math.max(0, Math.min(target.length, this.#size - position));
    if (count > 0) target.set(this.#current.subarray(position, position + count));
    return count;
  }

  /** Changes what programs see; the sectors are dirty until they are synced. */
  writeCached(bytes: Uint8Array, position: number): void {
    this.#reserve(position + bytes.length);
    this.#current.set(bytes, position);
    this.#size = Math.max(this.#size, position + bytes.length);
    const last = Math.floor((position + bytes.length - 1) / SECTOR_BYTES);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector <= last; sector++) {
      this.#dirty.add(sector);
    }
  }

  /** As `writeCached`, but only some of the sectors: a write that was cut short. */
  writeTorn(bytes: Uint8Array, position: number, random: SimRandom): void {
    const keptOf8 = random.pick([0, 1, 4, 7, 8]);
    let reach = position;
    for (let at = position; at < position + bytes.length; ) {
      const end = Math.min(
        (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES,
        position + bytes.length,
      );
      if (random.below(8) < keptOf8) {
        this.writeCached(bytes.subarray(at - position, end - position), at);
      }
      reach = end;
      at = end;
    }
    // The length can be there before the data.
    if (random.chance(0.3)) {
      this.#reserve(reach);
      this.#size = Math.max(this.#size, reach);
    }
  }

  /** Makes durable what programs see. */
  sync(): void {
    for (const sector of this.#dirty) this.#copySector(sector, this.#current, this.#durable);
    this.#dirty.clear();
    this.#durableSize = this.#size;
  }

  truncate(length: number): void {
    this.#current.fill(0, length);
    this.#durable.fill(0, length);
    this.#size = length;
    this.#durableSize = length;
  }

  /** The power goes: of what was not synced, some is there and some is not. */
  losePower(random: SimRandom): void {
    for (const sector of this.#dirty) {
      if (random.chance(0.5)) this.#copySector(sector, this.#current, this.#durable);
      else this.#copySector(sector, this.#durable, this.#current);
    }
    this.#dirty.clear();
    if (this.#size !== this.#durableSize && random.chance(0.5)) {
      this.#current.fill(0, this.#durableSize);
      this.#durable.fill(0, this.#durableSize);
      this.#size = this.#durableSize;
    }
    this.#durableSize = this.#size;
  }

  /** Damage, of both contents. */
  flip(position: number, mask: number): void {
    this.#current[position] = (this.#current[position] ?? 0) ^ mask;
    this.#durable[position] = (this.#durable[position] ?? 0) ^ mask;
  }

  #copySector(sector: number, from: Uint8Array, to: Uint8Array): void {
    const start = sector * SECTOR_BYTES;
    to.set(from.subarray(start, start + SECTOR_BYTES), start);
  }

  #reserve(size: number): void {
    if (size <= this.#current.length) return;
    const capacity = Math.ceil((size * 2) / SECTOR_BYTES) * SECTOR_BYTES;
    this.#current = grown(this.#current, capacity);
    this.#durable = grown(this.#durable, capacity);
  }
}

function grown(bytes: Uint8Array, capacity: number): Uint8Array {
  const larger = new Uint8Array(capacity);
  larger.set(bytes);
  return larger;
}
