import { assert } from "../base/assert.ts";
import type { KeyRange } from "../base/key-range.ts";
import { nextRevision, type Revision } from "../base/revision.ts";
import type { Steps } from "../base/steps.ts";
import { leaseOf, valueOf } from "../mvcc/key-value.ts";
import { NO_SLOT, type Slot } from "../mvcc/slot.ts";
import type { MvccStore, WriteTxn } from "../mvcc/store.ts";
import type { DeleteRangeCommand, PutCommand } from "./command.ts";
import type { DeleteRangeResult, KeyValueBytes, PutResult } from "./result.ts";

const NO_KEY_VALUES: readonly KeyValueBytes[] = [];

/**
 * Puts and deletes of one revision, with what they answer. The commands have been checked: a key
 * whose value or lease is kept exists, and the lease does too.
 */
export class StoreWriter {
  readonly #store: MvccStore;
  readonly #txn: WriteTxn;
  readonly #begin: Revision;

  constructor(store: MvccStore, txn: WriteTxn) {
    this.#store = store;
    this.#txn = txn;
    this.#begin = store.head;
  }

  get changed(): boolean {
    return this.#txn.changed;
  }

  put(command: PutCommand): PutResult {
    let value = command.value;
    let lease = command.lease;
    let previous: KeyValueBytes | undefined;
    if (command.prevKv || command.ignoreValue || command.ignoreLease) {
      const slot = this.#store.find(command.key, this.#visible());
      const present = slot === NO_SLOT ? undefined : this.#store.keyValue(slot);
      if (command.ignoreValue || command.ignoreLease) {
        assert(present !== undefined, "the key whose value or lease is kept exists");
        if (command.ignoreValue) value = valueOf(present);
        if (command.ignoreLease) lease = leaseOf(present);
      }
      if (command.prevKv) previous = present;
    }
    this.#txn.put(command.key, value, lease);
    return { kind: "put", revision: nextRevision(this.#begin), previous };
  }

  deleteRange(command: DeleteRangeCommand): DeleteRangeResult {
    const previous = command.prevKv ? this.#present(command.range) : NO_KEY_VALUES;
    const deleted = this.#txn.delete(command.range);
    return { kind: "delete-range", revision: this.#visible(), deleted, previous };
  }

  /** As `deleteRange`, in steps. */
  *deleteRangeInSteps({ range, prevKv }: DeleteRangeCommand): Steps<DeleteRangeResult> {
    if (range.kind === "single") return this.deleteRange({ kind: "delete-range", range, prevKv });
    const previous: KeyValueBytes[] = [];
    const keep = prevKv ? (keyValue: KeyValueBytes): number => previous.push(keyValue) : undefined;
    const deleted = yield* this.#txn.deleteInSteps(range, keep);
    return { kind: "delete-range", revision: this.#visible(), deleted, previous };
  }

  #visible(): Revision {
    return this.#txn.changed ? nextRevision(this.#begin) : this.#begin;
  }

  #present(range: KeyRange): readonly KeyValueBytes[] {
    const found: KeyValueBytes[] = [];
    this.#store.visit(range, this.#visible(), (slot: Slot): boolean => {
      found.push(this.#store.keyValue(slot));
      return true;
    });
    return found;
  }
}
