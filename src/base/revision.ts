import { assert } from "./assert.ts";

declare const revisionBrand: unique symbol;

/**
 * One point in the store's history: an integer from 0 to 2^53 - 1. Every committed write that
 * changes at least one key adds exactly 1 (O1). A number rather than a bigint, because comparing
 * and adding are on every hot path; the wire's int64 is checked where it enters.
 */
export type Revision = number & { readonly [revisionBrand]: true };

/** The revision of a store that nobody has written to (O1). */
export const FIRST_REVISION: Revision = 1 as Revision;

export function toRevision(value: number): Revision {
  assert(Number.isSafeInteger(value) && value >= 0, "a revision is an integer from 0 to 2^53 - 1");
  return value as Revision;
}

export function nextRevision(revision: Revision): Revision {
  return toRevision(revision + 1);
}
