import type { Revision } from "../base/revision.ts";

/** A member of the cluster as the log knows it. */
export interface MemberRecord {
  readonly id: bigint;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

/** A request of the Cluster service (C1-C3). All of them go through the log, listing too. */
export interface MemberCommand {
  readonly kind: "member";
  readonly change: MemberChange;
}

export type MemberChange =
  | { readonly action: "list" }
  | { readonly action: "add"; readonly member: MemberRecord }
  | { readonly action: "remove"; readonly id: bigint }
  | { readonly action: "update"; readonly id: bigint; readonly peerUrls: readonly string[] }
  | { readonly action: "promote"; readonly id: bigint };

export interface MemberResult {
  readonly kind: "member";
  readonly revision: Revision;
  /** All members after the change, by id. */
  readonly members: readonly MemberRecord[];
}
