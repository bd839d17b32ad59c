import type { Revision } from "../base/revision.ts";

/** Why a key was deleted. */
export type DeleteReason = "request" | "lease-expiry";

/**
 * What one put or delete did to one key, in the order in which it was done: all that a watcher may
 * want to know of it. The bytes are never overwritten and may be kept.
 */
export interface Change {
  readonly type: "put" | "delete";
  readonly revision: Revision;
  /** In wire form: of a put the stored KeyValue, of a delete only key and mod_revision (W23). */
  readonly keyValue: Uint8Array;
  /**
   * The KeyValue at revision - 1, so for several changes of one key in one revision the state
   * before all of them; undefined for a creation, or when it is not wanted (W29).
   */
  readonly previous: Uint8Array | undefined;
  /** Undefined for a put. */
  readonly deleteReason: DeleteReason | undefined;
  /** A put that begins a generation: its create_revision is its mod_revision (W22). */
  readonly isCreate: boolean;
}
