import type { Message } from "./wire-codec.ts";

/** One change of one key, as every correct watch has to tell it. */
export interface Change {
  readonly type: "put" | "delete";
  /** Latin-1 text of the key's bytes, so that order and equality are those of the bytes. */
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/**
 * The true history of a store and the state of any key at any revision. It must come from elsewhere
 * than from a watch: from what was written and what the writes were answered.
 */
export class Truth {
  /** In order, those inside one revision included. */
  readonly changes: readonly Change[];
  /** Every revision that was compacted to, in order. */
  readonly compactions: readonly number[];
  readonly #byKey = new Map<string, Change[]>();

  constructor(changes: readonly Change[], compactions: readonly number[] = []) {
    this.changes = changes;
    this.compactions = compactions;
    for (const change of changes) {
      const all = this.#byKey.get(change.key);
      if (all === undefined) this.#byKey.set(change.key, [change]);
      else all.push(change);
    }
  }

  /** The newest compacted revision; 0 = none. */
  get compacted(): number {
    return this.compactions.at(-1) ?? 0;
  }

  /** The changes with `from` <= revision <= `until`. */
  between(from: number, until: number): readonly Change[] {
    return this.changes.slice(this.#indexOf(from), this.#indexOf(until + 1));
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

  #indexOf(revision: number): number {
    let low = 0;
    let high = this.changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.changes[middle]?.modRevision ?? 0) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export type WriteMethod = "Put" | "DeleteRange" | "Txn" | "LeaseRevoke";

/** The history as it follows from writes that succeeded, told in the order of their revisions. */
export class HistoryRecorder {
  changes: Change[] = [];
  compactions: number[] = [];
  #live = new Map<string, Change>();
  /** The lease that each live key names, if any. */
  #leases = new Map<string, bigint>();

  get truth(): Truth {
    return new Truth(this.changes, this.compactions);
  }

  get keys(): readonly string[] {
    return [...this.#live.keys()];
  }

  /** The leases that keys hang on. */
  get leases(): ReadonlySet<bigint> {
    return new Set(this.#leases.values());
  }

  leaseOf(key: string): bigint | undefined {
    return this.#leases.get(key);
  }

  put(key: string, value: string, revision: number, lease = 0n): void {
    if (lease === 0n) this.#leases.delete(key);
    else this.#leases.set(key, lease);
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
      .filter((one) => isInRange(one, key, rangeEnd))
      .sort((left, right) => (left < right ? -1 : 1));
    for (const one of keys) this.#delete(one, revision);
  }

  /** The end of a lease takes its keys, ascending. */
  endLease(lease: bigint, revision: number): void {
    const keys = [...this.#leases].filter(([, id]) => id === lease).map(([key]) => key);
    for (const key of keys.sort()) this.#delete(key, revision);
  }

  compact(revision: number): void {
    this.compactions.push(revision);
  }

  /** The history as it is now, to go on from apart from this one. */
  copy(): HistoryRecorder {
    const copy = new HistoryRecorder();
    copy.changes = [...this.changes];
    copy.compactions = [...this.compactions];
    copy.#live = new Map(this.#live);
    copy.#leases = new Map(this.#leases);
    return copy;
  }

  /** Forgets what came before this revision, but for the state that it left. */
  forget(before: number): void {
    const states = new Map<string, Change>();
    for (const change of this.changes) {
      if (change.modRevision < before) states.set(change.key, change);
    }
    this.changes = this.changes.filter(
      (change) => change.modRevision >= before || states.get(change.key) === change,
    );
  }

  /** A write as it was asked for, and the answer to it, which says at which revision it happened. */
  write(method: WriteMethod, request: Message, response: Message): void {
    if (method === "LeaseRevoke") {
      this.endLease(BigInt((request["ID"] ?? 0) as bigint | number), headerRevision(response));
      return;
    }
    const field = { Put: "put", DeleteRange: "delete_range", Txn: "txn" }[method];
    this.#op({ [`request_${field}`]: request }, response, headerRevision(response));
  }

  #delete(key: string, revision: number): void {
    this.#live.delete(key);
    this.#leases.delete(key);
    this.changes.push({
      type: "delete",
      key,
      value: "",
      createRevision: 0,
      modRevision: revision,
      version: 0,
    });
  }

  #op(op: Message, response: Message, revision: number): void {
    const put = op["request_put"] as Message | undefined;
    const erase = op["request_delete_range"] as Message | undefined;
    const txn = op["request_txn"] as Message | undefined;
    if (put !== undefined) {
      const key = latin1(put["key"]);
      const isKept = put["ignore_value"] === true;
      const value = isKept ? (this.#live.get(key)?.value ?? "") : latin1(put["value"]);
      const lease =
        put["ignore_lease"] === true
          ? (this.#leases.get(key) ?? 0n)
          : BigInt((put["lease"] ?? 0) as bigint | number);
      this.put(key, value, revision, lease);
    }
    if (erase !== undefined) {
      this.delete(latin1(erase["key"]), latin1(erase["range_end"]), revision);
    }
    if (txn === undefined) return;
    const responses = listOf(response, "responses");
    listOf(txn, response["succeeded"] === true ? "success" : "failure").forEach((one, i) => {
      this.#op(one, (responses[i]?.["response_txn"] as Message | undefined) ?? {}, revision);
    });
  }
}

/** Whether the key lies in a range as requests write it (W7). */
export function isInRange(one: string, key: string, rangeEnd: string): boolean {
  if (rangeEnd === "") return one === key;
  return one >= key && (rangeEnd === "\0" || one < rangeEnd);
}

export function latin1(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  return typeof value === "string" ? Buffer.from(value, "utf8").toString("latin1") : "";
}

/** A repeated field of messages; empty when it is absent. */
export function listOf(message: Message, field: string): readonly Message[] {
  return (message[field] as Message[] | undefined) ?? [];
}

export function headerRevision(response: Message): number {
  return Number((response["header"] as Message | undefined)?.["revision"] ?? 0);
}
