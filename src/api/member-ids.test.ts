import { describe, expect, test } from "vitest";
import { addedMemberId, idText, singleMemberIds } from "./member-ids.ts";

describe("singleMemberIds", () => {
  test("gives the ids of an etcd started with its defaults (C4)", () => {
    const ids = singleMemberIds({
      peerUrls: ["http://localhost:2380"],
      clusterToken: "etcd-cluster",
    });
    expect(ids).toEqual({ memberId: 10276657743932975437n, clusterId: 14841639068965178418n });
  });

  test("does not mind the order of the URLs, and does mind the token", () => {
    const peerUrls = ["http://b:2380", "http://a:2380"];
    const ids = singleMemberIds({ peerUrls, clusterToken: "t" });
    expect(singleMemberIds({ peerUrls: [...peerUrls].reverse(), clusterToken: "t" })).toEqual(ids);
    expect(singleMemberIds({ peerUrls, clusterToken: "u" })).not.toEqual(ids);
  });
});

test.each([
  [1795556292, "288d9c86426cb429"],
  [1795556298, "258bcf85a2bd6e89"],
])("a member added at second %i has the id that etcd gives it (C4)", (seconds, expected) => {
  expect(idText(addedMemberId(["http://127.0.0.1:9"], seconds * 1000 + 999))).toBe(expected);
});

describe("idText", () => {
  test("is hex without leading zeros (C4)", () => {
    expect(idText(0x00ab_cdef_0123_4567n)).toBe("abcdef01234567");
    expect(idText(0xffff_ffff_ffff_ffffn)).toBe("ffffffffffffffff");
  });
});
