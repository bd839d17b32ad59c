import type { PutCommand, TxnCommand, TxnOp } from "./command.ts";

/** What etcd counts for a put beside its key and value: index and record (M20). */
const PUT_OVERHEAD_BYTES = 256;
/** What etcd counts for a lease (M20). */
export const LEASE_GRANT_COST = 64;

/** Bytes by which a put may make the store grow, as etcd counts them (M20). */
export function putCost(put: PutCommand): number {
  return PUT_OVERHEAD_BYTES + put.key.length + put.value.length;
}

/** The dearer branch of a txn, nested txns included (M20); reads and deletes cost nothing. */
export function txnCost(txn: TxnCommand): number {
  return Math.max(opsCost(txn.success), opsCost(txn.failure));
}

/** Whether a put stands anywhere in the txn, run or not (M21). */
export function writesKeys(txn: TxnCommand): boolean {
  return txn.success.some(isWrite) || txn.failure.some(isWrite);
}

function opsCost(ops: readonly TxnOp[]): number {
  let cost = 0;
  for (const op of ops) {
    if (op.kind === "put") cost += putCost(op);
    else if (op.kind === "txn") cost += txnCost(op);
  }
  return cost;
}

function isWrite(op: TxnOp): boolean {
  return op.kind === "put" || (op.kind === "txn" && writesKeys(op));
}
