import { expect, test } from "vitest";
import type { PutCommand, TxnCommand, TxnOp } from "./command.ts";
import { putCost, txnCost, writesKeys } from "./write-cost.ts";

function put(keyBytes: number, valueBytes: number): PutCommand {
  return {
    kind: "put",
    key: new Uint8Array(keyBytes),
    value: new Uint8Array(valueBytes),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
}

function txn(success: readonly TxnOp[], failure: readonly TxnOp[]): TxnCommand {
  return { kind: "txn", compares: [], success, failure, readOnly: false };
}

const remove: TxnOp = {
  kind: "delete-range",
  range: { kind: "from", start: new Uint8Array(1) },
  prevKv: false,
};

test("a put costs its key, its value and 256 bytes (M20)", () => {
  expect(putCost(put(3, 100))).toBe(359);
});

test.each<[string, TxnCommand, number]>([
  ["nothing", txn([], []), 0],
  ["nothing for deletes", txn([remove], [remove]), 0],
  ["all its puts", txn([put(1, 1), remove, put(2, 2)], []), 258 + 260],
  ["the dearer branch", txn([put(1, 1)], [put(1, 50), put(1, 50)]), 2 * 307],
  ["nested txns, by their dearer branch (V18)", txn([txn([put(1, 9)], [put(1, 1)])], []), 266],
])("a txn costs %s (M20)", (_name, command, cost) => {
  expect(txnCost(command)).toBe(cost);
  expect(writesKeys(command)).toBe(cost > 0);
});
