import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { decode, DESCRIPTORS, type Draft } from "../../src/api/proto/codec.ts";
import type {
  RangeRequest,
  RangeResponse,
  RangeStreamResponse,
} from "../../src/api/proto/messages-key-value.ts";
import type { StreamHandler } from "../../src/api/call.ts";
import type { Revision } from "../../src/base/revision.ts";
import { type FakeStreamCall, openStream } from "./fake-calls.ts";
import { latin1, TestServices, toBytes } from "./test-services.ts";
import { putCommand } from "../support/commands.ts";

const PATH = "/etcdserverpb.KV/RangeStream";
const RANGE = { request: DESCRIPTORS.RangeRequest, response: DESCRIPTORS.RangeResponse };
const ALL = { key: latin1("\0"), rangeEnd: latin1("\0") };

let services: TestServices;
beforeEach(() => {
  services = new TestServices();
  for (let i = 0; i < 200; i++) write(`k${String(i).padStart(3, "0")}`, "v".repeat(i));
});

describe("RangeStream (K19)", () => {
  test("sends what Range answers, in chunks whose last carries header, count and more", () => {
    const request = fc.record({
      key: fc.constantFrom("\0", "k", "k050", "k1", "k199", "x").map(latin1),
      rangeEnd: fc.constantFrom("", "\0", "k150", "k150\0", "z").map(latin1),
      limit: fc.oneof(fc.constant(0), fc.integer({ min: -1, max: 250 })),
      revision: fc.constantFrom(0, 0, -1, 100, 201),
      keysOnly: fc.boolean(),
      countOnly: fc.integer({ min: 0, max: 4 }).map((chance) => chance === 0),
      sortOrder: fc.constantFrom(0, 1),
    });
    fc.assert(
      fc.property(request, fc.boolean(), (asked, takesOne) => {
        const { call, handler } = openStream(services.methods, PATH);
        call.takesOne = takesOne;
        handler.message(toBytes(RANGE.request, asked));
        handler.halfClosed();
        drainAll(call, handler);
        expect(call.ended).toEqual({ code: 0, text: "" });
        const { chunks, last } = responses(call);
        for (const chunk of chunks) {
          expect(chunk).toMatchObject({ header: undefined, count: 0, more: false });
          expect(chunk.kvs.length).toBeGreaterThan(0);
        }
        const merged = { ...last, kvs: [...chunks, last].flatMap(({ kvs }) => kvs) };
        expect(merged).toEqual(services.call("/etcdserverpb.KV/Range", RANGE, asked));
      }),
      { numRuns: 200 },
    );
  });

  test("begins with ten keys and doubles while a chunk is small", () => {
    const { call, handler } = ask(ALL);
    drainAll(call, handler);
    const { chunks } = responses(call);
    expect(chunks.map(({ kvs }) => kvs.length).slice(0, 4)).toEqual([10, 20, 40, 40]);
  });

  test("waits for the client after each chunk, and reads on at the revision it began with", () => {
    const { call, handler } = ask(ALL, true);
    expect(call.sent).toHaveLength(1);
    write("k005", "late");
    write("k150", "late");
    drainAll(call, handler);
    const { chunks, last } = responses(call);
    const kvs = [...chunks, last].flatMap((chunk) => chunk.kvs);
    expect(kvs).toHaveLength(200);
    expect(kvs.every(({ version }) => version === 1)).toBe(true);
    expect(last.header?.revision).toBe(201);
  });

  test("ends with compacted when a compaction overtakes it", () => {
    const { call, handler } = ask(ALL, true);
    write("k150", "late");
    services.replica.propose(
      { kind: "compact", revision: services.replica.view.revision as Revision, physical: false },
      () => {},
    );
    drainAll(call, handler);
    expect(call.ended).toEqual({
      code: 11,
      text: "etcdserver: mvcc: required revision has been compacted",
    });
  });

  test("sends nothing more once the client has left", () => {
    const { call, handler } = ask(ALL, true);
    handler.cancelled();
    call.writable = true;
    handler.drained();
    expect(call.sent).toHaveLength(1);
    expect(call.ended).toBeUndefined();
  });

  test("keeps nothing of the request's bytes", () => {
    const { call, handler } = openStream(services.methods, PATH);
    call.takesOne = true;
    const bytes = toBytes(RANGE.request, { key: latin1("k100"), rangeEnd: latin1("k150") });
    handler.message(bytes);
    bytes.fill(0xff);
    drainAll(call, handler);
    expect(responses(call).last.count).toBe(50);
  });

  test.each<[string, Draft<RangeRequest>, number, string]>([
    ["an empty key", {}, 3, "etcdserver: key is not provided"],
    ["an unknown order", { ...ALL, sortOrder: 9 }, 3, "etcdserver: invalid sort option"],
    [
      "an order",
      { ...ALL, sortOrder: 2, minModRevision: 1 },
      12,
      "RangeStream does not support custom sort orders",
    ],
    [
      "a sort target with an order",
      { ...ALL, sortOrder: 1, sortTarget: 3 },
      12,
      "RangeStream does not support custom sort orders",
    ],
    [
      "a bound",
      { ...ALL, maxCreateRevision: 1 },
      12,
      "RangeStream does not support revision filters",
    ],
    [
      "the future",
      { ...ALL, revision: 999 },
      11,
      "etcdserver: mvcc: required revision is a future revision",
    ],
  ])("refuses %s", (_, request, code, text) => {
    const { call } = ask(request);
    expect(call.sent).toEqual([]);
    expect(call.ended).toEqual({ code, text });
  });

  test("takes a target without an order as the order of keys", () => {
    const { call, handler } = ask({ ...ALL, sortTarget: 3, limit: 1 });
    drainAll(call, handler);
    expect(responses(call).last.kvs[0]?.key).toEqual(latin1("k000"));
  });

  test("fails on bytes that are no request (E82), and on no request at all", () => {
    const broken = openStream(services.methods, PATH);
    broken.handler.message(Uint8Array.of(0x0a, 0x05));
    expect(broken.call.ended).toEqual({
      code: 13,
      text: expect.stringMatching(/^grpc: error unmarshalling request: \S/),
    });
    const silent = openStream(services.methods, PATH);
    silent.handler.halfClosed();
    expect(silent.call.ended?.code).toBe(13);
  });
});

function write(key: string, value: string): void {
  services.replica.propose(putCommand(latin1(key), latin1(value)), () => {});
}

function ask(
  request: Draft<RangeRequest>,
  takesOne = false,
): { readonly call: FakeStreamCall; readonly handler: StreamHandler } {
  const opened = openStream(services.methods, PATH);
  opened.call.takesOne = takesOne;
  opened.handler.message(toBytes(RANGE.request, request));
  return opened;
}

/** The client reads until the call has ended. */
function drainAll(call: FakeStreamCall, handler: StreamHandler): void {
  for (let i = 0; i < 1000 && call.ended === undefined; i++) {
    call.writable = true;
    handler.drained();
  }
}

function responses(call: FakeStreamCall): {
  readonly chunks: readonly RangeResponse[];
  readonly last: RangeResponse;
} {
  const all = call.sent.map((bytes) => {
    const { rangeResponse }: RangeStreamResponse = decode(DESCRIPTORS.RangeStreamResponse, bytes);
    return rangeResponse!;
  });
  return { chunks: all.slice(0, -1), last: all.at(-1)! };
}
