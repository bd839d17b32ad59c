import { assert, unreachable } from "../base/assert.ts";
import { compareBytes } from "../base/bytes.ts";
import type { Revision } from "../base/revision.ts";
import { createRevisionOf, leaseOf, valueOf, versionOf } from "../mvcc/key-value.ts";
import { NO_SLOT, type Slot } from "../mvcc/slot.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { Compare } from "./command.ts";

/**
 * Tells whether a txn's condition holds at a revision (K40-K44). One object per machine: it keeps
 * its visitor, and the compare under way, from call to call; not re-entrant.
 */
export class Comparer {
  readonly #store: MvccStore;
  #compare: Compare | undefined;
  #visited = false;
  readonly #visit: (slot: Slot) => boolean;

  constructor(store: MvccStore) {
    this.#store = store;
    this.#visit = (slot: Slot): boolean => {
      assert(this.#compare !== undefined, "a visit belongs to a compare");
      this.#visited = true;
      return this.#holdsFor(this.#compare, slot);
    };
  }

  /** Every key in the range must satisfy; a range without keys behaves as a missing key (K43). */
  holds(compare: Compare, at: Revision): boolean {
    if (compare.range.kind === "single") {
      const slot = this.#store.find(compare.range.key, at);
      return slot === NO_SLOT ? holdsForMissing(compare) : this.#holdsFor(compare, slot);
    }
    this.#compare = compare;
    this.#visited = false;
    const all = this.#store.visit(compare.range, at, this.#visit);
    this.#compare = undefined;
    return this.#visited ? all : holdsForMissing(compare);
  }

  #holdsFor(compare: Compare, slot: Slot): boolean {
    const operand = compare.operand;
    switch (operand.target) {
      case "mod":
        return signHolds(compare, this.#store.modRevision(slot) - operand.value);
      case "create":
        return signHolds(compare, createRevisionOf(this.#store.keyValue(slot)) - operand.value);
      case "version":
        return signHolds(compare, versionOf(this.#store.keyValue(slot)) - operand.value);
      case "lease":
        return signHolds(compare, bigintSign(leaseOf(this.#store.keyValue(slot)), operand.value));
      case "value":
        return signHolds(compare, compareBytes(valueOf(this.#store.keyValue(slot)), operand.value));
      case "unknown":
        return signHolds(compare, 0);
      default:
        return unreachable(operand);
    }
  }
}

/**
 * A missing key has 0 for every number, but no value at all: a compare of its value is false
 * whatever the operator, "not equal" and the unknown ones included (K42).
 */
function holdsForMissing(compare: Compare): boolean {
  const operand = compare.operand;
  switch (operand.target) {
    case "mod":
    case "create":
    case "version":
      return signHolds(compare, -operand.value);
    case "lease":
      return signHolds(compare, bigintSign(0n, operand.value));
    case "value":
      return false;
    case "unknown":
      return signHolds(compare, 0);
    default:
      return unreachable(operand);
  }
}

/** `sign` is negative, zero or positive as the stored side is less, equal or greater. */
function signHolds(compare: Compare, sign: number): boolean {
  switch (compare.operator) {
    case "equal":
      return sign === 0;
    case "greater":
      return sign > 0;
    case "less":
      return sign < 0;
    case "not-equal":
      return sign !== 0;
    case "always":
      return true;
    default:
      return unreachable(compare.operator);
  }
}

function bigintSign(left: bigint, right: bigint): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
