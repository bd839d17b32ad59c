import type { Message } from "./wire-codec.ts";
import { headerRevision, listOf, type Truth } from "./watch-truth.ts";
import { parseCreate, type WatchCreate, WatcherCheck } from "./watcher-check.ts";

/** What happened on a watch stream as its client saw it, in order. */
export type TranscriptEntry =
  /** A WatchRequest. */
  | { readonly sent: Message }
  /** A WatchResponse. */
  | { readonly received: Message }
  /** A compaction was answered: whoever asks for less from here on must not get it. */
  | { readonly compacted: number };

export interface WatchHistory {
  readonly truth: Truth;
  readonly transcript: readonly TranscriptEntry[];
  /**
   * The client listened until everything up to this revision had to be there, answers included;
   * undefined when it left in the middle.
   */
  readonly completeTo: number | undefined;
  /**
   * Whether the server promises what etcd does not: a header's revision is never ahead of what was
   * sent (D1), the id of a compacted watcher is free (D3), progress is always answered (D12).
   */
  readonly isStrict: boolean;
}

const TOO_MANY = "etcdserver: too many watchers";
const PERMISSION = "rpc error:";
const PROGRESS_FIELDS: ReadonlySet<string> = new Set(["header", "watch_id"]);

/**
 * Judges what one watch stream received against the true history of the store: what etcd promises
 * of a watch (W80-W87) and the protocol around it. All broken promises in words; none when the
 * history is good.
 */
export function validateWatch(history: WatchHistory): string[] {
  const check = new StreamCheck(history);
  for (const entry of history.transcript) {
    if ("sent" in entry) check.sent(entry.sent);
    else if ("received" in entry) check.received(entry.received);
    else check.compacted(entry.compacted);
  }
  check.finish();
  return check.faults;
}

/** Follows one stream: who was created, which answers are owed, whose fragments are open. */
class StreamCheck {
  readonly faults: string[] = [];
  readonly #history: WatchHistory;
  readonly #creates: WatchCreate[] = [];
  readonly #watchers = new Map<string, WatcherCheck>();
  /** Those whose id another one has now. */
  readonly #replaced: WatcherCheck[] = [];
  /** How often the cancel of an id was asked for and not yet answered. */
  readonly #cancels = new Map<string, number>();
  #progressAsked = 0;
  #isProgressOwed = false;
  #progress = 0;
  #open: string | undefined;
  #compactedTo = 0;
  #nextId = 0;

  constructor(history: WatchHistory) {
    this.#history = history;
  }

  compacted(revision: number): void {
    this.#compactedTo = Math.max(this.#compactedTo, revision);
  }

  sent(request: Message): void {
    const create = request["create_request"] as Message | undefined;
    const cancel = request["cancel_request"] as Message | undefined;
    if (create !== undefined) this.#creates.push(parseCreate(create, this.#compactedTo));
    if (cancel !== undefined) {
      const id = idOf(cancel);
      this.#cancels.set(id, (this.#cancels.get(id) ?? 0) + 1);
      const watcher = this.#watchers.get(id);
      if (watcher !== undefined) watcher.isCancelAsked = true;
    }
    if (request["progress_request"] !== undefined) {
      this.#progressAsked++;
      // Nobody is owed progress where nobody watches (W48).
      this.#isProgressOwed = this.#isWatched || this.#creates.length > 0;
    }
  }

  received(response: Message): void {
    const id = idOf(response);
    if (this.#open !== undefined && this.#open !== id) {
      this.faults.push(`watcher ${id} came between fragments of ${this.#open}`);
    }
    this.#open = response["fragment"] === true ? id : undefined;
    if (response["created"] === true) this.#created(id, response);
    else if (id === "-1" && !this.#watchers.has(id)) this.#streamProgress(response);
    else {
      const watcher = this.#watchers.get(id);
      if (watcher === undefined) this.faults.push(`a response for the unknown watcher ${id}`);
      else if (response["canceled"] === true) this.#canceled(id, watcher, response);
      else watcher.take(response);
    }
  }

  finish(): void {
    const { completeTo, isStrict } = this.#history;
    if (this.#open !== undefined && completeTo !== undefined) {
      this.faults.push(`the last fragment of watcher ${this.#open} is missing`);
    }
    if (completeTo !== undefined && this.#creates.length > 0) {
      this.faults.push(`${this.#creates.length} creates were never answered`);
    }
    const watchers = [...this.#watchers.values()];
    for (const watcher of [...this.#replaced, ...watchers]) watcher.finish(completeTo);
    if (completeTo === undefined || !isStrict || !this.#isProgressOwed) return;
    const listening = watchers.filter(({ isOpen }) => isOpen);
    if (listening.length > 0 && listening.every((one) => one.startRevision <= completeTo)) {
      this.faults.push("a progress request was never answered");
    }
  }

  #created(id: string, response: Message): void {
    const request = this.#creates.shift();
    if (request === undefined) {
      this.faults.push(`created ${id} was never asked for`);
      return;
    }
    if (listOf(response, "events").length > 0) this.faults.push(`created ${id} carries events`);
    const refusal = this.#refusalOf(request);
    if (response["canceled"] === true) {
      this.#refused(id, refusal, response);
      if (!this.#isWatched && this.#creates.length === 0) this.#isProgressOwed = false;
      return;
    }
    if (refusal !== undefined) this.faults.push(`created ${id}, which is to be refused`);
    const expected = request.id === "0" ? this.#chooseId() : request.id;
    if (expected !== id) this.faults.push(`created ${id} instead of ${expected}`);
    const before = this.#watchers.get(id);
    if (before?.isOpen === true) this.faults.push(`created ${id} twice`);
    if (before !== undefined) this.#replaced.push(before);
    const { truth, isStrict } = this.#history;
    const created = headerRevision(response);
    const context = { truth, isStrict, created, faults: this.faults };
    this.#watchers.set(id, new WatcherCheck(id, request, context));
  }

  get #isWatched(): boolean {
    return [...this.#watchers.values()].some(({ isOpen }) => isOpen);
  }

  /** The next id of the stream's own count that is not in use (W16). */
  #chooseId(): string {
    while (this.#watchers.get(String(this.#nextId))?.isOpen === true) this.#nextId++;
    return String(this.#nextId++);
  }

  #refused(id: string, expected: string | undefined, response: Message): void {
    const reason = String(response["cancel_reason"] ?? "");
    if (id !== "-1") this.faults.push(`a refused create has the id ${id}`);
    const isExpected =
      expected === undefined
        ? reason === TOO_MANY || reason.startsWith(PERMISSION)
        : reason.includes(expected);
    if (!isExpected) this.faults.push(`a create was refused with "${reason}"`);
  }

  /** Why a create has to be refused (W8, W14, W17). */
  #refusalOf({ id, key, rangeEnd, startRevision }: WatchCreate): string | undefined {
    if (startRevision < 0) return "required revision has been compacted";
    if (rangeEnd !== "" && rangeEnd !== "\0" && rangeEnd <= key) return "watcher range is empty";
    const isTaken = this.#watchers.get(id)?.isOpen === true && id !== "0";
    const isDuplicate = isTaken || (id === "-1" && this.#history.isStrict);
    return isDuplicate ? "duplicate watch ID" : undefined;
  }

  #canceled(id: string, watcher: WatcherCheck, response: Message): void {
    const asked = this.#cancels.get(id) ?? 0;
    if (Number(response["compact_revision"] ?? 0) > 0) watcher.endByCompaction(response);
    else if ("cancel_reason" in response) watcher.endByServer(response);
    else if (asked === 0) this.faults.push(`canceled ${id}, for which nobody asked`);
    else {
      this.#cancels.set(id, asked - 1);
      watcher.endByClient(response);
    }
    if (!this.#isWatched) this.#isProgressOwed = false;
  }

  #streamProgress(response: Message): void {
    const revision = headerRevision(response);
    if (this.#progressAsked === 0) this.faults.push("progress for which nobody asked");
    this.#progressAsked--;
    this.#isProgressOwed = false;
    const isPlain = Object.keys(response).every((field) => PROGRESS_FIELDS.has(field));
    if (!isPlain) this.faults.push("progress that says more than a revision");
    if (revision < this.#progress) {
      this.faults.push(`progress fell from ${this.#progress} to ${revision}`);
    }
    this.#progress = revision;
    const listening = [...this.#watchers.values()].filter(({ isOpen }) => isOpen);
    if (this.#history.isStrict && listening.length === 0) {
      this.faults.push("progress on a stream without watchers");
    }
    for (const watcher of listening) watcher.progress(revision);
  }
}

function idOf(message: Message): string {
  return String(message["watch_id"] ?? 0);
}
