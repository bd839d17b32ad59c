import { describe, expect, it } from "vitest";
import type { Command, PutCommand, RangeQuery } from "./command.ts";
import { heldBytes, ownCommand } from "./own-command.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

function newPut(): PutCommand {
  const rest = { lease: 3n, prevKv: true, ignoreValue: false, ignoreLease: false };
  return { kind: "put", key: bytes("key"), value: bytes("value"), ...rest };
}

function newRange(): RangeQuery {
  return {
    kind: "range",
    range: { kind: "from", start: bytes("start") },
    revision: 1,
    limit: 2,
    order: "descend",
    target: "mod",
    serializable: true,
    keysOnly: true,
    countOnly: false,
    withCount: true,
    minModRevision: 3,
    maxModRevision: 4,
    minCreateRevision: 5,
    maxCreateRevision: 6,
  };
}

/** Each makes the same command again, with bytes of its own. */
const COMMANDS: readonly (readonly [string, () => Command])[] = [
  ["put", newPut],
  [
    "delete-range",
    () => {
      const range = { kind: "range", start: bytes("a"), end: bytes("b") } as const;
      return { kind: "delete-range", range, prevKv: true };
    },
  ],
  [
    "txn",
    () => {
      const single = { kind: "single", key: bytes("single") } as const;
      const value = { target: "value", value: bytes("operand") } as const;
      const lease = { target: "lease", value: 5n } as const;
      const inner = { kind: "txn", compares: [], success: [newPut()], failure: [] } as const;
      return {
        kind: "txn",
        compares: [
          { range: single, operator: "less", operand: value },
          { range: { kind: "empty" }, operator: "equal", operand: lease },
        ],
        success: [newPut(), newRange(), { ...inner, readOnly: false }],
        failure: [{ kind: "delete-range", range: { ...single, key: bytes("x") }, prevKv: false }],
        readOnly: false,
      };
    },
  ],
  [
    "role-grant-permission",
    () => {
      const permission = { type: 2, key: bytes("from"), rangeEnd: bytes("to") };
      return { kind: "auth", change: { kind: "role-grant-permission", name: "r", permission } };
    },
  ],
  [
    "role-revoke-permission",
    () => {
      const range = { key: bytes("from"), rangeEnd: bytes("to") };
      return { kind: "auth", change: { kind: "role-revoke-permission", name: "r", ...range } };
    },
  ],
  ["lease-revoke", () => ({ kind: "lease-revoke", id: 1n, reason: "request" })],
];

/** Overwrites every byte that can be reached, as a buffer that is used again would. */
function overwrite(value: unknown): void {
  if (value instanceof Uint8Array) value.fill(0xff);
  else if (typeof value === "object" && value !== null) Object.values(value).forEach(overwrite);
}

describe.each(COMMANDS)("a command of its own: %s", (_, newCommand) => {
  it("is the same, and stays so when the borrowed bytes are used again", () => {
    const borrowed = newCommand();
    const own = ownCommand(borrowed);
    overwrite(borrowed);
    expect(own).toEqual(newCommand());
  });
});

it("what a held command counts grows with its bytes", () => {
  const put = { ...newPut(), value: new Uint8Array(10_000) };
  const txn: Command = { kind: "txn", compares: [], success: [put], failure: [], readOnly: false };
  expect(heldBytes(put)).toBeGreaterThan(10_000);
  expect(heldBytes(txn)).toBeGreaterThan(10_000);
  expect(heldBytes({ kind: "lease-revoke", id: 1n, reason: "request" })).toBeGreaterThan(0);
});
