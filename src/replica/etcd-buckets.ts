import { latin1Bytes } from "../base/bytes.ts";
import { WireWriter } from "../base/wire.ts";
import { revisionKey } from "../mvcc/record-key.ts";
import type { MvccStore } from "../mvcc/store.ts";

/** What a snapshot says of the member that it was taken from; a restore puts its own there. */
export interface SnapshotMember {
  readonly memberId: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly raftTerm: bigint;
}

export interface Bucket {
  readonly name: string;
  /** In the order of their keys, which are bytes as latin1 text, as in the state tables. */
  readonly entries: readonly BucketEntry[];
}

type BucketEntry = readonly [key: string, value: Uint8Array];

/** The bucket of the keys' history, which is never held as a whole. */
export const KEY_BUCKET = "key";
export const META_BUCKET = "meta";
export const SCHEDULED_KEY = "scheduledCompactRev";
export const FINISHED_KEY = "finishedCompactRev";

export type BucketTable = "alarm" | "auth" | "lease" | "role" | "user";

/** The state tables whose keys and values are those of an etcd bucket, byte by byte. */
export const BUCKET_OF_TABLE: Readonly<Record<BucketTable, string>> = {
  alarm: "alarm",
  auth: "auth",
  lease: "lease",
  role: "authRoles",
  user: "authUsers",
};

const FIRST_AUTH_REVISION = 1n;
/**
 * The database's version is that of etcd 3.5, which names none in the file itself: every etcd from
 * 3.4 on takes it, and a newer one brings it up to its own (M41).
 */
const CLUSTER_VERSION = "3.5.0";
const NO_COMPACTION = -1;

/** All buckets of an etcd database but the keys': those before it, and those behind it, by name. */
export function stateBuckets(
  store: MvccStore,
  member: SnapshotMember,
): { readonly before: readonly Bucket[]; readonly after: readonly Bucket[] } {
  return {
    before: [
      { name: BUCKET_OF_TABLE.alarm, entries: tableEntries(store, "alarm") },
      { name: BUCKET_OF_TABLE.auth, entries: authEntries(store) },
      { name: BUCKET_OF_TABLE.role, entries: tableEntries(store, "role") },
      { name: BUCKET_OF_TABLE.user, entries: tableEntries(store, "user") },
      { name: "cluster", entries: [["clusterVersion", latin1Bytes(CLUSTER_VERSION)]] },
    ],
    after: [
      { name: BUCKET_OF_TABLE.lease, entries: tableEntries(store, "lease") },
      { name: "members", entries: [[member.memberId.toString(16), utf8(memberJson(member))]] },
      { name: "members_removed", entries: [] },
      { name: META_BUCKET, entries: metaEntries(store, member) },
    ],
  };
}

function tableEntries(store: MvccStore, name: BucketTable): readonly BucketEntry[] {
  return inOrder([...store.state(name).entries()]);
}

/** etcd writes the revision of a store of users before there is any user. */
function authEntries(store: MvccStore): readonly BucketEntry[] {
  const entries = tableEntries(store, "auth");
  if (store.state("auth").get("authRevision") !== undefined) return entries;
  return inOrder([...entries, ["authRevision", uint64(FIRST_AUTH_REVISION)]]);
}

function metaEntries(store: MvccStore, member: SnapshotMember): readonly BucketEntry[] {
  const { compacted } = store;
  const conf = `{"voters":[${member.memberId}],"auto_leave":false}`;
  const entries: BucketEntry[] = [
    ["confState", latin1Bytes(conf)],
    ["consistent_index", uint64(BigInt(store.head))],
    ["term", uint64(member.raftTerm)],
  ];
  // What is written holds no version that the compaction removes, so it is finished there.
  if (compacted !== NO_COMPACTION) {
    entries.push([SCHEDULED_KEY, revisionKey(compacted, 0)]);
    entries.push([FINISHED_KEY, revisionKey(compacted, 0)]);
  }
  return inOrder(entries);
}

/** As etcd writes a member: ids are numbers of 64 bits, and what is empty is left out. */
function memberJson({ memberId, name, peerUrls, clientUrls }: SnapshotMember): string {
  const parts = [`"id":${memberId}`, `"peerURLs":${JSON.stringify(peerUrls)}`];
  if (name !== "") parts.push(`"name":${JSON.stringify(name)}`);
  if (clientUrls.length > 0) parts.push(`"clientURLs":${JSON.stringify(clientUrls)}`);
  return `{${parts.join(",")}}`;
}

function inOrder(entries: BucketEntry[]): readonly BucketEntry[] {
  return entries.sort(([left], [right]) => (left < right ? -1 : 1));
}

function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

function utf8(text: string): Uint8Array {
  const writer = new WireWriter(text.length);
  writer.text(text);
  return writer.bytes().slice();
}
