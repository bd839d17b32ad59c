import { copyBytes } from "../base/bytes.ts";
import { copyRange } from "../base/key-range.ts";
import type { AuthChange } from "./auth-command.ts";
import type { Command, Compare, PutCommand, TxnCommand, TxnOp } from "./command.ts";
import { putCost, txnCost } from "./write-cost.ts";

/** A command without bytes is counted as so many, for what stands around it. */
const COMMAND_BYTES = 256;

/** The same command with bytes of its own, for one that cannot be applied before others. */
export function ownCommand(command: Command): Command {
  switch (command.kind) {
    case "put":
      return ownPut(command);
    case "delete-range":
      return { ...command, range: copyRange(command.range) };
    case "txn":
      return ownTxn(command);
    case "auth":
      return { ...command, change: ownChange(command.change) };
    default:
      // Nothing but numbers and text.
      return command;
  }
}

/** About how many bytes of memory such a command takes. */
export function heldBytes(command: Command): number {
  if (command.kind === "put") return putCost(command);
  return COMMAND_BYTES + (command.kind === "txn" ? txnCost(command) : 0);
}

function ownPut(put: PutCommand): PutCommand {
  return { ...put, key: copyBytes(put.key), value: copyBytes(put.value) };
}

function ownTxn(txn: TxnCommand): TxnCommand {
  return {
    ...txn,
    compares: txn.compares.map(ownCompare),
    success: txn.success.map(ownOp),
    failure: txn.failure.map(ownOp),
  };
}

function ownOp(op: TxnOp): TxnOp {
  switch (op.kind) {
    case "put":
      return ownPut(op);
    case "txn":
      return ownTxn(op);
    default:
      return { ...op, range: copyRange(op.range) };
  }
}

function ownCompare({ range, operator, operand }: Compare): Compare {
  const owned =
    operand.target === "value" ? { ...operand, value: copyBytes(operand.value) } : operand;
  return { range: copyRange(range), operator, operand: owned };
}

function ownChange(change: AuthChange): AuthChange {
  if (change.kind === "role-revoke-permission") {
    return { ...change, key: copyBytes(change.key), rangeEnd: copyBytes(change.rangeEnd) };
  }
  if (change.kind !== "role-grant-permission" || change.permission === undefined) return change;
  const { type, key, rangeEnd } = change.permission;
  return { ...change, permission: { type, key: copyBytes(key), rangeEnd: copyBytes(rangeEnd) } };
}
