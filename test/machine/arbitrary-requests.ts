import fc from "fast-check";
import type { Compare, RequestOp } from "../../src/api/proto/messages-key-value.ts";
import type { Request } from "./request-language.ts";

/** Few keys, so that everything meets everything; the smallest and a high byte are among them. */
const KEYS = ["\0", "a", "aa", "ab", "b", "c", "c\xff"];
const VALUES = ["", "1", "2"];

const key: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...KEYS).map(bytes) },
  { weight: 1, arbitrary: fc.constant(bytes("")) },
);
const rangeEnd: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(bytes("")) },
  { weight: 3, arbitrary: fc.constantFrom(...KEYS, "d").map(bytes) },
);
const number = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: -2, max: 30 }));
const mostlyZero = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: number },
);
const rarely = fc.integer({ min: 0, max: 3 }).map((chance) => chance === 0);
const lease = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0n) },
  { weight: 2, arbitrary: fc.constantFrom(1n, -1n) },
  { weight: 1, arbitrary: fc.constant(99n) },
);

const put = fc
  .record({
    key,
    value: fc.constantFrom(...VALUES).map(bytes),
    lease,
    prevKv: fc.boolean(),
    ignoreValue: rarely,
    ignoreLease: rarely,
  })
  .map((value) => {
    // Mostly without what would refuse it at once.
    const keepsValue = value.ignoreValue && value.lease !== 99n;
    return { ...value, value: keepsValue ? bytes("") : value.value };
  });

const range = fc.record({
  key,
  rangeEnd,
  limit: fc.integer({ min: -1, max: 4 }),
  revision: mostlyZero,
  sortOrder: fc.constantFrom(0, 0, 1, 2, 2, 0, 1, 3),
  sortTarget: fc.constantFrom(0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5),
  serializable: fc.boolean(),
  keysOnly: rarely,
  countOnly: rarely,
  minModRevision: mostlyZero,
  maxModRevision: mostlyZero,
  minCreateRevision: mostlyZero,
  maxCreateRevision: mostlyZero,
});

const deleteRange = fc.record({ key, rangeEnd, prevKv: fc.boolean() });

const targetUnion: fc.Arbitrary<Compare["targetUnion"]> = fc.oneof(
  fc.constant(undefined),
  number.map((value) => ({ kind: "version" as const, value })),
  number.map((value) => ({ kind: "createRevision" as const, value })),
  number.map((value) => ({ kind: "modRevision" as const, value })),
  fc.constantFrom(...VALUES).map((value) => ({ kind: "value" as const, value: bytes(value) })),
  lease.map((value) => ({ kind: "lease" as const, value })),
);

const condition: fc.Arbitrary<Compare> = fc.record({
  key,
  rangeEnd,
  result: fc.integer({ min: 0, max: 4 }),
  target: fc.integer({ min: 0, max: 5 }),
  targetUnion,
});

/** A request of one of the four kinds; txns nest up to three deep. */
export const request: fc.Arbitrary<Request> = fc.letrec<{ op: RequestOp; request: Request }>(
  (tie) => ({
    op: fc.oneof(
      { weight: 60, arbitrary: tie("request").map((value): RequestOp => ({ request: value })) },
      { weight: 1, arbitrary: fc.constant({ request: undefined }) },
    ),
    request: fc.oneof(
      { maxDepth: 3, depthIdentifier: "txn" },
      put.map((value): Request => ({ kind: "requestPut", value })),
      put.map((value): Request => ({ kind: "requestPut", value })),
      range.map((value): Request => ({ kind: "requestRange", value })),
      deleteRange.map((value): Request => ({ kind: "requestDeleteRange", value })),
      txnOf(tie("op")),
      txnOf(tie("op")),
    ),
  }),
).request;

function txnOf(op: fc.Arbitrary<RequestOp>): fc.Arbitrary<Request> {
  return fc
    .record({
      compare: fc.array(condition, { maxLength: 2 }),
      success: fc.array(op, { maxLength: 4, depthIdentifier: "txn" }),
      failure: fc.array(op, { maxLength: 3, depthIdentifier: "txn" }),
    })
    .map((value): Request => ({ kind: "requestTxn", value }));
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
