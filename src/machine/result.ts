import type { EtcdError } from "../base/errors.ts";
import type { Revision } from "../base/revision.ts";
import type { AlarmResult } from "./alarm-command.ts";
import type { AuthResult } from "./auth-command.ts";
import type { Command } from "./command.ts";
import type { LeaseGrantResult, LeaseRevokeResult } from "./lease-command.ts";
import type { MemberResult } from "./member-command.ts";

/**
 * What the machine answers: plain data, encoded by `api` once it may leave. A KeyValue is its
 * protobuf bytes as they stand in the log, never overwritten.
 */
export type KeyValueBytes = Uint8Array;

export interface PutResult {
  readonly kind: "put";
  readonly revision: Revision;
  readonly previous: KeyValueBytes | undefined;
}

export interface DeleteRangeResult {
  readonly kind: "delete-range";
  readonly revision: Revision;
  readonly deleted: number;
  readonly previous: readonly KeyValueBytes[];
}

export interface RangeResult {
  readonly kind: "range";
  /** For the response header: the store's revision, not the one asked for (K4). */
  readonly revision: Revision;
  readonly keyValues: readonly KeyValueBytes[];
  readonly count: number;
  readonly more: boolean;
}

export interface TxnResult {
  readonly kind: "txn";
  readonly revision: Revision;
  readonly succeeded: boolean;
  readonly responses: readonly OpResult[];
}

export interface CompactResult {
  readonly kind: "compact";
  readonly revision: Revision;
}

export type OpResult = PutResult | DeleteRangeResult | RangeResult | TxnResult;
export type CommandResult =
  | PutResult
  | DeleteRangeResult
  | TxnResult
  | CompactResult
  | AlarmResult
  | AuthResult
  | LeaseGrantResult
  | LeaseRevokeResult
  | MemberResult;

/** An expected "no" is a value: the machine never throws for a client's fault. */
export type Outcome<Result> = Result | EtcdError;

/** The result kind that belongs to a command. */
export type ResultOf<C extends Command> = Extract<CommandResult, { kind: C["kind"] }>;
