import { assert } from "../base/assert.ts";
import { latin1Bytes, latin1Text } from "../base/bytes.ts";
import { EtcdError } from "../base/errors.ts";
import { LEASE_TTL_SECONDS_MAX } from "../base/limits.ts";
import { sortInSteps, type Steps } from "../base/steps.ts";
import { WireReader, WireWriter } from "../base/wire.ts";
import type { Change } from "../mvcc/change.ts";
import { keyOf, leaseOf } from "../mvcc/key-value.ts";
import type { WriteTxn } from "../mvcc/store.ts";
import type { LeaseGrantCommand, LeaseRevokeCommand } from "./lease-command.ts";
import type { LeaseTable } from "./lease-table.ts";

/** Where leases are kept: a state table of the store. Keys are bytes as latin1 text. */
export interface LeaseRecords {
  set(key: string, value: Uint8Array): void;
  delete(key: string): void;
  entries(): IterableIterator<readonly [string, Uint8Array]>;
}

export interface Lease {
  readonly id: bigint;
  /** The granted one. */
  readonly ttlSeconds: number;
  /** Attached keys as latin1 text. */
  readonly keys: ReadonlySet<string>;
}

/** Who keeps the time of leases: told of each change in the order of the log. */
export interface LeaseListener {
  granted(lease: Lease): void;
  revoked(lease: Lease): void;
}

/** Keys that one step of a revoke deletes, and changes that one step of following looks at. */
const KEYS_PER_STEP = 64;
const CHANGES_PER_STEP = 256;
/** What a lease without keys has; none has a set of its own before it needs one. */
const NO_KEYS: ReadonlySet<string> = new Set();
/** leasepb.Lease, which is what etcd stores of a lease. */
const ID_FIELD = 1;
const TTL_FIELD = 2;
const TTL_TAG = TTL_FIELD * 8;
const RECORD_BYTES = 32;

/**
 * The leases that there are, and which keys hang on which (L1-L4, L12). Leases are state of the
 * store; what is attached follows from the lease that each KeyValue names, and is only kept here.
 * It knows no time.
 */
export class LeaseBook implements LeaseTable {
  readonly #records: LeaseRecords;
  readonly #leases = new Map<bigint, KeptLease>();
  /** The lease of each attached key. */
  readonly #attached = new Map<string, KeptLease>();
  #listener: LeaseListener | undefined;

  /** `attachments`: the live keys that name a lease; those whose lease is gone are passed over. */
  constructor(records: LeaseRecords, attachments: Iterable<readonly [string, bigint]> = []) {
    this.#records = records;
    for (const [key, value] of records.entries()) {
      const id = idOf(key);
      this.#leases.set(id, new KeptLease(id, ttlOf(value)));
    }
    for (const [key, id] of attachments) {
      const lease = this.#leases.get(id);
      if (lease !== undefined) this.#attach(key, lease);
    }
  }

  listen(listener: LeaseListener): void {
    assert(this.#listener === undefined, "one listener keeps the time of leases");
    this.#listener = listener;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** Keys that hang on a lease. */
  get attachedKeys(): number {
    return this.#attached.size;
  }

  exists(id: bigint): boolean {
    return this.#leases.has(id);
  }

  find(id: bigint): Lease | undefined {
    return this.#leases.get(id);
  }

  all(): IterableIterator<Lease> {
    return this.#leases.values();
  }

  /** The refusal, if there is one: an id is given out once (E22). */
  grant({ id, ttlSeconds }: LeaseGrantCommand): EtcdError | undefined {
    assert(id !== 0n, "an id was picked");
    if (ttlSeconds > LEASE_TTL_SECONDS_MAX) return new EtcdError("leaseTtlTooLarge");
    if (this.#leases.has(id)) return new EtcdError("leaseExists");
    const lease = new KeptLease(id, ttlSeconds);
    this.#leases.set(id, lease);
    this.#records.set(nameOf(id), recordOf(lease));
    this.#listener?.granted(lease);
    return undefined;
  }

  /** Takes the lease away with its keys, ascending and all in `txn`, which it ends (L4). */
  revoke(command: LeaseRevokeCommand, txn: WriteTxn): void {
    const lease = this.#existing(command.id);
    // Text of one character a byte sorts as the bytes do.
    for (const key of [...lease.keys].sort()) {
      deleteKey(key, command, txn);
      this.#attached.delete(key);
    }
    this.#end(lease, txn);
  }

  /** As `revoke`, in steps: until the last, the lease is there as it was, with all its keys. */
  *revokeInSteps(command: LeaseRevokeCommand, txn: WriteTxn): Steps<void> {
    const lease = this.#existing(command.id);
    const keys = yield* sortInSteps([...lease.keys]);
    // To empty a large map costs a third of all if it is done key by key.
    const isOnly = keys.length === this.#attached.size;
    if (isOnly) this.#attached.clear();
    let left = KEYS_PER_STEP;
    for (const key of keys) {
      deleteKey(key, command, txn);
      if (!isOnly) this.#attached.delete(key);
      if (--left > 0) continue;
      left = KEYS_PER_STEP;
      yield;
    }
    this.#end(lease, txn);
  }

  /** Attaches, moves and detaches keys as the changes of a write say (L12, K23). */
  follow(changes: readonly Change[]): void {
    this.#followSome(changes, 0, changes.length);
  }

  /** As `follow`, in steps: between them a lease may have lost only some of its keys. */
  *followInSteps(changes: readonly Change[]): Steps<void> {
    for (let from = 0; from < changes.length; from += CHANGES_PER_STEP) {
      this.#followSome(changes, from, Math.min(from + CHANGES_PER_STEP, changes.length));
      yield;
    }
  }

  #existing(id: bigint): KeptLease {
    const lease = this.#leases.get(id);
    assert(lease !== undefined, "a lease that is revoked exists");
    return lease;
  }

  #end(lease: KeptLease, txn: WriteTxn): void {
    txn.end();
    lease.detachAll();
    this.#leases.delete(lease.id);
    this.#records.delete(nameOf(lease.id));
    this.#listener?.revoked(lease);
  }

  #followSome(changes: readonly Change[], from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const change = changes[i] as Change;
      const id = change.type === "put" ? leaseOf(change.keyValue) : 0n;
      // Most stores know no leases, and most keys hang on none.
      if (id === 0n && this.#attached.size === 0) continue;
      const keyBytes = keyOf(change.keyValue);
      const key = latin1Text(keyBytes, 0, keyBytes.length);
      const lease = id === 0n ? undefined : this.#leases.get(id);
      if (this.#attached.get(key) === lease) continue;
      this.#detach(key);
      if (lease !== undefined) this.#attach(key, lease);
    }
  }

  /** For tests: walks everything. */
  checkInvariants(): void {
    let count = 0;
    for (const lease of this.#leases.values()) {
      for (const key of lease.keys) {
        assert(this.#attached.get(key) === lease, "a key of a lease is attached to it");
        count++;
      }
    }
    assert(count === this.#attached.size, "an attached key is a key of its lease");
  }

  #attach(key: string, lease: KeptLease): void {
    lease.attach(key);
    this.#attached.set(key, lease);
  }

  #detach(key: string): void {
    const lease = this.#attached.get(key);
    if (lease === undefined) return;
    this.#attached.delete(key);
    lease.detach(key);
  }
}

class KeptLease implements Lease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  #keys: Set<string> | undefined;

  constructor(id: bigint, ttlSeconds: number) {
    this.id = id;
    this.ttlSeconds = ttlSeconds;
  }

  get keys(): ReadonlySet<string> {
    return this.#keys ?? NO_KEYS;
  }

  attach(key: string): void {
    this.#keys ??= new Set();
    this.#keys.add(key);
  }

  detach(key: string): void {
    this.#keys?.delete(key);
  }

  detachAll(): void {
    this.#keys = undefined;
  }
}

function deleteKey(key: string, { reason }: LeaseRevokeCommand, txn: WriteTxn): void {
  const deleteReason = reason === "expiry" ? "lease-expiry" : "request";
  txn.delete({ kind: "single", key: latin1Bytes(key) }, deleteReason);
}

/** The id's 8 bytes, the highest first: what etcd names its record by. */
function nameOf(id: bigint): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigInt64(0, id);
  return latin1Text(new Uint8Array(view.buffer), 0, 8);
}

function idOf(key: string): bigint {
  const bytes = latin1Bytes(key);
  return new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0);
}

function recordOf({ id, ttlSeconds }: Lease): Uint8Array {
  const writer = new WireWriter(RECORD_BYTES);
  writer.int64Field(ID_FIELD, id);
  writer.intField(TTL_FIELD, ttlSeconds);
  return writer.bytes();
}

function ttlOf(record: Uint8Array): number {
  const reader = new WireReader(record);
  let ttlSeconds = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === TTL_TAG) ttlSeconds = reader.int64();
    else reader.skip(tag);
  }
  return ttlSeconds;
}
