import type { KeyRange } from "../../src/base/key-range.ts";
import type { CreateRequest, WatchStream } from "../../src/watch/watch-stream.ts";
import { type Change, Truth } from "../support/watch-truth.ts";
import { type TranscriptEntry, validateWatch } from "../support/watch-validator.ts";
import type { Message } from "../support/wire-codec.ts";
import type { SeenKeyValue, SeenResponse } from "./model-client.ts";
import type { ModelStore } from "./model-store.ts";

/** What a create has that the validator knows; it cannot judge a stream where more was asked for. */
const STOCK: ReadonlySet<string> = new Set([
  "id",
  "interest",
  "startRevision",
  "progressNotify",
  "fragment",
]);

/** All that a client of the hub asked for and saw, in order, for the validator. */
export class Transcript {
  readonly entries: TranscriptEntry[] = [];
  isStock = true;

  /** From here on all that is asked of the stream is noted. */
  noteRequests(stream: WatchStream): void {
    const create = stream.create.bind(stream);
    const cancel = stream.cancel.bind(stream);
    const requestProgress = stream.requestProgress.bind(stream);
    stream.create = (request) => {
      this.#note(request);
      create(request);
    };
    stream.cancel = (id) => {
      this.entries.push({ sent: { cancel_request: id === 0 ? {} : { watch_id: id } } });
      cancel(id);
    };
    stream.requestProgress = () => {
      this.entries.push({ sent: { progress_request: {} } });
      requestProgress();
    };
  }

  noteResponse(seen: SeenResponse): void {
    this.entries.push({ received: toMessage(seen) });
  }

  noteCompaction(revision: number): void {
    this.entries.push({ compacted: revision });
  }

  /** The broken promises. `completeTo`: see WatchHistory. */
  faults(truth: Truth, completeTo: number | undefined): string[] {
    if (!this.isStock) return [];
    return validateWatch({ truth, transcript: this.entries, completeTo, isStrict: true });
  }

  #note(request: CreateRequest): void {
    const { range, extras } = request.interest;
    const asked = Object.entries(request).filter(([, value]) => value !== false);
    const isStock = asked.every(([field]) => STOCK.has(field)) && extras === undefined;
    if (!isStock || range.kind === "several") {
      this.isStock = false;
      return;
    }
    const { noPut, noDelete, prevKv } = request.interest;
    const create: Message = {
      ...rangeFields(range),
      watch_id: request.id,
      start_revision: request.startRevision,
      filters: [...(noPut ? [0] : []), ...(noDelete ? [1] : [])],
      prev_kv: prevKv,
      fragment: request.fragment,
      progress_notify: request.progressNotify,
    };
    this.entries.push({ sent: { create_request: create } });
  }
}

/** The truth as the naive store knows it. */
export function truthOf(store: ModelStore, compactions: readonly number[]): Truth {
  const changes = store.events.map(({ type, revision, key, keyValue }): Change => {
    const { value = "", create = 0, version = 0 } = keyValue ?? {};
    return { type, key, value, createRevision: create, modRevision: revision, version };
  });
  return new Truth(changes, compactions);
}

/** A range as requests write it. */
export function rangeFields(range: KeyRange): { key: Uint8Array; range_end?: Uint8Array } {
  switch (range.kind) {
    case "single":
      return { key: range.key };
    case "range":
      return { key: range.start, range_end: range.end };
    case "from":
      return { key: range.start, range_end: Uint8Array.of(0) };
    case "empty":
      return { key: Uint8Array.of(2), range_end: Uint8Array.of(1) };
  }
}

/** The response as the wire has it: what is zero or empty is not there. */
function toMessage(seen: SeenResponse): Message {
  const message: Message = {
    header: { revision: seen.revision },
    watch_id: Number.isSafeInteger(Number(seen.id)) ? Number(seen.id) : seen.id,
    created: seen.created,
    canceled: seen.canceled,
    compact_revision: seen.compactRevision,
    cancel_reason: seen.cancelReason,
    fragment: seen.fragment,
  };
  for (const [field, value] of Object.entries(message)) {
    if (value === false || value === "" || (value === 0 && field !== "watch_id")) {
      delete message[field];
    }
  }
  if (seen.events.length === 0) return message;
  message["events"] = seen.events.map(({ type, keyValue, previous }) => ({
    ...(type === "delete" ? { type: 1 } : {}),
    kv: toKeyValue(keyValue),
    ...(previous === undefined ? {} : { prev_kv: toKeyValue(previous) }),
  }));
  return message;
}

function toKeyValue({ key, value, create, mod, version }: SeenKeyValue): Message {
  return {
    key: Buffer.from(key, "latin1"),
    mod_revision: mod,
    ...(value === "" ? {} : { value: Buffer.from(value, "latin1") }),
    ...(create === 0 ? {} : { create_revision: create }),
    ...(version === 0 ? {} : { version }),
  };
}
