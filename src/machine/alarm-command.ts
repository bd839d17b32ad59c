import type { Revision } from "../base/revision.ts";

/** Why a cluster takes no more of some requests, until an operator says that it may (M20-M22). */
export type AlarmName = "nospace" | "corrupt";

/** One member's alarm; it holds for the whole cluster. */
export interface Alarm {
  readonly memberId: bigint;
  readonly alarm: AlarmName;
}

/** An Alarm request (M10). All of them go through the log, so that they are seen in its order. */
export interface AlarmCommand {
  readonly kind: "alarm";
  readonly action: "get" | "activate" | "deactivate";
  readonly memberId: bigint;
  /** "none" lists every alarm, and is none to raise or take back; "unknown" is none at all. */
  readonly alarm: AlarmName | "none" | "unknown";
}

export interface AlarmResult {
  readonly kind: "alarm";
  readonly revision: Revision;
  /** Those asked for, or the one that was raised or taken back. */
  readonly alarms: readonly Alarm[];
}
