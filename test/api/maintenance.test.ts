import { beforeEach, describe, expect, test } from "vitest";
import { DESCRIPTORS } from "../../src/api/proto/codec.ts";
import { callUnary } from "./fake-calls.ts";
import { latin1, MEMBER, QUOTA_BYTES, TestServices } from "./test-services.ts";

const MAINTENANCE = "/etcdserverpb.Maintenance/";
const STATUS = { request: DESCRIPTORS.StatusRequest, response: DESCRIPTORS.StatusResponse };
const HASH_KV = { request: DESCRIPTORS.HashKVRequest, response: DESCRIPTORS.HashKVResponse };
const HASH = { request: DESCRIPTORS.HashRequest, response: DESCRIPTORS.HashResponse };
const ALARM = { request: DESCRIPTORS.AlarmRequest, response: DESCRIPTORS.AlarmResponse };
const MOVE_LEADER = {
  request: DESCRIPTORS.MoveLeaderRequest,
  response: DESCRIPTORS.MoveLeaderResponse,
};
const DOWNGRADE = {
  request: DESCRIPTORS.DowngradeRequest,
  response: DESCRIPTORS.DowngradeResponse,
};
const PUT = { request: DESCRIPTORS.PutRequest, response: DESCRIPTORS.PutResponse };

let services: TestServices;
beforeEach(() => {
  services = new TestServices();
  services.call("/etcdserverpb.KV/Put", PUT, { key: latin1("k"), value: latin1("1") });
});

describe("Maintenance service", () => {
  test("shows a leader that has applied all it has committed (M1, M2, C5)", () => {
    expect(services.call(`${MAINTENANCE}Status`, STATUS, {})).toEqual({
      header: header(2),
      version: "3.7.1",
      dbSize: 4096,
      dbSizeInUse: 1024,
      dbSizeQuota: QUOTA_BYTES,
      leader: MEMBER.memberId,
      raftIndex: 1n,
      raftAppliedIndex: 1n,
      raftTerm: 2n,
      errors: [],
      isLearner: false,
      storageVersion: "3.7.0",
      downgradeInfo: { enabled: false, targetVersion: "" },
    });
  });

  test("hashes the present revision or an earlier one (K70)", () => {
    services.call("/etcdserverpb.KV/Put", PUT, { key: latin1("k"), value: latin1("2") });
    const store = services.replica.tested.store;
    const { hash } = store.hashKv(store.head);
    const present = { header: header(3), hash, compactRevision: -1, hashRevision: 3 };
    expect(services.call(`${MAINTENANCE}HashKV`, HASH_KV, {})).toEqual(present);
    const earlier = services.call(`${MAINTENANCE}HashKV`, HASH_KV, { revision: 2 });
    expect(earlier).toMatchObject({ header: header(3), hashRevision: 2 });
    expect(earlier).not.toMatchObject({ hash });
    expect(services.call(`${MAINTENANCE}HashKV`, HASH_KV, { revision: 4 })).toBe(
      "11: etcdserver: mvcc: required revision is a future revision",
    );
  });

  test("answers Hash with the hash of all keys and revisions (K71)", () => {
    const { hash } = services.replica.tested.store.hashKv(services.replica.view.revision);
    const answer = services.call(`${MAINTENANCE}Hash`, HASH, {});
    expect(answer).toEqual({ header: header(2), hash });
  });

  test("answers Defragment with nothing, not even a header (M30)", () => {
    const answer = callUnary(services.methods, `${MAINTENANCE}Defragment`, new Uint8Array(0));
    expect(answer?.message).toHaveLength(0);
  });

  test("raises, lists and takes back alarms, and shows a header as 3.7 does (M10, V12)", () => {
    const alarm = { memberID: 7n, alarm: 1 };
    const none = { header: header(2), alarms: [] };
    const one = { header: header(2), alarms: [alarm] };
    const ask = (request: object): unknown => services.call(`${MAINTENANCE}Alarm`, ALARM, request);
    expect(ask({})).toEqual(none);
    expect(ask({ action: 2, ...alarm })).toEqual(none);
    expect(ask({ action: 1, memberID: 7n, alarm: 0 })).toEqual(none);
    expect(ask({ action: 1, memberID: 7n, alarm: 9 })).toEqual(none);
    expect(ask({ action: 1, ...alarm })).toEqual(one);
    expect(ask({})).toEqual(one);
    expect(ask({ alarm: 2 })).toEqual(none);
    expect(ask({ action: 9, ...alarm })).toEqual(none);
    expect(ask({ action: 2, ...alarm })).toEqual(one);
    expect(ask({})).toEqual(none);
  });

  test("lists alarms among Status' errors as etcd prints them (M1)", () => {
    for (const alarm of [1, 2]) {
      services.call(`${MAINTENANCE}Alarm`, ALARM, { action: 1, memberID: 7n, alarm });
    }
    expect(services.call(`${MAINTENANCE}Status`, STATUS, {})).toMatchObject({
      errors: ["memberID:7 alarm:NOSPACE ", "memberID:7 alarm:CORRUPT "],
    });
  });

  test("moves the leader to itself, and to nobody else (M31, E65)", () => {
    const move = (targetID: bigint): unknown =>
      services.call(`${MAINTENANCE}MoveLeader`, MOVE_LEADER, { targetID });
    expect(move(MEMBER.memberId)).toEqual({ header: undefined });
    expect(move(1n)).toBe("9: etcdserver: bad leader transferee");
    expect(move(0n)).toBe("9: etcdserver: bad leader transferee");
  });

  test.each([
    [0, "3.6", "3: etcdserver: invalid downgrade target version"],
    [1, "3.7.1", "3: etcdserver: invalid downgrade target version"],
    [0, "", "3: etcdserver: wrong downgrade target version format"],
    [1, "v3.6", "3: etcdserver: wrong downgrade target version format"],
    [2, "", "9: etcdserver: no inflight downgrade job"],
    [7, "3.6", "2: etcdserver: unknown method"],
  ])("refuses downgrade action %i to %j (M50, E66, E67, E70)", (action, version, expected) => {
    expect(services.call(`${MAINTENANCE}Downgrade`, DOWNGRADE, { action, version })).toBe(expected);
  });

  test("calls what cannot be read an internal error (E82)", () => {
    const answer = callUnary(services.methods, `${MAINTENANCE}HashKV`, Uint8Array.of(0x08));
    expect(answer).toMatchObject({
      code: 13,
      text: expect.stringMatching(/^grpc: error unmarshalling request: \S/),
    });
  });
});

function header(revision: number): object {
  const { clusterId, memberId, raftTerm } = MEMBER;
  return { clusterId, memberId, revision, raftTerm };
}
