import type { Revision } from "../base/revision.ts";

/** A bounded piece of reading what is alive at a revision. */
export interface StateSlice {
  readonly at: Revision;
  /** Keys that may still be looked at, counted down for each, dead ones included. */
  keysLeft: number;
}
