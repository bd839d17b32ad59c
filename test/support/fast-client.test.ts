import { afterEach, expect, test } from "vitest";
import { MessageSplitter } from "./message-splitter.ts";
import { FastConnection } from "./fast-client.ts";
import {
  headerRevision,
  putRequest,
  visitWatchResponse,
  watchCreateRequest,
} from "./fast-messages.ts";
import { TestServer, isAvailable } from "./servers.ts";
import { encodeMessage } from "./wire-codec.ts";

const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.dispose();
});

test("a splitter gives the same messages wherever the bytes are cut", () => {
  const texts = ["", "a", "x".repeat(300), "end"];
  const whole = Buffer.concat(
    texts.map((text) => {
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(text.length, 1);
      return Buffer.concat([prefix, Buffer.from(text)]);
    }),
  );
  for (let first = 0; first <= whole.length; first++) {
    for (const second of [first, first + 1, first + 4, first + 200]) {
      const got: string[] = [];
      const splitter = new MessageSplitter();
      const sink = { message: (bytes: Buffer) => got.push(bytes.toString()) };
      splitter.take(whole.subarray(0, first), sink);
      splitter.take(whole.subarray(first, second), sink);
      splitter.take(whole.subarray(second), sink);
      expect(got).toEqual(texts);
    }
  }
});

test("the fast messages say what the plain codec says", () => {
  const key = Buffer.from("k");
  const value = Buffer.from("v");
  expect(putRequest(key, value)).toEqual(encodeMessage("PutRequest", { key, value }));
  expect(watchCreateRequest(key, value, 300)).toEqual(
    encodeMessage("WatchRequest", {
      create_request: { key, range_end: value, start_revision: 300 },
    }),
  );
  const response = encodeMessage("WatchResponse", {
    header: { cluster_id: 2n ** 64n - 1n, revision: 70_000_000_000 },
    events: [{ kv: { key, create_revision: 5, mod_revision: 6, version: 2, value } }],
  });
  expect(headerRevision(response)).toBe(70_000_000_000);
  const seen: unknown[] = [];
  visitWatchResponse(response, {
    response: (head) => seen.push({ ...head }),
    event: (event) => seen.push([event.revision, event.createRevision, event.version]),
  });
  expect(seen).toEqual([{ created: false, canceled: false, revision: 70_000_000_000 }, [6, 5, 2]]);
});

test.skipIf(!isAvailable("etcd-3.5"))(
  "the fast client puts, watches and reads errors",
  async () => {
    const server = await TestServer.start("etcd-3.5");
    servers.push(server);
    const connection = await FastConnection.open(server.port);
    const events: number[] = [];
    const all = new Promise<void>((resolve) => {
      const stream = connection.stream("/etcdserverpb.Watch/Watch", {
        message: (bytes) =>
          visitWatchResponse(bytes, {
            response: () => undefined,
            event: (event) => {
              if (events.push(event.revision) === 500) resolve();
            },
          }),
        ended: () => resolve(),
      });
      stream.send(watchCreateRequest(Buffer.from("k"), Buffer.from("l"), 1));
    });
    const revisions = await Promise.all(
      Array.from(
        { length: 500 },
        (_, i) =>
          new Promise<number>((resolve) =>
            connection.unary(
              "/etcdserverpb.KV/Put",
              putRequest(Buffer.from(`k${i}`), Buffer.alloc(900, "v")),
              (response) => resolve(response === undefined ? -1 : headerRevision(response)),
            ),
          ),
      ),
    );
    await all;
    expect([...revisions].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 500 }, (_, i) => i + 2),
    );
    expect(events).toEqual(Array.from({ length: 500 }, (_, i) => i + 2));
    // Larger than one frame, and than the window a connection begins with.
    for (let i = 0; i < 5; i++) {
      const large = putRequest(Buffer.from("z"), Buffer.alloc(40_000, "z"));
      const revision = await new Promise<number>((resolve) =>
        connection.unary("/etcdserverpb.KV/Put", large, (response) =>
          resolve(response === undefined ? -1 : headerRevision(response)),
        ),
      );
      expect(revision).toBe(502 + i);
    }
    const refused = await new Promise((resolve) =>
      connection.unary("/etcdserverpb.KV/Put", Buffer.alloc(0), (_, end) => resolve(end)),
    );
    expect(refused).toEqual({ code: 3, text: "etcdserver: key is not provided" });
    connection.close();
    await connection.closed;
  },
);
