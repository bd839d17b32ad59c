import type { KeyRange } from "../../src/base/key-range.ts";
import type { PutCommand, RangeQuery } from "../../src/machine/command.ts";

/** A plain put, as most clients send it. */
export function putCommand(key: Uint8Array, value: Uint8Array, lease: bigint = 0n): PutCommand {
  return { kind: "put", key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false };
}

/** The newest values of a range, all of them, but for what is changed. */
export function rangeQuery(range: KeyRange, changes: Partial<RangeQuery> = {}): RangeQuery {
  return {
    kind: "range",
    range,
    revision: 0,
    limit: 0,
    order: "none",
    target: "key",
    serializable: false,
    keysOnly: false,
    countOnly: false,
    withCount: true,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...changes,
  };
}
