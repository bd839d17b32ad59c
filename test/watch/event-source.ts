import { toRevision } from "../../src/base/revision.ts";
import type { DeleteReason } from "../../src/mvcc/change.ts";
import type { EventSource } from "../../src/watch/event-block.ts";
import { encodeMessage, type Message } from "../support/wire-codec.ts";
import { latin1 } from "./model-store.ts";

/** What a made-up event may say; the rest is that of the first put of a key. */
export interface SourceOptions {
  readonly type?: "put" | "delete";
  /** Bytes of the value. */
  readonly size?: number;
  /** The value before; its KeyValue is that of a put at revision 1. */
  readonly previous?: string;
  readonly isCreate?: boolean;
  readonly deleteReason?: DeleteReason;
}

/** An event as the store would make it. Keys and values are latin-1 text. */
export function eventSource(
  revision: number,
  key: string,
  options: SourceOptions = {},
): EventSource {
  const { type = "put", size = 0, previous } = options;
  // In field order (K70): whoever looks for the key relies on it. A default is not written.
  const fields: Message = {};
  if (key !== "") fields["key"] = latin1(key);
  if (type === "put") fields["create_revision"] = revision;
  fields["mod_revision"] = revision;
  if (type === "put" && size > 0) fields["value"] = new Uint8Array(size).fill(120);
  return {
    type,
    revision: toRevision(revision),
    keyValue: encodeMessage("KeyValue", fields),
    isCreate: options.isCreate ?? (type === "put" && previous === undefined),
    previous: previous === undefined ? undefined : previousKeyValue(key, previous),
    deleteReason: options.deleteReason,
  };
}

/** The KeyValue that an event of this key says was there before. */
export function previousKeyValue(key: string, value: string): Uint8Array {
  return encodeMessage("KeyValue", {
    key: latin1(key),
    create_revision: 1,
    mod_revision: 1,
    version: 1,
    ...(value === "" ? {} : { value: latin1(value) }),
  });
}
