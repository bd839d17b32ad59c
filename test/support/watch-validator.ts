import type { Message } from "./wire-codec.ts";

/**
 * Judges what one watch stream received against the true history of the store, which must come from
 * elsewhere. It checks what etcd promises of a watch (W80-W87) and the protocol around it: created
 * comes first and once, nothing follows canceled, fragments are whole, progress never lies.
 */
export interface Change {
  readonly type: "put" | "delete";
  /** Latin-1 text of the key's bytes, so that order and equality are those of the bytes. */
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/** What a client asked for, in the order in which it asked. */
export interface CreateRequest {
  readonly watchId: number;
  readonly key: string;
  readonly rangeEnd: string;
  readonly startRevision: number;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly fragment: boolean;
}

export interface WatchHistory {
  /** All changes of the store from revision 2 on, in order, those inside a revision included. */
  readonly changes: readonly Change[];
  /** The newest compacted revision; what lies below may be missing for good reason. */
  readonly compacted: number;
  readonly requests: readonly CreateRequest[];
  readonly responses: readonly Message[];
  /** The watchers must have received everything up to this revision. */
  readonly completeTo: number;
}

/** All broken promises in words; none when the history is good. */
export function validateWatch(history: WatchHistory): string[] {
  const faults: string[] = [];
  const truth = new Truth(history.changes);
  const watchers = new Map<number, WatcherCheck>();
  const waiting = [...history.requests];
  let progress = 0;
  let open: number | undefined;
  for (const response of history.responses) {
    const id = number(response, "watch_id");
    const revision = headerRevision(response);
    if (open !== undefined && open !== id) faults.push(`watcher ${id} came between fragments`);
    open = response["fragment"] === true ? id : undefined;
    if (response["created"] === true) {
      const request = waiting.shift();
      if (request === undefined) faults.push(`created ${id} was never asked for`);
      else if (response["canceled"] !== true) {
        if (watchers.get(id)?.isOpen === true) faults.push(`created ${id} twice`);
        if (request.watchId !== id) faults.push(`created ${id} instead of ${request.watchId}`);
        if (events(response).length > 0) faults.push(`created ${id} carries events`);
        const { compacted } = history;
        watchers.set(id, new WatcherCheck(request, { truth, revision, compacted, faults }));
      }
      continue;
    }
    if (id === -1) {
      if (revision < progress) faults.push(`progress fell from ${progress} to ${revision}`);
      progress = revision;
      for (const watcher of watchers.values()) watcher.progress(revision);
      continue;
    }
    const watcher = watchers.get(id);
    if (watcher === undefined) faults.push(`a response for the unknown watcher ${id}`);
    else watcher.take(response, revision);
  }
  if (open !== undefined) faults.push(`the last fragment of watcher ${open} is missing`);
  if (waiting.length > 0) faults.push(`${waiting.length} creates were never answered`);
  for (const watcher of watchers.values()) watcher.finish(history.completeTo);
  return faults;
}

function number(message: Message, field: string): number {
  return Number(message[field] ?? 0);
}

function headerRevision(response: Message): number {
  return number((response["header"] as Message | undefined) ?? {}, "revision");
}

function events(response: Message): readonly Message[] {
  return (response["events"] as Message[] | undefined) ?? [];
}

export function latin1(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : "";
}

/** The history, and the state of any key at any revision. */
class Truth {
  readonly changes: readonly Change[];
  readonly #byKey = new Map<string, Change[]>();

  constructor(changes: readonly Change[]) {
    this.changes = changes;
    for (const change of changes) {
      const all = this.#byKey.get(change.key);
      if (all === undefined) this.#byKey.set(change.key, [change]);
      else all.push(change);
    }
  }

  /** The key's state when all of `revision` had happened; undefined when it did not exist. */
  at(key: string, revision: number): Change | undefined {
    const all = this.#byKey.get(key) ?? [];
    for (let i = all.length - 1; i >= 0; i--) {
      const change = all[i];
      if (change === undefined || change.modRevision > revision) continue;
      return change.type === "put" ? change : undefined;
    }
    return undefined;
  }
}

interface Context {
  readonly truth: Truth;
  /** The header's revision of the created response. */
  readonly revision: number;
  readonly compacted: number;
  readonly faults: string[];
}

/** Follows one watcher through its responses. */
class WatcherCheck {
  isOpen = true;
  readonly #request: CreateRequest;
  readonly #context: Context;
  readonly #received: Change[] = [];
  #bookmark = 0;
  #lastRevision = 0;
  #insideFragments = false;
  #compactRevision = 0;
  #isReleased = false;

  constructor(request: CreateRequest, context: Context) {
    this.#request = request;
    this.#context = context;
  }

  take(response: Message, revision: number): void {
    const all = events(response);
    const isCanceled = response["canceled"] === true;
    if (!this.isOpen) {
      // A client's cancel of what compaction has ended is still answered, once (W18).
      if (isCanceled && this.#compactRevision > 0 && !this.#isReleased) this.#isReleased = true;
      else this.#fault("a response after canceled");
      return;
    }
    if (isCanceled) {
      this.isOpen = false;
      this.#compactRevision = number(response, "compact_revision");
      if (all.length > 0) this.#fault("canceled carries events");
      return;
    }
    const isFragment = response["fragment"] === true;
    if (isFragment && !this.#request.fragment) this.#fault("a fragment that was not asked for");
    if (all.length === 0) {
      if (this.#insideFragments) this.#fault("an empty fragment");
      this.progress(revision);
      return;
    }
    const first = number((all[0]?.["kv"] as Message | undefined) ?? {}, "mod_revision");
    if (!this.#insideFragments && first === this.#lastRevision) {
      this.#fault(`revision ${first} is split over two responses`);
    }
    for (const event of all) this.#event(event);
    if (this.#lastRevision > revision) this.#fault(`header ${revision} is below its events`);
    this.#insideFragments = isFragment;
  }

  progress(revision: number): void {
    if (!this.isOpen) return;
    if (revision < this.#lastRevision) this.#fault(`progress ${revision} is below events sent`);
    this.#bookmark = Math.max(this.#bookmark, revision);
  }

  finish(completeTo: number): void {
    if (this.#insideFragments) this.#fault("the last fragment is missing");
    const until = this.isOpen ? completeTo : this.#lastRevision;
    const from = this.#firstRevision();
    if (this.#compactRevision > this.#context.compacted) {
      this.#fault(`canceled for compaction ${this.#compactRevision}, which never was`);
    }
    const expected = this.#context.truth.changes.filter(
      (change) =>
        change.modRevision >= from && change.modRevision <= until && this.#isWanted(change),
    );
    this.#compare(expected, from);
  }

  /** A watch from now on may also bring what was committed while it was being registered (W11). */
  #firstRevision(): number {
    if (this.#request.startRevision > 0) return this.#request.startRevision;
    const early = this.#received[0]?.modRevision ?? Number.POSITIVE_INFINITY;
    return Math.min(early, this.#context.revision + 1);
  }

  #compare(expected: readonly Change[], from: number): void {
    const received = this.#received;
    for (let i = 0; i < Math.max(expected.length, received.length); i++) {
      const want = expected[i];
      const got = received[i];
      if (want !== undefined && got !== undefined && isSame(want, got)) continue;
      const shown = (change: Change | undefined): string =>
        change === undefined
          ? "nothing"
          : `${change.type} ${JSON.stringify(change.key)} at ${change.modRevision}`;
      this.#fault(`from ${from} on, event ${i} should be ${shown(want)}, is ${shown(got)}`);
      return;
    }
  }

  #event(event: Message): void {
    const kv = (event["kv"] as Message | undefined) ?? {};
    const change: Change = {
      type: number(event, "type") === 1 ? "delete" : "put",
      key: latin1(kv["key"]),
      value: latin1(kv["value"]),
      createRevision: number(kv, "create_revision"),
      modRevision: number(kv, "mod_revision"),
      version: number(kv, "version"),
    };
    const at = `${change.type} ${JSON.stringify(change.key)} at ${change.modRevision}`;
    if (change.modRevision < this.#lastRevision) this.#fault(`${at} is out of order`);
    if (change.modRevision <= this.#bookmark) this.#fault(`${at} is below a progress`);
    if (!this.#isWanted(change)) this.#fault(`${at} was not asked for`);
    if (change.type === "put") {
      const isCreate = change.createRevision === change.modRevision;
      if (isCreate !== (change.version === 1)) this.#fault(`${at} is half a creation`);
    } else if (change.version !== 0 || change.createRevision !== 0 || change.value !== "") {
      this.#fault(`${at} carries more than key and revision`);
    }
    this.#previous(event, change, at);
    this.#received.push(change);
    this.#lastRevision = change.modRevision;
  }

  /** prev_kv is the state before the revision; without it something may be compacted (W29). */
  #previous(event: Message, change: Change, at: string): void {
    const previous = event["prev_kv"] as Message | undefined;
    const before = this.#context.truth.at(change.key, change.modRevision - 1);
    if (previous === undefined) {
      const mayBeGone = change.modRevision - 1 < this.#context.compacted;
      if (this.#request.prevKv && before !== undefined && !mayBeGone) {
        this.#fault(`${at} has no prev_kv`);
      }
      return;
    }
    if (!this.#request.prevKv) this.#fault(`${at} has a prev_kv that was not asked for`);
    else if (
      before === undefined ||
      before.key !== latin1(previous["key"]) ||
      before.value !== latin1(previous["value"]) ||
      before.modRevision !== number(previous, "mod_revision") ||
      before.createRevision !== number(previous, "create_revision") ||
      before.version !== number(previous, "version")
    ) {
      this.#fault(`${at} has a wrong prev_kv`);
    }
  }

  #isWanted(change: Change): boolean {
    const { key, rangeEnd, noPut, noDelete, startRevision } = this.#request;
    if (change.type === "put" ? noPut : noDelete) return false;
    if (change.modRevision < startRevision) return false;
    if (rangeEnd === "") return change.key === key;
    return change.key >= key && (rangeEnd === "\0" || change.key < rangeEnd);
  }

  #fault(text: string): void {
    this.#context.faults.push(`watcher ${this.#request.watchId}: ${text}`);
  }
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

/**
 * The true history, from the requests of one writer whose every answer was awaited: `record` is
 * told what was asked and at which revision it was committed.
 */
export class HistoryRecorder {
  readonly changes: Change[] = [];
  readonly #live = new Map<string, Change>();

  put(key: string, value: string, revision: number): void {
    const before = this.#live.get(key);
    const change: Change = {
      type: "put",
      key,
      value,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0) + 1,
    };
    this.#live.set(key, change);
    this.changes.push(change);
  }

  delete(key: string, rangeEnd: string, revision: number): void {
    const keys = [...this.#live.keys()]
      .filter((one) => (rangeEnd === "" ? one === key : one >= key && one < rangeEnd))
      .sort((left, right) => (left < right ? -1 : 1));
    for (const one of keys) {
      this.#live.delete(one);
      this.changes.push({
        type: "delete",
        key: one,
        value: "",
        createRevision: 0,
        modRevision: revision,
        version: 0,
      });
    }
  }

  get keys(): readonly string[] {
    return [...this.#live.keys()];
  }
}
