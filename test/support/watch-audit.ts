import {
  headerRevision,
  HistoryRecorder,
  latin1,
  listOf,
  type WriteMethod,
} from "./watch-truth.ts";
import { type TranscriptEntry, validateWatch } from "./watch-validator.ts";
import { decodeMessage, decodeRequest, type Message } from "./wire-codec.ts";
import type { TappedCall, TappedMessage } from "./wire-tap.ts";

const WRITES: ReadonlyMap<string, WriteMethod> = new Map([
  ["/etcdserverpb.KV/Put", "Put"],
  ["/etcdserverpb.KV/DeleteRange", "DeleteRange"],
  ["/etcdserverpb.KV/Txn", "Txn"],
  ["/etcdserverpb.Lease/LeaseRevoke", "LeaseRevoke"],
]);
const COMPACT = "/etcdserverpb.KV/Compact";
const WATCH = "/etcdserverpb.Watch/Watch";
const RECIPES = /^\/v3(?:lock|election)pb\./;

interface Write {
  readonly method: WriteMethod;
  readonly request: Message;
  readonly response: Message;
}

export interface AuditReport {
  readonly streams: number;
  readonly responses: number;
  readonly writes: number;
  readonly faults: readonly string[];
}

/**
 * Judges every watch stream that passed a tap by the truth that follows from the writes that passed
 * it. Clients leave when they like, so that what they did not wait for is not missed.
 */
export class WatchAudit {
  readonly #requests = new Map<TappedCall, Buffer>();
  readonly #writes: Write[] = [];
  readonly #compactions: number[] = [];
  readonly #streams = new Map<TappedCall, TranscriptEntry[]>();
  readonly #faults: string[] = [];
  #hasRecipes = false;

  /** Takes messages in the order in which they passed the tap. */
  hear(messages: readonly TappedMessage[]): void {
    for (const message of messages) {
      try {
        this.#take(message);
      } catch (error) {
        // What a client writes may be nonsense; then the server has to refuse it, and does not count.
        if (message.from === "server") this.#faults.push(String(error));
      }
    }
  }

  report(): AuditReport {
    const recorder = new HistoryRecorder();
    const faults = [...this.#faults];
    const changed = this.#writes
      .filter(hasChanged)
      .sort((one, other) => headerRevision(one.response) - headerRevision(other.response));
    let revision = 1;
    const expire = (until: number): void => {
      while (revision < until) {
        revision++;
        if (this.#hasRecipes && this.#believe(revision, recorder)) continue;
        const lease = this.#expiredAt(revision, recorder);
        if (lease === undefined) {
          faults.push(`nobody was answered that he wrote revision ${revision}`);
        } else {
          recorder.endLease(lease, revision);
        }
      }
    };
    for (const { method, request, response } of changed) {
      expire(headerRevision(response) - 1);
      const before = recorder.changes.length;
      recorder.write(method, request, response);
      // A txn that only read has the revision of the write before it.
      if (recorder.changes.length > before) revision = headerRevision(response);
    }
    expire(this.#newestEvent());
    for (const compacted of this.#compactions) recorder.compact(compacted);
    const { truth } = recorder;
    let responses = 0;
    for (const transcript of this.#streams.values()) {
      responses += transcript.filter((entry) => "received" in entry).length;
      faults.push(...validateWatch({ truth, transcript, completeTo: undefined, isStrict: true }));
    }
    return { streams: this.#streams.size, responses, writes: changed.length, faults };
  }

  /**
   * Lock and Election write keys on behalf of calls whose answers do not say when. What the first
   * watcher saw of such a revision is believed, and the others have to have seen the same.
   */
  #believe(revision: number, recorder: HistoryRecorder): boolean {
    const seen = new Set<string>();
    for (const event of this.#events()) {
      const kv = event["kv"] as Message;
      const key = latin1(kv["key"]);
      if (Number(kv["mod_revision"]) !== revision || seen.has(key)) continue;
      seen.add(key);
      if (event["type"] === 1) recorder.delete(key, "", revision);
      else recorder.put(key, latin1(kv["value"]), revision, BigInt(Number(kv["lease"] ?? 0)));
    }
    return seen.size > 0;
  }

  /**
   * A revision that nobody wrote may be the end of a lease whose time was over. A watcher that saw
   * it tells which lease; if none did, it is the only one that there is.
   */
  #expiredAt(revision: number, recorder: HistoryRecorder): bigint | undefined {
    for (const event of this.#events()) {
      if (event["type"] !== 1) continue;
      const keyValue = event["kv"] as Message;
      if (Number(keyValue["mod_revision"]) !== revision) continue;
      return recorder.leaseOf(latin1(keyValue["key"]));
    }
    const leases = [...recorder.leases];
    return leases.length === 1 ? leases[0] : undefined;
  }

  #newestEvent(): number {
    let newest = 0;
    for (const { kv } of this.#events()) {
      newest = Math.max(newest, Number((kv as Message)["mod_revision"]));
    }
    return newest;
  }

  *#events(): IterableIterator<Message> {
    for (const transcript of this.#streams.values()) {
      for (const entry of transcript) {
        if ("received" in entry) yield* listOf(entry.received, "events");
      }
    }
  }

  #take({ call, from, bytes }: TappedMessage): void {
    this.#hasRecipes ||= RECIPES.test(call.path);
    if (call.path === WATCH) this.#watched(call, from, bytes);
    const method = WRITES.get(call.path);
    if (method === undefined && call.path !== COMPACT) return;
    if (from === "client") {
      this.#requests.set(call, bytes);
      return;
    }
    const asked = this.#requests.get(call) ?? Buffer.alloc(0);
    this.#requests.delete(call);
    if (method === undefined) {
      const { revision } = decodeRequest("CompactionRequest", asked);
      this.#compactions.push(Number(revision ?? 0));
      for (const transcript of this.#streams.values()) {
        transcript.push({ compacted: Number(revision ?? 0) });
      }
      return;
    }
    const request = decodeRequest(`${method}Request`, asked);
    this.#writes.push({ method, request, response: decodeMessage(`${method}Response`, bytes) });
  }

  #watched(call: TappedCall, from: "client" | "server", bytes: Buffer): void {
    let transcript = this.#streams.get(call);
    if (transcript === undefined) {
      // What was compacted before the stream began is known to its client as well.
      transcript = this.#compactions.slice(-1).map((compacted) => ({ compacted }));
      this.#streams.set(call, transcript);
    }
    if (from === "client") transcript.push({ sent: decodeRequest("WatchRequest", bytes) });
    else transcript.push({ received: decodeMessage("WatchResponse", bytes) });
  }
}

/** Whether it made a revision; of a txn that is found out by what it does. */
function hasChanged({ method, response }: Write): boolean {
  return method !== "DeleteRange" || Number(response["deleted"] ?? 0) > 0;
}
