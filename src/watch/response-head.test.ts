import { describe, expect, it } from "vitest";
import { decodeMessage, type Message } from "../../test/support/wire-codec.ts";
import {
  type ControlFields,
  controlResponse,
  NO_WATCH_ID,
  ResponseHead,
  type WatchId,
} from "./response-head.ts";

const IDENTITY = { clusterId: 2n ** 64n - 1n, memberId: 2n ** 63n, raftTerm: 3n };

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function control(id: WatchId, revision: number, fields: ControlFields): Message {
  const bytes = controlResponse(new ResponseHead(IDENTITY), id, revision, fields);
  return decodeMessage("WatchResponse", bytes);
}

describe("response head", () => {
  it("is the header, then the id, byte by byte (W2)", () => {
    const head = new ResponseHead({ clusterId: 1n, memberId: 2n, raftTerm: 3n });
    head.begin(300);
    expect(hex(head.bytes.subarray(0, head.withId(0)))).toBe("0a090801100218ac022003");
    expect(hex(head.bytes.subarray(0, head.withId(7)))).toBe("0a090801100218ac0220031007");
    const length = head.withFragment(head.withId(7));
    expect(hex(head.bytes.subarray(0, length))).toBe("0a090801100218ac02200310073801");
  });

  it("leaves out what is at its default, as etcd does (W3, W15)", () => {
    const head = new ResponseHead({ clusterId: 0n, memberId: 0n, raftTerm: 0n });
    head.begin(0);
    expect(hex(head.bytes.subarray(0, head.withId(0)))).toBe("0a00");
  });

  it("takes every id, and writes over the one before", () => {
    const head = new ResponseHead(IDENTITY);
    head.begin(2 ** 53 - 1);
    const ids: [WatchId, number | bigint][] = [
      [2n ** 63n - 1n, 2n ** 63n - 1n],
      [1, 1],
      [127, 127],
      [-(2n ** 63n), -(2n ** 63n)],
      [128, 128],
      [NO_WATCH_ID, -1],
      [2 ** 53 - 1, 2 ** 53 - 1],
      [2n ** 53n, 2n ** 53n],
      [2 ** 32, 2 ** 32],
    ];
    for (const [id, expected] of ids) {
      const length = head.withId(id);
      expect(length).toBeLessThan(head.bytes.length - 2);
      const seen = decodeMessage("WatchResponse", head.bytes.subarray(0, length));
      expect(seen).toEqual({
        header: {
          cluster_id: 2n ** 64n - 1n,
          member_id: 2n ** 63n,
          revision: 2 ** 53 - 1,
          raft_term: 3n,
        },
        watch_id: expected,
      });
    }
  });

  it("ends with our own flags, each in three bytes", () => {
    const head = new ResponseHead(IDENTITY);
    head.begin(5);
    const plain = head.withId(7);
    const length = head.withSkipped(head.withStateComplete(plain));
    const flags = Buffer.from(head.bytes.subarray(plain, length)).toString("hex");
    expect(flags).toBe("c83e01d03e01");
  });

  it("begins anew with a shorter revision", () => {
    const head = new ResponseHead(IDENTITY);
    head.begin(2 ** 40);
    head.withFragment(head.withId(2 ** 40));
    head.begin(5);
    const seen = decodeMessage("WatchResponse", head.bytes.subarray(0, head.withId(0)));
    expect(seen).toEqual({
      header: {
        cluster_id: IDENTITY.clusterId,
        member_id: IDENTITY.memberId,
        revision: 5,
        raft_term: 3n,
      },
    });
  });
});

describe("control response", () => {
  it("says created, canceled, why, and from where on (W10, W14, W15, W33)", () => {
    const header = (revision: number) => ({
      cluster_id: IDENTITY.clusterId,
      member_id: IDENTITY.memberId,
      ...(revision === 0 ? {} : { revision }),
      raft_term: 3n,
    });
    expect(control(0, 9, { created: true })).toEqual({ header: header(9), created: true });
    expect(control(4, 9, { canceled: true })).toEqual({
      header: header(9),
      watch_id: 4,
      canceled: true,
    });
    expect(control(4, 0, { canceled: true, compactRevision: 2 ** 53 - 1 })).toEqual({
      header: header(0),
      watch_id: 4,
      canceled: true,
      compact_revision: 2 ** 53 - 1,
    });
    const cancelReason = "é".repeat(200);
    expect(control(NO_WATCH_ID, 1, { created: true, canceled: true, cancelReason })).toEqual({
      header: header(1),
      watch_id: -1,
      created: true,
      canceled: true,
      cancel_reason: cancelReason,
    });
    expect(control(NO_WATCH_ID, 1, {})).toEqual({ header: header(1), watch_id: -1 });
  });

  it("is nobody else's buffer", () => {
    const head = new ResponseHead(IDENTITY);
    const first = controlResponse(head, 1, 5, { created: true });
    const copy = first.slice();
    controlResponse(head, 2, 6, { canceled: true });
    expect(first).toEqual(copy);
  });
});
