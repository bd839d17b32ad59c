import { describe, expect, test } from "vitest";
import { DESCRIPTORS } from "../../src/api/proto/codec.ts";
import { MEMBER, TestServices } from "./test-services.ts";

const CLUSTER = "/etcdserverpb.Cluster/";
const LIST = { request: DESCRIPTORS.MemberListRequest, response: DESCRIPTORS.MemberListResponse };
const ADD = { request: DESCRIPTORS.MemberAddRequest, response: DESCRIPTORS.MemberAddResponse };
const REMOVE = {
  request: DESCRIPTORS.MemberRemoveRequest,
  response: DESCRIPTORS.MemberRemoveResponse,
};
const UPDATE = {
  request: DESCRIPTORS.MemberUpdateRequest,
  response: DESCRIPTORS.MemberUpdateResponse,
};
const PROMOTE = {
  request: DESCRIPTORS.MemberPromoteRequest,
  response: DESCRIPTORS.MemberPromoteResponse,
};
const NOT_FOUND = "5: etcdserver: member not found";
const BAD_URLS = "3: etcdserver: given member URLs are invalid";
const UNHEALTHY = "14: etcdserver: unhealthy cluster";

describe("Cluster service", () => {
  const services = new TestServices();

  test.each([true, false])("lists the one member, without a revision (C1): %s", (linearizable) => {
    expect(services.call(`${CLUSTER}MemberList`, LIST, { linearizable })).toEqual({
      header: { clusterId: MEMBER.clusterId, memberId: MEMBER.memberId, revision: 0, raftTerm: 2n },
      members: [
        {
          ID: MEMBER.memberId,
          name: "default",
          peerURLs: ["http://localhost:2380"],
          clientURLs: ["http://localhost:2379"],
          isLearner: false,
        },
      ],
    });
  });

  test.each([
    ["no URL", [], BAD_URLS],
    ["a URL without a port", ["http://node"], BAD_URLS],
    ["our own URL", ["http://localhost:2380"], "9: etcdserver: Peer URLs already exists"],
    ["another URL", ["http://node:2380"], UNHEALTHY],
  ])("refuses to add a member with %s (C2, C5)", (_, peerURLs, expected) => {
    expect(services.call(`${CLUSTER}MemberAdd`, ADD, { peerURLs })).toBe(expected);
  });

  test("refuses to remove and promote its own, and knows it from others (C3, C5)", () => {
    const peerURLs = ["http://node:2380"];
    const own = MEMBER.memberId;
    expect(services.call(`${CLUSTER}MemberRemove`, REMOVE, { ID: 1n })).toBe(NOT_FOUND);
    expect(services.call(`${CLUSTER}MemberRemove`, REMOVE, { ID: own })).toBe(
      "9: etcdserver: re-configuration failed due to not enough started members",
    );
    expect(services.call(`${CLUSTER}MemberUpdate`, UPDATE, { ID: 1n, peerURLs })).toBe(NOT_FOUND);
    expect(services.call(`${CLUSTER}MemberUpdate`, UPDATE, { ID: 1n })).toBe(NOT_FOUND);
    expect(services.call(`${CLUSTER}MemberPromote`, PROMOTE, { ID: 1n })).toBe(NOT_FOUND);
    expect(services.call(`${CLUSTER}MemberPromote`, PROMOTE, { ID: own })).toBe(
      "9: etcdserver: can only promote a learner member",
    );
  });

  test("adds a learner, which has neither name nor client URLs, and removes it (C2, C3)", () => {
    const peerURLs = ["http://node:2380"];
    const learner = { ID: 77n, name: "", peerURLs, clientURLs: [], isLearner: true };
    const added = services.call(`${CLUSTER}MemberAdd`, ADD, { peerURLs, isLearner: true });
    expect(added).toMatchObject({
      header: { revision: 0, memberId: MEMBER.memberId },
      member: learner,
      members: [learner, { ID: MEMBER.memberId, name: "default" }],
    });
    const moved = ["http://node:2381"];
    expect(
      services.call(`${CLUSTER}MemberUpdate`, UPDATE, { ID: 77n, peerURLs: moved }),
    ).toMatchObject({ members: [{ ID: 77n, peerURLs: moved }, {}] });
    expect(services.call(`${CLUSTER}MemberPromote`, PROMOTE, { ID: 77n })).toBe(
      "9: etcdserver: can only promote a learner member which is in sync with leader",
    );
    expect(services.call(`${CLUSTER}MemberRemove`, REMOVE, { ID: 77n })).toMatchObject({
      members: [{ ID: MEMBER.memberId }],
    });
  });
});
