import { assert } from "../../base/assert.ts";
import { copyBytes, EMPTY_BYTES, latin1Bytes } from "../../base/bytes.ts";
import { EtcdError, GrpcCode } from "../../base/errors.ts";
import { type KeyRange, parseKeyRange } from "../../base/key-range.ts";
import type { Random, Timers } from "../../base/outside.ts";
import type { PutCommand, RangeQuery, TxnCommand } from "../../machine/command.ts";
import type { KeyValueBytes, Outcome, RangeResult, TxnResult } from "../../machine/result.ts";
import { txnCost } from "../../machine/write-cost.ts";
import { createRevisionOf, keyOf } from "../../mvcc/key-value.ts";
import type { Replica } from "../../replica/replica.ts";
import type { WatchHub } from "../../watch/hub.ts";
import type { UnaryCall } from "../call.ts";
import { newLeaseId } from "../lease.ts";
import type { SpaceQuota } from "../space-quota.ts";
import { awaitEvent } from "./key-notice.ts";

export interface RecipeOptions {
  readonly replica: Replica;
  readonly hub: WatchHub;
  readonly timers: Timers;
  readonly random: Random;
  readonly quota: SpaceQuota;
}

/** One caller's key in a queue: the keys below a name, in the order of their creation. */
export interface Place {
  readonly key: Uint8Array;
  readonly lease: bigint;
  /** All keys of the queue. */
  readonly queue: KeyRange;
  readonly createRevision: number;
  /** The store's revision after the txn that took the place. */
  readonly revision: number;
  /** What the key held already, when the same lease had taken the place before. */
  readonly present: KeyValueBytes | undefined;
  /** Whether nobody came before. */
  readonly isFirst: boolean;
}

/** TTL of the lease of a caller who brings none (X1). */
const LEASE_SECONDS = 60;
const SLASH = 0x2f;
const TOO_MANY_WATCHERS = "etcdserver: too many watchers";

/** The range of the keys below a name: those that begin with it and a slash. */
export function queueRange(name: Uint8Array): KeyRange {
  const start = new Uint8Array(name.length + 1);
  start.set(name);
  start[name.length] = SLASH;
  const end = copyBytes(start);
  // The character after the slash ends what begins with it.
  end[name.length] = SLASH + 1;
  return { kind: "range", start, end };
}

/** The key of a lease in the queue: its id in hexadecimal, a negative one with its sign (X1). */
export function placeKey(name: Uint8Array, lease: bigint): Uint8Array {
  const id = latin1Bytes(`/${lease.toString(16)}`);
  const key = new Uint8Array(name.length + id.length);
  key.set(name);
  key.set(id, name.length);
  return key;
}

/** The key of the queue that was created first. */
export function firstOf(queue: KeyRange): RangeQuery {
  return { ...rangeOf(queue), limit: 1, order: "ascend", target: "create" };
}

export function rangeOf(range: KeyRange): RangeQuery {
  return {
    kind: "range",
    range,
    revision: 0,
    limit: 0,
    order: "none",
    target: "key",
    serializable: false,
    keysOnly: false,
    countOnly: false,
    withCount: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

export function putOf(key: Uint8Array, value: Uint8Array, lease: bigint): PutCommand {
  const flags = { prevKv: false, ignoreValue: false, ignoreLease: false };
  return { kind: "put", key, value, lease, ...flags };
}

/** A txn that does `op` if the key is still that of this creation (X7, X10). */
export function ifCreatedAt(
  key: Uint8Array,
  revision: number,
  op: TxnCommand["success"][0],
): TxnCommand {
  return {
    kind: "txn",
    compares: [
      {
        range: parseKeyRange(key, EMPTY_BYTES),
        operator: "equal",
        operand: { target: "create", value: revision },
      },
    ],
    success: [op],
    failure: [],
    readOnly: false,
  };
}

/** Fails a call as etcd does for what goes wrong inside of a recipe: Unknown and the text (X5). */
export function failUnknown(call: UnaryCall, text: string): void {
  call.fail(GrpcCode.unknown, text);
}

/** What Lock and Election have in common: queues of keys that hang on leases (X1, X6). */
export class RecipeQueue {
  readonly #options: RecipeOptions;

  constructor(options: RecipeOptions) {
    this.#options = options;
  }

  /** `done` with the lease, or with a new one for a caller who brings none (X1). */
  session(lease: bigint, call: UnaryCall, done: (lease: bigint) => void): void {
    if (lease !== 0n) {
      done(lease);
      return;
    }
    const { replica, random } = this.#options;
    const id = newLeaseId(random);
    replica.propose({ kind: "lease-grant", id, ttlSeconds: LEASE_SECONDS }, (outcome) => {
      if (outcome instanceof EtcdError) failUnknown(call, outcome.message);
      else done(id);
    });
  }

  /** Proposes a txn; one that is refused fails the call. The bytes are copied at once. */
  txn(command: TxnCommand, call: UnaryCall, done: (result: TxnResult) => void): void {
    const { replica, quota } = this.#options;
    const unknown: UnaryCall = {
      peer: call.peer,
      header: (name) => call.header(name),
      reply: (message) => call.reply(message),
      fail: (_code, text) => failUnknown(call, text),
    };
    if (!quota.admits(txnCost(command), unknown)) return;
    replica.propose(command, (outcome) => {
      if (outcome instanceof EtcdError) failUnknown(call, outcome.message);
      else done(outcome);
    });
  }

  read(query: RangeQuery): Outcome<RangeResult> {
    return this.#options.replica.read(query);
  }

  /**
   * Takes the last place of the queue, or finds the one that the lease has (X1). A caller who left
   * meanwhile leaves no place behind, and is not heard of again.
   */
  join(
    asked: { readonly name: Uint8Array; readonly lease: bigint; readonly value: Uint8Array },
    call: UnaryCall,
    done: (place: Place) => void,
  ): void {
    let hasLeft = false;
    call.whenCancelled?.(() => {
      hasLeft = true;
    });
    if (hasLeft) return;
    const { name, lease, value } = asked;
    const key = placeKey(name, lease);
    const queue = queueRange(name);
    const present = rangeOf({ kind: "single", key });
    const command: TxnCommand = {
      ...ifCreatedAt(key, 0, putOf(key, value, lease)),
      success: [putOf(key, value, lease), firstOf(queue)],
      failure: [present, firstOf(queue)],
    };
    this.txn(command, call, (result) => {
      const place = placeOf(result, { key, lease, queue });
      if (!hasLeft) done(place);
      else if (place.present === undefined) this.leave(place);
    });
  }

  /**
   * Waits until nobody is left that came before; `done` then, in a later turn or at once. Whoever
   * gives up meanwhile loses the place (X3).
   */
  awaitTurn(place: Place, call: UnaryCall, done: () => void): void {
    const { hub, timers } = this.#options;
    let cancelWait: (() => void) | undefined;
    let isOver = false;
    const look = (): void => {
      if (isOver) return;
      const before = this.#lastBefore(place);
      if (before === undefined) {
        isOver = true;
        done();
        return;
      }
      const range: KeyRange = { kind: "single", key: copyBytes(before) };
      cancelWait = awaitEvent({ hub, timers, range, deletesOnly: true, peer: call.peer }, look);
      if (cancelWait !== undefined) return;
      isOver = true;
      this.leave(place);
      failUnknown(call, TOO_MANY_WATCHERS);
    };
    call.whenCancelled?.(() => {
      if (isOver) return;
      isOver = true;
      cancelWait?.();
      this.leave(place);
    });
    look();
  }

  /** Gives the place up, if it is still the same. */
  leave({ key, createRevision }: Place): void {
    const range: KeyRange = { kind: "single", key };
    const op = { kind: "delete-range", range, prevKv: false } as const;
    this.#options.replica.propose(ifCreatedAt(key, createRevision, op), () => undefined);
  }

  /** Of those that came before the newest one, at the durable revision. */
  #lastBefore({ queue, createRevision }: Place): Uint8Array | undefined {
    const query = { ...rangeOf(queue), maxCreateRevision: createRevision - 1 };
    const found = this.read({ ...query, limit: 1, order: "descend", target: "create" });
    assert(!(found instanceof EtcdError), "the present can be read");
    const last = found.keyValues[0];
    return last === undefined ? undefined : keyOf(last);
  }
}

function placeOf(result: TxnResult, at: Pick<Place, "key" | "lease" | "queue">): Place {
  const [own, first] = result.responses;
  assert(own !== undefined && first?.kind === "range", "the txn answers both questions");
  const present = own.kind === "range" ? own.keyValues[0] : undefined;
  const createRevision = present === undefined ? result.revision : createRevisionOf(present);
  const head = first.keyValues[0];
  const isFirst = head === undefined || createRevisionOf(head) === createRevision;
  return { ...at, createRevision, revision: result.revision, present, isFirst };
}
