import { assert } from "../base/assert.ts";
import { KeyArena } from "./key-arena.ts";
import { NO_SLOT, type Slot } from "./slot.ts";

declare const keyIdBrand: unique symbol;

/** The number of a key in the index; used again once the key is gone. */
export type KeyId = number & { readonly [keyIdBrand]: true };

export const NO_KEY: KeyId = 0 as KeyId;

const CHUNK_SHIFT = 14;
const CHUNK_KEYS: number = 1 << CHUNK_SHIFT;
const CHUNK_MASK: number = CHUNK_KEYS - 1;
const ENTRY_BYTES = 32;
const ENTRY_FLOATS = 4;
const ENTRY_WORDS = 8;

/** Places in an entry: two floats, then four words. */
const CREATE = 0;
const VERSION = 1;
const KEY_REF = 4;
const KEY_LENGTH = 5;
const HEAD = 6;
const TAIL_DEPTH = 7;

/**
 * One entry of 32 bytes per key, in chunks that never move: the key's bytes, its newest version,
 * how deep its oldest version lies, and the create revision and version number of the generation
 * that is alive, so that a put need not read the record before it.
 */
export class KeyTable {
  readonly #arena: KeyArena = new KeyArena();
  readonly #floats: Float64Array[] = [];
  readonly #words: Uint32Array[] = [];
  /** One above the highest id ever given out; id 0 is nobody. */
  #limit = 1;
  #firstFree: KeyId = NO_KEY;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** All ids are below it; an id below it whose head is NO_SLOT is not in use. */
  get limit(): number {
    return this.#limit;
  }

  get arena(): KeyArena {
    return this.#arena;
  }

  get bytes(): number {
    return this.#arena.bytes + this.#words.length * CHUNK_KEYS * ENTRY_BYTES;
  }

  /** A new entry for a copy of the key. It is in use as soon as it has a head. */
  add(key: Uint8Array): KeyId {
    const id = this.#takeId();
    this.#setWord(id, KEY_REF, this.#arena.add(key));
    this.#setWord(id, KEY_LENGTH, key.length);
    this.#count++;
    return id;
  }

  remove(id: KeyId): void {
    this.#arena.free(this.#word(id, KEY_REF), this.#word(id, KEY_LENGTH));
    this.#setWord(id, HEAD, NO_SLOT);
    // The list of free ids is linked through the field that nobody needs without a key.
    this.#setWord(id, KEY_REF, this.#firstFree);
    this.#firstFree = id;
    this.#count--;
  }

  equals(id: KeyId, key: Uint8Array): boolean {
    return this.#arena.equals(this.#word(id, KEY_REF), this.#word(id, KEY_LENGTH), key);
  }

  compare(id: KeyId, key: Uint8Array): number {
    return this.#arena.compare(this.#word(id, KEY_REF), this.#word(id, KEY_LENGTH), key);
  }

  /** The key's bytes, borrowed until the key is removed. */
  key(id: KeyId): Uint8Array {
    return this.#arena.view(this.#word(id, KEY_REF), this.#word(id, KEY_LENGTH));
  }

  head(id: KeyId): Slot {
    return this.#word(id, HEAD) as Slot;
  }

  setHead(id: KeyId, slot: Slot): void {
    this.#setWord(id, HEAD, slot);
  }

  /** The depth of the key's oldest version, modulo 2^32. */
  tailDepth(id: KeyId): number {
    return this.#word(id, TAIL_DEPTH);
  }

  setTailDepth(id: KeyId, depth: number): void {
    this.#setWord(id, TAIL_DEPTH, depth);
  }

  createRevision(id: KeyId): number {
    return (this.#floats[id >>> CHUNK_SHIFT] as Float64Array)[
      (id & CHUNK_MASK) * ENTRY_FLOATS + CREATE
    ] as number;
  }

  version(id: KeyId): number {
    return (this.#floats[id >>> CHUNK_SHIFT] as Float64Array)[
      (id & CHUNK_MASK) * ENTRY_FLOATS + VERSION
    ] as number;
  }

  /** Says what the newest put of the key wrote; meaningless while the head is a tombstone. */
  setGeneration(id: KeyId, createRevision: number, version: number): void {
    const floats = this.#floats[id >>> CHUNK_SHIFT] as Float64Array;
    const at = (id & CHUNK_MASK) * ENTRY_FLOATS;
    floats[at + CREATE] = createRevision;
    floats[at + VERSION] = version;
  }

  #takeId(): KeyId {
    const free = this.#firstFree;
    if (free !== NO_KEY) {
      this.#firstFree = this.#word(free, KEY_REF) as KeyId;
      return free;
    }
    const id = this.#limit as KeyId;
    assert(id < 2 ** 31, "there are fewer than 2^31 keys");
    if (id >>> CHUNK_SHIFT === this.#words.length) {
      const memory = new ArrayBuffer(CHUNK_KEYS * ENTRY_BYTES);
      this.#floats.push(new Float64Array(memory));
      this.#words.push(new Uint32Array(memory));
    }
    this.#limit = id + 1;
    return id;
  }

  #word(id: KeyId, field: number): number {
    return (this.#words[id >>> CHUNK_SHIFT] as Uint32Array)[
      (id & CHUNK_MASK) * ENTRY_WORDS + field
    ] as number;
  }

  #setWord(id: KeyId, field: number, value: number): void {
    (this.#words[id >>> CHUNK_SHIFT] as Uint32Array)[(id & CHUNK_MASK) * ENTRY_WORDS + field] =
      value;
  }
}
