declare const slotBrand: unique symbol;

/**
 * One stored version of one key, as a number of the index. Valid until a compaction step frees the
 * version; then it may come to mean another one. So it is used at once and never kept.
 */
export type Slot = number & { readonly [slotBrand]: true };

/** No version: the key is not there, or deleted. */
export const NO_SLOT: Slot = 0 as Slot;
