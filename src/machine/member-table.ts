import { EtcdError } from "../base/errors.ts";
import { WireReader, WireWriter } from "../base/wire.ts";
import type { MemberChange, MemberRecord } from "./member-command.ts";

/** Where members are kept: a state table of the store, by id as hexadecimal text. */
export interface MemberRecords {
  set(key: string, value: Uint8Array): void;
  delete(key: string): void;
  entries(): IterableIterator<readonly [string, Uint8Array]>;
}

/** etcd's --max-learners. */
const LEARNERS_MAX = 1;
/** Fields of etcdserverpb.Member: a record is one, but for its id, which is the key. */
const PEER_URLS_FIELD = 3;
const IS_LEARNER_FIELD = 5;

/**
 * The members of a cluster with one voter, this one. Learners may be added, but nothing is ever
 * sent to them, so none comes to be in sync. A second voter is refused: it would take the quorum
 * away, as it does from an etcd of one member until that voter has started.
 */
export class MemberTable {
  readonly #self: bigint;
  readonly #records: MemberRecords;
  readonly #members: Map<bigint, MemberRecord>;
  #sorted: readonly MemberRecord[];

  /** `self` as the server was started; what was changed since the beginning counts more. */
  constructor(self: MemberRecord, records: MemberRecords) {
    this.#self = self.id;
    this.#records = records;
    this.#members = new Map([[self.id, self]]);
    for (const [key, value] of records.entries()) {
      const member = decodeMember(BigInt(`0x${key}`), value);
      this.#members.set(member.id, member);
    }
    this.#sorted = byId(this.#members);
  }

  /** By id; never changed in place. */
  get members(): readonly MemberRecord[] {
    return this.#sorted;
  }

  /** Does what is asked, or says in etcd's order why not (C2, C3). */
  apply(change: MemberChange): EtcdError | undefined {
    switch (change.action) {
      case "list":
        return undefined;
      case "add":
        return this.#add(change.member);
      case "remove":
        return this.#remove(change.id);
      case "update":
        return this.#update(change.id, change.peerUrls);
      case "promote":
        return this.#promote(change.id);
    }
  }

  #add(member: MemberRecord): EtcdError | undefined {
    if (this.#members.has(member.id)) return new EtcdError("memberExists");
    if (this.#isTaken(member.peerUrls, member.id)) return new EtcdError("peerUrlExists");
    if (!member.isLearner) return new EtcdError("unhealthy");
    const learners = this.members.filter((one) => one.isLearner);
    if (learners.length >= LEARNERS_MAX) return new EtcdError("tooManyLearners");
    this.#keep(member);
    return undefined;
  }

  #remove(id: bigint): EtcdError | undefined {
    if (id === this.#self) return new EtcdError("memberNotEnoughStarted");
    if (!this.#members.delete(id)) return new EtcdError("memberNotFound");
    this.#records.delete(id.toString(16));
    this.#sorted = byId(this.#members);
    return undefined;
  }

  #update(id: bigint, peerUrls: readonly string[]): EtcdError | undefined {
    const member = this.#members.get(id);
    if (member === undefined) return new EtcdError("memberNotFound");
    if (this.#isTaken(peerUrls, id)) return new EtcdError("peerUrlExists");
    this.#keep({ ...member, peerUrls });
    return undefined;
  }

  #promote(id: bigint): EtcdError | undefined {
    const member = this.#members.get(id);
    if (member === undefined) return new EtcdError("memberNotFound");
    return new EtcdError(member.isLearner ? "learnerNotReady" : "memberNotLearner");
  }

  /** Whether another member has one of the URLs. */
  #isTaken(peerUrls: readonly string[], id: bigint): boolean {
    return this.members.some(
      (one) => one.id !== id && one.peerUrls.some((url) => peerUrls.includes(url)),
    );
  }

  #keep(member: MemberRecord): void {
    this.#members.set(member.id, member);
    this.#records.set(member.id.toString(16), encodeMember(member));
    this.#sorted = byId(this.#members);
  }
}

function byId(members: ReadonlyMap<bigint, MemberRecord>): readonly MemberRecord[] {
  return [...members.values()].toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

function encodeMember({ peerUrls, isLearner }: MemberRecord): Uint8Array {
  const writer = new WireWriter(256);
  for (const url of peerUrls) writer.stringField(PEER_URLS_FIELD, url);
  writer.boolField(IS_LEARNER_FIELD, isLearner);
  return writer.bytes();
}

function decodeMember(id: bigint, bytes: Uint8Array): MemberRecord {
  const reader = new WireReader(bytes);
  const peerUrls: string[] = [];
  let isLearner = false;
  while (!reader.done) {
    if (reader.tag() === PEER_URLS_FIELD * 8 + 2) peerUrls.push(reader.string());
    else isLearner = reader.bool();
  }
  return { id, peerUrls, isLearner };
}
