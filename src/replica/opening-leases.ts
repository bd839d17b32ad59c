import { latin1Text } from "../base/bytes.ts";
import { keyOf, leaseOf } from "../mvcc/key-value.ts";
import { isTombstone, RecordKind, type RecordView } from "../storage/record.ts";

/**
 * Finds which live keys name a lease while the log is read at the start: afterwards it would take a
 * read of every key (L13).
 */
export class OpeningLeases {
  /** Keys as latin1 text. */
  readonly attachments: Map<string, bigint> = new Map();

  /** Looks at one record of the log; all of them, in log order. */
  replay(record: RecordView): void {
    const { kind } = record;
    if (kind !== RecordKind.put && !isTombstone(kind)) return;
    const { payload } = record;
    const lease = kind === RecordKind.put ? leaseOf(payload) : 0n;
    if (lease === 0n && this.attachments.size === 0) return;
    const key = keyOf(payload);
    const name = latin1Text(key, 0, key.length);
    if (lease === 0n) this.attachments.delete(name);
    else this.attachments.set(name, lease);
  }
}
