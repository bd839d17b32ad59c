import type { KeyRange } from "../base/key-range.ts";
import type { AlarmCommand } from "./alarm-command.ts";
import type { AuthCommand } from "./auth-command.ts";
import type { LeaseGrantCommand, LeaseRevokeCommand } from "./lease-command.ts";
import type { MemberCommand } from "./member-command.ts";

/**
 * What a client asks of the state machine, right by construction: `api/parse.ts` has checked all
 * that can be checked without looking at the state, and nobody checks it again.
 */
export type Command =
  | PutCommand
  | DeleteRangeCommand
  | TxnCommand
  | CompactCommand
  | AlarmCommand
  | AuthCommand
  | LeaseGrantCommand
  | LeaseRevokeCommand
  | MemberCommand;

export interface PutCommand {
  readonly kind: "put";
  readonly key: Uint8Array;
  /** Empty and unused with `ignoreValue`. */
  readonly value: Uint8Array;
  /** 0 = none. */
  readonly lease: bigint;
  readonly prevKv: boolean;
  /** Keep the key's present value; it must exist (K22). */
  readonly ignoreValue: boolean;
  /** Keep the key's present lease; it must exist (K22). */
  readonly ignoreLease: boolean;
}

export interface DeleteRangeCommand {
  readonly kind: "delete-range";
  readonly range: KeyRange;
  readonly prevKv: boolean;
}

export type SortTarget = "key" | "version" | "create" | "mod" | "value";

/** A Range request (K10-K18). It never enters the log by itself, but may stand in a txn. */
export interface RangeQuery {
  readonly kind: "range";
  readonly range: KeyRange;
  /** 0 or less = the present one (outside a txn; K12). */
  readonly revision: number;
  /** 0 or less = no limit. */
  readonly limit: number;
  readonly order: "none" | "ascend" | "descend";
  readonly target: SortTarget;
  readonly serializable: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** False for a chunk of a larger answer, whose keys are counted once: its count means nothing. */
  readonly withCount: boolean;
  /** Bounds of K14; 0 = off. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export type CompareOperator = "equal" | "greater" | "less" | "not-equal" | "always";

/** One condition of a txn over a key or, with a range, over every key in it (K40-K44). */
export interface Compare {
  readonly range: KeyRange;
  readonly operator: CompareOperator;
  readonly operand:
    | { readonly target: "version" | "create" | "mod"; readonly value: number }
    | { readonly target: "lease"; readonly value: bigint }
    | { readonly target: "value"; readonly value: Uint8Array }
    /** an unknown target compares as equal (K41) */
    | { readonly target: "unknown" };
}

export type TxnOp = RangeQuery | PutCommand | DeleteRangeCommand | TxnCommand;

export interface TxnCommand {
  readonly kind: "txn";
  readonly compares: readonly Compare[];
  readonly success: readonly TxnOp[];
  readonly failure: readonly TxnOp[];
  /** True when both branches hold only ranges; a nested txn counts as a write, as in etcd (K3). */
  readonly readOnly: boolean;
}

export interface CompactCommand {
  readonly kind: "compact";
  readonly revision: number;
  /** Answer only when the removal is finished (K61). */
  readonly physical: boolean;
}
