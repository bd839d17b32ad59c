import { latin1Bytes } from "../../base/bytes.ts";
import type { LeaseBook } from "../../machine/lease-book.ts";
import type { LeaseKeys } from "./judge.ts";

/** The keys of leases as the lease book has them. */
export class LeaseBookKeys implements LeaseKeys {
  readonly #book: Pick<LeaseBook, "find" | "all">;

  constructor(book: Pick<LeaseBook, "find" | "all">) {
    this.#book = book;
  }

  *keysOf(id: bigint): Generator<Uint8Array> {
    for (const key of this.#book.find(id)?.keys ?? []) yield latin1Bytes(key);
  }

  *ids(): Generator<bigint> {
    for (const { id } of this.#book.all()) yield id;
  }
}
