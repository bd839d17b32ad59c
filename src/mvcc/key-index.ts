import { hashBytes } from "../base/bytes.ts";
import { KeyHash } from "./key-hash.ts";
import { KeyOrder } from "./key-order.ts";
import { KeyTable, type KeyId } from "./key-table.ts";

/**
 * Which keys there are, by hash and in order. About 65 bytes a key outside of the heap besides the
 * key itself. A key is in here as long as one version of it is stored, be it only a tombstone.
 */
export class KeyIndex {
  readonly table: KeyTable = new KeyTable();
  readonly order: KeyOrder = new KeyOrder(this.table);
  readonly #hash: KeyHash = new KeyHash(this.table);
  readonly #seed: number;

  constructor(hashSeed: number) {
    this.#seed = hashSeed;
  }

  /** Memory held, in bytes. */
  get bytes(): number {
    return this.table.bytes + this.order.bytes + this.#hash.bytes;
  }

  find(key: Uint8Array): KeyId {
    return this.#hash.find(key, this.hashOf(key));
  }

  /** For who looks up before adding: the hash is worked out once. */
  hashOf(key: Uint8Array): number {
    return hashBytes(key, this.#seed) | 0;
  }

  findHashed(key: Uint8Array, hash: number): KeyId {
    return this.#hash.find(key, hash);
  }

  /** Adds a copy of a key that is not there. The caller gives it a version at once. */
  add(key: Uint8Array, hash: number): KeyId {
    const id = this.table.add(key);
    this.#hash.insert(hash, id);
    this.order.insert(key, id);
    return id;
  }

  remove(id: KeyId): void {
    const key = this.table.key(id);
    this.order.remove(key, id);
    this.#hash.remove(this.hashOf(key), id);
    this.table.remove(id);
  }

  checkInvariants(): void {
    this.order.checkInvariants();
    this.#hash.checkInvariants((key) => this.hashOf(key));
    this.table.arena.checkInvariants();
  }
}
