import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  decode,
  type Descriptor,
  DESCRIPTORS,
  type Draft,
  encode,
} from "../../src/api/proto/codec.ts";
import { decodePutRequest, decodeTxnRequest } from "../../src/api/proto/decode-requests.ts";
import type { TxnRequest } from "../../src/api/proto/messages-key-value.ts";
import { ResponseHeaderWriter } from "../../src/base/response-header.ts";
import { SCHEMA_PARTS } from "../../src/api/proto/schema-parts.ts";
import { SERVICES } from "../../src/api/proto/services.ts";
import {
  writeDeleteRangeResponse,
  writePutResponse,
  writeRangeResponse,
  writeTxnResponse,
} from "../../src/api/proto/write-responses.ts";
import { toRevision } from "../../src/base/revision.ts";
import { WireWriter } from "../../src/base/wire.ts";

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

function text(value: string): Uint8Array {
  return Uint8Array.from(Buffer.from(value));
}

function written(write: (writer: WireWriter) => void): string {
  const writer = new WireWriter();
  write(writer);
  return Buffer.from(writer.bytes()).toString("hex");
}

interface Golden {
  readonly name: keyof typeof DESCRIPTORS;
  readonly bytes: string;
  readonly message: object;
}

/** Written out by hand from the protobuf encoding and the field numbers of etcd's interface. */
const GOLDENS: readonly Golden[] = [
  {
    name: "PutRequest",
    bytes: "0a0161 120162 18ffffffffffffffffff01 2001 2801 3001",
    message: {
      key: text("a"),
      value: text("b"),
      lease: -1n,
      prevKv: true,
      ignoreValue: true,
      ignoreLease: true,
    },
  },
  {
    name: "RangeRequest",
    bytes: "0a0161 120100 18f403 20ffffffffffffff0f 2802 3003 3801 4001 4801 5001 5802 6003 6804",
    message: {
      key: text("a"),
      rangeEnd: hex("00"),
      limit: 500,
      revision: Number.MAX_SAFE_INTEGER,
      sortOrder: 2,
      sortTarget: 3,
      serializable: true,
      keysOnly: true,
      countOnly: true,
      minModRevision: 1,
      maxModRevision: 2,
      minCreateRevision: 3,
      maxCreateRevision: 4,
    },
  },
  {
    name: "TxnRequest",
    // Members of a union are there even at 0: mod_revision 0, an empty put.
    bytes:
      "0a07 1002 1a0161 3000 0a0d 0803 1004 1a0161 4005 820401 62 1202 1200 1a06 2204 1a02 0a00",
    message: {
      compare: [
        { target: 2, key: text("a"), targetUnion: { kind: "modRevision", value: 0 } },
        {
          result: 3,
          target: 4,
          key: text("a"),
          targetUnion: { kind: "lease", value: 5n },
          rangeEnd: text("b"),
        },
      ],
      success: [{ request: { kind: "requestPut", value: {} } }],
      failure: [
        {
          request: {
            kind: "requestTxn",
            value: {
              failure: [{ request: { kind: "requestRange", value: {} } }],
            },
          },
        },
      ],
    },
  },
  {
    name: "WatchRequest",
    bytes: "0a11 0a0161 1805 2001 2a020001 3001 3807 4001",
    message: {
      requestUnion: {
        kind: "createRequest",
        value: {
          key: text("a"),
          startRevision: 5,
          progressNotify: true,
          filters: [0, 1],
          prevKv: true,
          watchId: 7n,
          fragment: true,
        },
      },
    },
  },
  {
    name: "WatchRequest",
    bytes: "120b 08feffffffffffffffff01",
    message: { requestUnion: { kind: "cancelRequest", value: { watchId: -2n } } },
  },
  {
    name: "WatchRequest",
    bytes: "1a00",
    message: { requestUnion: { kind: "progressRequest", value: {} } },
  },
  {
    name: "WatchResponse",
    bytes: "0a02 1809 1801 2001 2801 320178 3801 5a0c 0801 1203 0a0161 1a03 0a0162",
    message: {
      header: { revision: 9 },
      created: true,
      canceled: true,
      compactRevision: 1,
      cancelReason: "x",
      fragment: true,
      events: [{ type: 1, kv: { key: text("a") }, prevKv: { key: text("b") } }],
    },
  },
  {
    name: "LeaseGrantRequest",
    bytes: "083c 1080808080808080808001",
    message: { TTL: 60, ID: -(2n ** 63n) },
  },
  {
    name: "LeaseTimeToLiveResponse",
    bytes: "0a00 1007 18ffffffffffffffffff01 203c 2a0161 2a00 2a0162",
    message: {
      header: {},
      ID: 7n,
      TTL: -1,
      grantedTTL: 60,
      keys: [text("a"), new Uint8Array(0), text("b")],
    },
  },
  {
    name: "HashKVResponse",
    bytes: "10ffffffff0f 1805 2006",
    message: { hash: 2 ** 32 - 1, compactRevision: 5, hashRevision: 6 },
  },
  {
    name: "MemberListResponse",
    bytes: "1219 08ffffffffffffffffff01 12026d31 1a01 70 1a00 220163 2801",
    message: {
      members: [
        {
          ID: 2n ** 64n - 1n,
          name: "m1",
          peerURLs: ["p", ""],
          clientURLs: ["c"],
          isLearner: true,
        },
      ],
    },
  },
  {
    name: "AuthUserAddRequest",
    bytes: "0a03c3a961 1204f09f9880 1a020801",
    message: { name: "éa", password: "😀", options: { noPassword: true } },
  },
  {
    name: "AuthRoleGrantPermissionRequest",
    bytes: "0a0172 1205 0802 120161",
    message: { name: "r", perm: { permType: 2, key: text("a") } },
  },
  {
    name: "CampaignResponse",
    bytes: "120a 0a016e 12016b 1803 2004",
    message: { leader: { name: text("n"), key: text("k"), rev: 3, lease: 4n } },
  },
];

describe("golden bytes", () => {
  test.each(GOLDENS)("of $name stand for its message, both ways", ({ name, bytes, message }) => {
    const descriptor = DESCRIPTORS[name] as Descriptor<object>;
    const expected = hex(bytes);
    const draft = message as Draft<object>;
    expect(written((writer) => encode(descriptor, draft, writer))).toBe(
      Buffer.from(expected).toString("hex"),
    );
    expect(decode(descriptor, expected)).toMatchObject(message);
  });

  test("of filters are the same packed, one by one, and mixed", () => {
    const read = (bytes: string): unknown => decode(DESCRIPTORS.WatchCreateRequest, hex(bytes));
    expect(read("2800 2801 2801")).toEqual(read("2a03000101"));
    expect(read("2800 2a0101 2801")).toEqual(read("2a03000101"));
  });
});

describe("a field that comes again", () => {
  const putOp = (bytes: string): unknown => ({
    request: { kind: "requestPut", value: decodePutRequest(hex(bytes)) },
  });
  const readings: Readonly<Record<string, (bytes: Uint8Array) => TxnRequest>> = {
    "by hand": decodeTxnRequest,
    "by the schema": (bytes) => decode(DESCRIPTORS.TxnRequest, bytes),
  };

  test.each(Object.entries(readings))("is merged into its op, read %s", (_, read) => {
    // An op with a put of key a and value b, and once more of value c and prev_kv.
    expect(read(hex("120f 1206 0a0161 120162 1205 120163 2001")).success).toEqual([
      putOp("0a0161 120163 2001"),
    ]);
    // A range between them makes the union forget the first put.
    expect(read(hex("1211 1206 0a0161 120162 0a00 1205 120163 2001")).success).toEqual([
      putOp("120163 2001"),
    ]);
    // The same for an op in a nested txn, whose lists are joined.
    expect(read(hex("120e 2204 12021200 2206 12021200 1a00")).success).toEqual([
      {
        request: {
          kind: "requestTxn",
          value: {
            compare: [],
            success: [putOp(""), putOp("")],
            failure: [{ request: undefined }],
          },
        },
      },
    ]);
  });

  test("wins when it is a number or bytes, and is merged when it is a message", () => {
    const response = decode(DESCRIPTORS.PutResponse, hex("0a04 0805 1805 0a02 1807"));
    expect(response.header).toEqual({ clusterId: 5n, memberId: 0n, revision: 7, raftTerm: 0n });
    const put = hex("0a0161 0a0162 1805 1800");
    expect(decodePutRequest(put)).toMatchObject({ key: text("b"), lease: 0n });
    expect(decode(DESCRIPTORS.PutRequest, put)).toEqual(decodePutRequest(put));
  });
});

/** What etcd 3.4.23 itself sent, as it stood on the wire. */
describe("bytes that a real etcd sent are written from the same result", () => {
  const headerAt = (revision: string): string =>
    `0a18088cb7eaf19dbfdec00a10efd383e1c7bec7a73118${revision}2002`;
  const { clusterId, memberId, raftTerm } = decodedHeader();
  const header = new ResponseHeaderWriter({ clusterId, memberId, raftTerm });
  const keyValue = hex("0a0161 1002 1803 2002 2a0163");

  function decodedHeader(): { clusterId: bigint; memberId: bigint; raftTerm: bigint } {
    const response = decode(DESCRIPTORS.PutResponse, hex(headerAt("02")));
    if (response.header === undefined) throw new Error("a response has a header");
    return response.header;
  }

  test("header", () => {
    expect(decodedHeader()).toEqual({
      clusterId: 0xa8179f9de3a9b8cn,
      memberId: 0x314f1df47c20e9efn,
      revision: 2,
      raftTerm: 2n,
    });
  });

  test("put, without and with a previous key-value", () => {
    const put = { kind: "put", revision: toRevision(2), previous: undefined } as const;
    expect(written((writer) => writePutResponse(writer, header, put))).toBe(headerAt("02"));
    const previous = hex("0a0161 1002 1802 2001 2a0162");
    const second = { kind: "put", revision: toRevision(3), previous } as const;
    expect(written((writer) => writePutResponse(writer, header, second))).toBe(
      `${headerAt("03")}120c0a01611002180220012a0162`,
    );
  });

  test("range", () => {
    const range = {
      kind: "range",
      revision: toRevision(3),
      keyValues: [keyValue],
      count: 1,
      more: false,
    } as const;
    expect(written((writer) => writeRangeResponse(writer, header, range))).toBe(
      `${headerAt("03")}120c0a01611002180320022a01632001`,
    );
  });

  test("delete range", () => {
    const deleted = {
      kind: "delete-range",
      revision: toRevision(4),
      deleted: 1,
      previous: [keyValue],
    } as const;
    expect(written((writer) => writeDeleteRangeResponse(writer, header, deleted))).toBe(
      `${headerAt("04")}10011a0c0a01611002180320022a0163`,
    );
  });

  test("txn, and K5: a revision alone inside, an empty header in a nested txn", () => {
    const revision = toRevision(5);
    const put = { kind: "put", revision, previous: undefined } as const;
    const txn = { kind: "txn", revision, succeeded: true, responses: [put] } as const;
    expect(written((writer) => writeTxnResponse(writer, header, txn))).toBe(
      `${headerAt("05")}10011a0612040a021805`,
    );
    const empty = { kind: "txn", revision, succeeded: true, responses: [] } as const;
    const outer = { ...txn, responses: [empty] };
    expect(written((writer) => writeTxnResponse(writer, header, outer))).toBe(
      `${headerAt("05")}10011a0622040a001001`,
    );
  });
});

test("the schema is the one that was compared with etcd 3.7's interface", () => {
  // protobufjs is built from the same schema, so it would follow a wrong number. Whoever changes the
  // schema compares it with etcd's interface again and puts the new digest here.
  const { watchers: _, ...parts } = SCHEMA_PARTS;
  const services = SERVICES.filter(({ name }) => !name.startsWith("vedette."));
  const facts = JSON.stringify([parts, services]);
  expect(createHash("sha256").update(facts).digest("hex")).toBe(
    "035788432c510bba6b400d3a21ee8b28c05f5d2c118041168051434996325b2c",
  );
});

describe("services", () => {
  test("name messages of the schema, and every path once", () => {
    const methods = SERVICES.flatMap((service) => service.methods);
    const paths = methods.flatMap((method) => [method.path, ...method.httpPaths]);
    expect(methods.length).toBe(54);
    expect(new Set(paths).size).toBe(paths.length);
    for (const { request, response } of methods) {
      expect(DESCRIPTORS).toHaveProperty(request);
      expect(DESCRIPTORS).toHaveProperty(response);
    }
  });

  test("say of a method its paths and which way it streams", () => {
    const find = (path: string): object | undefined =>
      SERVICES.flatMap((service) => service.methods).find((method) => method.path === path);
    expect(find("/etcdserverpb.Lease/LeaseRevoke")).toEqual({
      name: "LeaseRevoke",
      path: "/etcdserverpb.Lease/LeaseRevoke",
      request: "LeaseRevokeRequest",
      response: "LeaseRevokeResponse",
      isRequestStream: false,
      isResponseStream: false,
      httpPaths: ["/v3/lease/revoke", "/v3/kv/lease/revoke"],
    });
    expect(find("/etcdserverpb.Watch/Watch")).toMatchObject({
      isRequestStream: true,
      isResponseStream: true,
    });
    // K19, G13: there is no such path in the gateway.
    expect(find("/etcdserverpb.KV/RangeStream")).toMatchObject({
      isRequestStream: false,
      isResponseStream: true,
      httpPaths: [],
    });
  });
});
