import type { EtcdErrorName } from "../../src/base/errors.ts";
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "../../src/api/proto/messages-key-value.ts";
import type { Request } from "./request-language.ts";

/** A KeyValue with keys and values as latin1 text, so that text order is byte order. */
export interface ModelKeyValue {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: bigint;
}

export type ModelAnswer =
  | { readonly put: number; readonly previous: ModelKeyValue | undefined }
  | { readonly deleted: number; readonly revision: number; readonly previous: ModelKeyValue[] }
  | { kvs: ModelKeyValue[]; count: number; more: boolean; revision: number }
  | { succeeded: boolean; responses: ModelAnswer[]; revision: number };

type State = Map<string, ModelKeyValue>;

/** A refusal on its way out of the model. */
class Refusal extends Error {
  readonly refusal: EtcdErrorName;

  constructor(refusal: EtcdErrorName) {
    super(refusal);
    this.refusal = refusal;
  }
}

/**
 * etcd's KV service by the book: one whole map per revision, every rule written down as it reads in
 * the list of facts, nothing shared with the machine but the messages.
 */
export class ModelMachine {
  readonly #states: State[] = [new Map(), new Map()];
  readonly leases: Set<bigint> = new Set();
  compacted = -1;

  get head(): number {
    return this.#states.length - 1;
  }

  ask(request: Request): ModelAnswer | EtcdErrorName {
    try {
      checkAlone(request, 128);
      const work = new Work(this.#states[this.head]!, this.head, this);
      if (request.kind === "requestPut") this.#checkLonePut(request.value);
      if (request.kind === "requestRange") this.#checkLoneRange(request.value);
      if (request.kind === "requestTxn") {
        work.checkPuts(request.value, new Set());
        work.checkRanges(request.value);
      }
      const answer = work.run(request);
      if (work.changed) this.#states.push(work.state);
      return answer;
    } catch (error) {
      if (error instanceof Refusal) return error.refusal;
      throw error;
    }
  }

  grant(id: bigint): EtcdErrorName | undefined {
    if (this.leases.has(id)) return "leaseExists";
    this.leases.add(id);
    return undefined;
  }

  /** L4: all keys of the lease in one revision, and none without keys. */
  revoke(id: bigint): EtcdErrorName | undefined {
    if (!this.leases.delete(id)) return "leaseNotFound";
    const before = this.stateAt(this.head);
    const after = new Map([...before].filter(([, kv]) => kv.lease !== id));
    if (after.size < before.size) this.#states.push(after);
    return undefined;
  }

  compact(revision: number): number | EtcdErrorName {
    if (revision <= this.compacted) return "compacted";
    if (revision > this.head) return "futureRevision";
    this.compacted = revision;
    return this.head;
  }

  stateAt(revision: number): State {
    return this.#states[revision]!;
  }

  #checkLonePut(put: PutRequest): void {
    if (put.lease !== 0n && !this.leases.has(put.lease)) throw new Refusal("leaseNotFound");
    const isKept = put.ignoreValue || put.ignoreLease;
    const exists = this.stateAt(this.head).has(text(put.key));
    if (isKept && !exists) throw new Refusal("keyNotFound");
  }

  #checkLoneRange({ revision }: RangeRequest): void {
    if (revision > this.head) throw new Refusal("futureRevision");
    if (revision > 0 && revision < this.compacted) throw new Refusal("compacted");
  }
}

/** One request at work on a state of its own, which becomes the store's when it has changed. */
class Work {
  readonly state: State;
  readonly #before: State;
  readonly #begin: number;
  readonly #model: ModelMachine;
  changed = false;

  constructor(before: State, begin: number, model: ModelMachine) {
    this.#before = before;
    this.state = new Map(before);
    this.#begin = begin;
    this.#model = model;
  }

  /** K47, along the way that will run; `gone` are keys that deletes on the way have taken. */
  checkPuts(txn: TxnRequest, gone: Set<string>): void {
    for (const { request } of this.#branch(txn)) {
      if (request?.kind === "requestTxn") this.checkPuts(request.value, gone);
      if (request?.kind === "requestPut") this.#checkPut(request.value, gone);
      if (request?.kind === "requestDeleteRange") {
        const covers = coverage(request.value);
        for (const key of this.#before.keys()) if (covers(key)) gone.add(key);
      }
    }
  }

  /** After all puts, as in etcd up to 3.5. */
  checkRanges(txn: TxnRequest): void {
    for (const { request } of this.#branch(txn)) {
      if (request?.kind === "requestTxn") this.checkRanges(request.value);
      if (request?.kind === "requestRange") this.#checkRange(request.value);
    }
  }

  run(request: Request): ModelAnswer {
    switch (request.kind) {
      case "requestPut":
        return this.#put(request.value);
      case "requestDeleteRange":
        return this.#delete(request.value);
      case "requestRange":
        return this.#range(request.value);
      case "requestTxn": {
        const { value } = request;
        const succeeded = value.compare.every((compare) => this.#holds(compare));
        const ops = succeeded ? value.success : value.failure;
        const responses = ops.map((op) => this.run(op.request!));
        return { succeeded, responses, revision: this.#visible() };
      }
    }
  }

  #visible(): number {
    return this.#begin + (this.changed ? 1 : 0);
  }

  #branch(txn: TxnRequest): readonly RequestOp[] {
    return txn.compare.every((compare) => this.#holds(compare)) ? txn.success : txn.failure;
  }

  #checkRange({ revision }: RangeRequest): void {
    if (revision === 0) return;
    if (revision > this.#begin) throw new Refusal("futureRevision");
    if (revision < this.#model.compacted) throw new Refusal("compacted");
  }

  #checkPut(put: PutRequest, gone: ReadonlySet<string>): void {
    const key = text(put.key);
    if (put.ignoreValue || put.ignoreLease) {
      if (!this.#before.has(key) || gone.has(key)) throw new Refusal("keyNotFound");
    }
    if (put.lease !== 0n && !this.#model.leases.has(put.lease)) throw new Refusal("leaseNotFound");
  }

  #put(put: PutRequest): ModelAnswer {
    const key = text(put.key);
    const old = this.state.get(key);
    const mod = this.#begin + 1;
    this.state.set(key, {
      key,
      value: put.ignoreValue ? old!.value : text(put.value),
      create: old?.create ?? mod,
      mod,
      version: (old?.version ?? 0) + 1,
      lease: put.ignoreLease ? old!.lease : put.lease,
    });
    this.changed = true;
    return { put: mod, previous: put.prevKv ? old : undefined };
  }

  #delete(request: DeleteRangeRequest): ModelAnswer {
    const covers = coverage(request);
    const found = sortedKvs(this.state).filter(({ key }) => covers(key));
    for (const { key } of found) this.state.delete(key);
    if (found.length > 0) this.changed = true;
    const previous = request.prevKv ? found : [];
    return { deleted: found.length, revision: this.#visible(), previous };
  }

  #range(request: RangeRequest): ModelAnswer {
    const state = request.revision > 0 ? this.#model.stateAt(request.revision) : this.state;
    const covers = coverage(request);
    const all = sortedKvs(state).filter(({ key }) => covers(key));
    const revision = this.#visible();
    if (request.countOnly) return { kvs: [], count: all.length, more: false, revision };
    let kvs = all.filter((kv) => isWithin(kv, request));
    const hasBounds =
      request.minModRevision !== 0 ||
      request.maxModRevision !== 0 ||
      request.minCreateRevision !== 0 ||
      request.maxCreateRevision !== 0;
    const { limit, sortOrder, sortTarget } = request;
    // etcd reads no more than this before it sorts, when no order is named.
    if (limit > 0 && sortOrder === 0 && !hasBounds) kvs = kvs.slice(0, limit + 1);
    const sign = sortOrder === 2 ? -1 : 1;
    kvs.sort(
      (left, right) => sign * order(left, right, sortTarget) || compare(left.key, right.key),
    );
    const more = limit > 0 && kvs.length > limit;
    if (more) kvs = kvs.slice(0, limit);
    if (request.keysOnly) kvs = kvs.map((kv) => ({ ...kv, value: "" }));
    return { kvs, count: all.length, more, revision };
  }

  /** K40-K44, always of the state before the request. */
  #holds(condition: Compare): boolean {
    const covers = coverage(condition);
    const found = [...this.#before.values()].filter(({ key }) => covers(key));
    if (found.length > 0) return found.every((kv) => holdsFor(condition, kv));
    if (condition.target === 3) return false;
    return holdsFor(condition, { key: "", value: "", create: 0, mod: 0, version: 0, lease: 0n });
  }
}

function holdsFor({ target, targetUnion, result }: Compare, kv: ModelKeyValue): boolean {
  const kinds = ["version", "createRevision", "modRevision", "value", "lease"];
  const given = targetUnion?.kind === (kinds[target] ?? "none") ? targetUnion.value : undefined;
  let sign = 0;
  if (target === 0) sign = kv.version - Number(given ?? 0);
  if (target === 1) sign = kv.create - Number(given ?? 0);
  if (target === 2) sign = kv.mod - Number(given ?? 0);
  if (target === 3) sign = compare(kv.value, given instanceof Uint8Array ? text(given) : "");
  if (target === 4) sign = compare(kv.lease, BigInt((given as bigint | undefined) ?? 0n));
  return [sign === 0, sign > 0, sign < 0, sign !== 0][result] ?? true;
}

/** K10, K20, K30, K45, K50-K58. */
function checkAlone(request: Request | undefined, maxOps: number): void {
  if (request === undefined) throw new Refusal("keyNotFound");
  checkOps(request, maxOps);
  if (request.kind !== "requestTxn") return;
  collectWrites(request.value.success);
  collectWrites(request.value.failure);
}

function checkOps(request: Request | undefined, maxOps: number): void {
  if (request === undefined) throw new Refusal("keyNotFound");
  if (request.kind !== "requestTxn") {
    checkKeyed(request);
    return;
  }
  const { compare: compares, success, failure } = request.value;
  const longest = Math.max(compares.length, success.length, failure.length);
  if (longest > maxOps) throw new Refusal("tooManyOps");
  if (compares.some(({ key }) => key.length === 0)) throw new Refusal("emptyKey");
  for (const op of [...success, ...failure]) checkOps(op.request, maxOps - longest);
}

function checkKeyed(request: Exclude<Request, { readonly kind: "requestTxn" }>): void {
  if (request.value.key.length === 0) throw new Refusal("emptyKey");
  if (request.kind === "requestPut") {
    const { value, lease, ignoreValue, ignoreLease } = request.value;
    if (ignoreValue && value.length > 0) throw new Refusal("valueProvided");
    if (ignoreLease && lease !== 0n) throw new Refusal("leaseProvided");
  }
  if (request.kind === "requestRange") {
    const { sortOrder, sortTarget } = request.value;
    const isKnown = sortOrder >= 0 && sortOrder <= 2 && sortTarget >= 0 && sortTarget <= 4;
    if (!isKnown) throw new Refusal("invalidSortOption");
  }
}

interface Writes {
  readonly puts: Set<string>;
  /** Deletes that the rule sees. */
  readonly deletes: ((key: string) => boolean)[];
}

/** K55 list by list, as it is told: deletes of the list, nested txns in order, puts of the list. */
export function collectWrites(ops: readonly RequestOp[]): Writes {
  const puts = new Set<string>();
  const deletes: Writes["deletes"] = [];
  const add = (keys: Iterable<string>): void => {
    for (const key of keys) {
      if (puts.has(key) || deletes.some((covers) => covers(key))) throw new Refusal("duplicateKey");
    }
    for (const key of keys) puts.add(key);
  };
  for (const { request } of ops) {
    if (request?.kind !== "requestDeleteRange") continue;
    const { rangeEnd } = request.value;
    const isOpenEnded = rangeEnd.length === 1 && rangeEnd[0] === 0;
    if (!isOpenEnded) deletes.push(coverage(request.value));
  }
  for (const { request } of ops) {
    if (request?.kind !== "requestTxn") continue;
    const success = collectWrites(request.value.success);
    const failure = collectWrites(request.value.failure);
    add(new Set([...success.puts, ...failure.puts]));
    deletes.push(...success.deletes, ...failure.deletes);
  }
  for (const { request } of ops) {
    if (request?.kind === "requestPut") add([text(request.value.key)]);
  }
  return { puts, deletes };
}

function coverage(range: {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}): (key: string) => boolean {
  const start = text(range.key);
  const end = text(range.rangeEnd);
  if (end === "") return (key) => key === start;
  if (end === "\0") return (key) => key >= start;
  return (key) => key >= start && key < end;
}

function isWithin(kv: ModelKeyValue, request: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  if (minModRevision !== 0 && kv.mod < minModRevision) return false;
  if (maxModRevision !== 0 && kv.mod > maxModRevision) return false;
  if (minCreateRevision !== 0 && kv.create < minCreateRevision) return false;
  return maxCreateRevision === 0 || kv.create <= maxCreateRevision;
}

function order(left: ModelKeyValue, right: ModelKeyValue, target: number): number {
  const fields = ["key", "version", "create", "mod", "value"] as const;
  const field = fields[target]!;
  return compare(left[field], right[field]);
}

function compare<T extends string | number | bigint>(left: T, right: T): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function sortedKvs(state: State): ModelKeyValue[] {
  return [...state.values()].sort((left, right) => compare(left.key, right.key));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
