import type { Message } from "./wire-codec.ts";
import { type Change, headerRevision, isInRange, latin1, listOf } from "./watch-truth.ts";
import type { Truth } from "./watch-truth.ts";

/** A WatchCreateRequest, its defaults filled in. */
export interface WatchCreate {
  /** In decimal; "0" = the server chooses. */
  readonly id: string;
  readonly key: string;
  readonly rangeEnd: string;
  readonly startRevision: number;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
  /** What was compacted already, as the client knew when it asked. */
  readonly compacted: number;
}

export function parseCreate(request: Message, compacted: number): WatchCreate {
  const filters = (request["filters"] as number[] | undefined) ?? [];
  const key = latin1(request["key"]);
  return {
    id: String(request["watch_id"] ?? 0),
    // An empty key stands for the smallest one (W6).
    key: key === "" ? "\0" : key,
    rangeEnd: latin1(request["range_end"]),
    startRevision: Number(request["start_revision"] ?? 0),
    prevKv: request["prev_kv"] === true,
    noPut: filters.includes(0),
    noDelete: filters.includes(1),
    fragment: request["fragment"] === true,
    progressNotify: request["progress_notify"] === true,
    compacted,
  };
}

export interface WatcherContext {
  readonly truth: Truth;
  readonly isStrict: boolean;
  /** The revision in the header of its created response. */
  readonly created: number;
  readonly faults: string[];
}

/** Follows one watcher from its created response on. */
export class WatcherCheck {
  isOpen = true;
  /** Its client has asked for its cancel. */
  isCancelAsked = false;
  readonly #id: string;
  readonly #request: WatchCreate;
  readonly #context: WatcherContext;
  readonly #received: Change[] = [];
  /** No event up to here is still to come. */
  #bookmark = 0;
  #lastRevision = 0;
  #lastHeader = 0;
  /** The header's revision of the fragments that are open; undefined between responses. */
  #fragments: number | undefined;
  #compactRevision = 0;

  constructor(id: string, request: WatchCreate, context: WatcherContext) {
    this.#id = id;
    this.#request = request;
    this.#context = context;
  }

  get startRevision(): number {
    return this.#request.startRevision;
  }

  /** Any response that is neither created nor canceled. */
  take(response: Message): void {
    const revision = headerRevision(response);
    const all = listOf(response, "events");
    if (!this.isOpen) {
      this.#fault("a response after canceled");
      return;
    }
    if ("compact_revision" in response || "cancel_reason" in response) {
      this.#fault("says why it is canceled and is not");
    }
    const isFragment = response["fragment"] === true;
    if (isFragment && !this.#request.fragment) this.#fault("a fragment that was not asked for");
    if (all.length === 0) {
      if (this.#fragments !== undefined) this.#fault("an empty fragment");
      if (!this.#request.progressNotify) this.#fault("an empty response that nobody asked for");
      this.progress(revision);
      return;
    }
    this.#takeEvents(all, revision);
    this.#fragments = isFragment ? revision : undefined;
    // Between the fragments of a response its header promises what is still to come.
    if (!isFragment && this.#context.isStrict) this.#bookmark = revision;
  }

  progress(revision: number): void {
    if (revision < this.#lastRevision) this.#fault(`progress ${revision} is below events sent`);
    this.#header(revision);
    this.#bookmark = Math.max(this.#bookmark, revision);
  }

  endByCompaction(response: Message): void {
    const revision = Number(response["compact_revision"]);
    if (!this.#context.truth.compactions.includes(revision)) {
      this.#fault(`canceled for compaction ${revision}, which never was`);
    }
    if (this.#next() >= revision) this.#fault(`canceled for compaction ${revision} for nothing`);
    if (headerRevision(response) !== 0) this.#fault("a compaction's cancel has a revision");
    this.#end(response);
    this.#compactRevision = revision;
  }

  endByClient(response: Message): void {
    // A client's cancel of what compaction has ended is still answered, once (W18).
    if (!this.isOpen && this.#compactRevision > 0) {
      this.#compactRevision = 0;
      return;
    }
    this.endByServer(response);
  }

  /** Somebody else ended it and says why: its client lost the right to it, or an operator acted. */
  endByServer(response: Message): void {
    this.#header(headerRevision(response));
    this.#end(response);
  }

  finish(completeTo: number | undefined): void {
    const { startRevision, compacted } = this.#request;
    const isWhole = completeTo !== undefined;
    if (isWhole && this.#fragments !== undefined) this.#fault("the last fragment is missing");
    if (isWhole && this.isOpen && this.isCancelAsked) this.#fault("its cancel was never answered");
    const isCompacted = startRevision > 0 && startRevision < compacted;
    if (isWhole && this.isOpen && isCompacted) this.#fault("starts below the compacted revision");
    if (isCompacted && this.#received.length > 0) this.#fault("got history that is compacted");
    this.#compare(isWhole && this.isOpen ? completeTo : this.#promised());
  }

  #end(response: Message): void {
    if (!this.isOpen) this.#fault("a response after canceled");
    if (listOf(response, "events").length > 0) this.#fault("canceled carries events");
    this.isOpen = false;
  }

  #takeEvents(all: readonly Message[], revision: number): void {
    const first = Number((all[0]?.["kv"] as Message | undefined)?.["mod_revision"] ?? 0);
    if (this.#fragments === undefined) {
      if (first === this.#lastRevision)
        this.#fault(`revision ${first} is split over two responses`);
      this.#header(revision);
    } else if (this.#fragments !== revision) {
      this.#fault(`a fragment has the header ${revision}, the one before ${this.#fragments}`);
    }
    for (const event of all) this.#event(event);
    if (this.#lastRevision > revision) this.#fault(`header ${revision} is below its events`);
  }

  /** Header revisions of one watcher never go back; only the first response may be older. */
  #header(revision: number): void {
    if (revision < this.#lastHeader) {
      this.#fault(`header ${revision} comes after ${this.#lastHeader}`);
    }
    this.#lastHeader = revision;
  }

  /** The first revision of which something may still come. */
  #next(): number {
    const { startRevision } = this.#request;
    const start = startRevision > 0 ? startRevision : this.#context.created + 1;
    return Math.max(start, this.#bookmark + 1, this.#lastRevision + 1);
  }

  /** Up to where a watcher that ended, or was left, must have received everything. */
  #promised(): number {
    if (this.#fragments === undefined) return Math.max(this.#bookmark, this.#lastRevision);
    return Math.max(this.#bookmark, this.#lastRevision - 1);
  }

  #compare(until: number): void {
    const from = this.#firstRevision();
    const received = this.#received;
    const expected = this.#context.truth
      .between(from, until)
      .filter((change) => this.#isWanted(change));
    // Fragments that were cut off by the client's leaving: what came of that revision is above.
    const isCut = this.#fragments !== undefined;
    for (let i = 0; i < Math.max(expected.length, received.length); i++) {
      const want = expected[i];
      const got = received[i];
      if (want !== undefined && got !== undefined && isSame(want, got)) continue;
      if (want === undefined && isCut && (got?.modRevision ?? 0) > until) return;
      this.#fault(`from ${from} on, event ${i} should be ${shown(want)}, is ${shown(got)}`);
      return;
    }
  }

  /** etcd registers a watch before it writes the header of the answer (W11). */
  #firstRevision(): number {
    if (this.#request.startRevision > 0) return this.#request.startRevision;
    const next = this.#context.created + 1;
    if (this.#context.isStrict) return next;
    return Math.min(this.#received[0]?.modRevision ?? next, next);
  }

  #event(event: Message): void {
    const kv = (event["kv"] as Message | undefined) ?? {};
    const change: Change = {
      type: Number(event["type"] ?? 0) === 1 ? "delete" : "put",
      key: latin1(kv["key"]),
      value: latin1(kv["value"]),
      createRevision: Number(kv["create_revision"] ?? 0),
      modRevision: Number(kv["mod_revision"] ?? 0),
      version: Number(kv["version"] ?? 0),
    };
    const at = shown(change);
    if (change.modRevision < this.#lastRevision) this.#fault(`${at} is out of order`);
    if (change.modRevision <= this.#bookmark) this.#fault(`${at} comes after a promise`);
    if (change.modRevision < this.startRevision) this.#fault(`${at} is below the start`);
    if (!this.#isWanted(change)) this.#fault(`${at} was not asked for`);
    if (change.type === "put") {
      const isCreate = change.createRevision === change.modRevision;
      if (isCreate !== (change.version === 1)) this.#fault(`${at} is half a creation`);
    } else if (Object.keys(kv).some((field) => field !== "key" && field !== "mod_revision")) {
      this.#fault(`${at} carries more than key and revision`);
    }
    this.#previous(event, change, at);
    this.#received.push(change);
    this.#lastRevision = change.modRevision;
  }

  /**
   * prev_kv is the state before the revision, and a creation has none, also when the revision has
   * deleted the key just before; without it something may be compacted (W29).
   */
  #previous(event: Message, change: Change, at: string): void {
    const previous = event["prev_kv"] as Message | undefined;
    const before =
      change.createRevision === change.modRevision
        ? undefined
        : this.#context.truth.at(change.key, change.modRevision - 1);
    if (previous === undefined) {
      const mayBeGone = change.modRevision - 1 < this.#context.truth.compacted;
      if (this.#request.prevKv && before !== undefined && !mayBeGone) {
        this.#fault(`${at} has no prev_kv`);
      }
      return;
    }
    if (!this.#request.prevKv) this.#fault(`${at} has a prev_kv that was not asked for`);
    else if (before === undefined) this.#fault(`${at} has a prev_kv of nothing`);
    else if (
      before.key !== latin1(previous["key"]) ||
      before.value !== latin1(previous["value"]) ||
      before.modRevision !== Number(previous["mod_revision"]) ||
      before.createRevision !== Number(previous["create_revision"]) ||
      before.version !== Number(previous["version"])
    ) {
      this.#fault(`${at} has a wrong prev_kv`);
    }
  }

  #isWanted(change: Change): boolean {
    const { key, rangeEnd, noPut, noDelete } = this.#request;
    if (change.type === "put" ? noPut : noDelete) return false;
    return isInRange(change.key, key, rangeEnd);
  }

  #fault(text: string): void {
    this.#context.faults.push(`watcher ${this.#id}: ${text}`);
  }
}

function shown(change: Change | undefined): string {
  if (change === undefined) return "nothing";
  return `${change.type} ${JSON.stringify(change.key)} at ${change.modRevision}`;
}

function isSame(left: Change, right: Change): boolean {
  return (
    left.type === right.type &&
    left.key === right.key &&
    left.modRevision === right.modRevision &&
    (left.type === "delete" ||
      (left.value === right.value &&
        left.version === right.version &&
        left.createRevision === right.createRevision))
  );
}
