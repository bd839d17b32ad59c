import { compareBytes } from "../../src/base/bytes.ts";
import { type KeyRange, rangeContains } from "../../src/base/key-range.ts";
import { toRevision, type Revision } from "../../src/base/revision.ts";
import { WireWriter } from "../../src/base/wire.ts";
import type { DeleteReason } from "../../src/mvcc/change.ts";
import type { StateSlice } from "../../src/mvcc/state-slice.ts";
import type { EventSource } from "../../src/watch/event-block.ts";
import type { History, HistoryEvent } from "../../src/watch/history.ts";

/** One KeyValue of the naive store. */
export interface ModelKeyValue {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
}

export type ModelOp =
  | { readonly kind: "put"; readonly key: string; readonly value: string }
  | { readonly kind: "delete"; readonly key: string; readonly reason?: DeleteReason };

/** One change as a list entry: all that a correct watch can say of it. */
export interface ModelEvent {
  readonly type: "put" | "delete";
  readonly revision: number;
  readonly key: string;
  readonly keyValue: ModelKeyValue | undefined;
  /** State of the key before the whole revision. */
  readonly previous: ModelKeyValue | undefined;
  readonly deleteReason?: DeleteReason;
}

/**
 * The store as a list of changes: no index, no compaction of what it holds, so that it can be right
 * by inspection. Keys and values are latin-1 text.
 */
export class ModelStore implements History {
  readonly events: ModelEvent[] = [];
  readonly #live = new Map<string, ModelKeyValue>();
  head = 1;
  compacted = -1;

  /** Applies the ops as one revision; undefined when none of them changed anything. */
  apply(ops: readonly ModelOp[]): readonly ModelEvent[] | undefined {
    const revision = this.head + 1;
    const before = new Map(this.#live);
    const events: ModelEvent[] = [];
    for (const op of ops) {
      const live = this.#live.get(op.key);
      const previous = before.get(op.key);
      if (op.kind === "put") {
        const keyValue: ModelKeyValue = {
          key: op.key,
          value: op.value,
          create: live?.create ?? revision,
          mod: revision,
          version: (live?.version ?? 0) + 1,
        };
        this.#live.set(op.key, keyValue);
        events.push({ type: "put", revision, key: op.key, keyValue, previous });
      } else if (live !== undefined) {
        this.#live.delete(op.key);
        const { key, reason: deleteReason = "request" } = op;
        events.push({ type: "delete", revision, key, keyValue: undefined, previous, deleteReason });
      }
    }
    if (events.length === 0) return undefined;
    this.head = revision;
    this.events.push(...events);
    return events;
  }

  keys(): string[] {
    return [...this.#live.keys()].sort((a, b) => compareBytes(latin1(a), latin1(b)));
  }

  history(from: Revision, visit: (event: HistoryEvent) => boolean): void {
    if (from < this.compacted) throw new Error("no history is read below the compacted revision");
    for (const event of this.events) {
      if (event.revision < from) continue;
      const { previous: _, ...source } = toSource(event, false);
      if (!visit({ ...source, key: latin1(event.key) })) return;
    }
  }

  previousOf(key: Uint8Array, revision: Revision): Uint8Array | undefined {
    if (revision - 1 < this.compacted) return undefined;
    const text = Buffer.from(key).toString("latin1");
    const found = this.events.find((e) => e.revision === revision && e.key === text);
    return found?.previous === undefined ? undefined : encodeKeyValue(found.previous);
  }

  newestRevision(key: Uint8Array, atMost: Revision): number {
    const text = Buffer.from(key).toString("latin1");
    const found = this.events.findLast((e) => e.key === text && e.revision <= atMost);
    return found?.revision ?? 0;
  }

  visitAlive(
    range: KeyRange,
    slice: StateSlice,
    visit: (keyValue: Uint8Array) => boolean,
  ): Uint8Array | undefined {
    const { at } = slice;
    if (at < this.compacted) throw new Error("no state is read below the compacted revision");
    for (const keyValue of stateAt(this.events, at)) {
      if (!rangeContains(range, latin1(keyValue.key))) continue;
      const isTaken = slice.keysLeft-- > 0 && visit(encodeKeyValue(keyValue));
      if (!isTaken) return latin1(keyValue.key);
    }
    return undefined;
  }
}

/** What is alive at a revision, by the list of changes, keys ascending. */
export function stateAt(events: readonly ModelEvent[], revision: number): ModelKeyValue[] {
  const live = new Map<string, ModelKeyValue>();
  for (const event of events) {
    if (event.revision > revision) break;
    if (event.keyValue === undefined) live.delete(event.key);
    else live.set(event.key, event.keyValue);
  }
  return [...live.values()].sort((a, b) => compareBytes(latin1(a.key), latin1(b.key)));
}

/** The event as mvcc would hand it to the watch room. */
export function toSource(event: ModelEvent, withPrevious: boolean): EventSource {
  const { keyValue, previous } = event;
  return {
    type: event.type,
    revision: toRevision(event.revision),
    keyValue: encodeKeyValue(
      keyValue ?? { key: event.key, value: "", create: 0, mod: event.revision, version: 0 },
    ),
    isCreate: keyValue?.create === event.revision,
    deleteReason: event.deleteReason,
    previous: withPrevious && previous !== undefined ? encodeKeyValue(previous) : undefined,
  };
}

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

function encodeKeyValue(keyValue: ModelKeyValue): Uint8Array {
  const writer = new WireWriter();
  writer.bytesField(1, latin1(keyValue.key));
  writer.uintField(2, keyValue.create);
  writer.uintField(3, keyValue.mod);
  writer.uintField(4, keyValue.version);
  writer.bytesField(5, latin1(keyValue.value));
  return Uint8Array.from(writer.bytes());
}
