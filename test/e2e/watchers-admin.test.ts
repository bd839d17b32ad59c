import { spawn } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { frame, FrameType, dataFrame, Setting } from "../http2/frames.ts";
import { message, openCall, splitMessages } from "../http2/grpc.ts";
import { RawClient } from "../http2/raw-client.ts";
import { builtServer } from "../support/built-server.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { httpGet, TestServer } from "../support/servers.ts";
import { decodeMessage, encodeMessage, type Message } from "../support/wire-codec.ts";

const STREAM = 1;
/** More than a stream's queue holds is there after a few of these. */
const VALUE = Buffer.alloc(100_000, "x");
const PUTS_MAX = 100;

let server: TestServer;
let admin: RpcClient;
let stalled: RawClient;

beforeEach(async () => {
  server = await TestServer.start("vedette", { flags: ["--in-memory"], audit: true });
  admin = new RpcClient(server.endpoint);
  // With windows of zero bytes nothing can be sent to this client until it says so.
  const address = { host: "127.0.0.1", port: server.port };
  stalled = await RawClient.open(address, [Setting.initialWindowSize, 0]);
  stalled.send(openCall(STREAM, "/etcdserverpb.Watch/Watch"));
});

afterEach(async () => {
  stalled.destroy();
  admin.close();
  await server.dispose();
});

function request(body: Message): void {
  stalled.send(dataFrame(STREAM, message(encodeMessage("WatchRequest", body))));
}

function windowUpdate(streamId: number): Buffer {
  const increment = Buffer.alloc(4);
  increment.writeUInt32BE(2 ** 30);
  return frame(FrameType.windowUpdate, 0, streamId, increment);
}

async function put(key: string): Promise<number> {
  const answer = await admin.call("Put", { key: Buffer.from(key), value: VALUE });
  if (answer.message === undefined) throw new Error(answer.text);
  return Number((answer.message["header"] as Message)["revision"]);
}

async function list(asked: Message): Promise<Message[]> {
  const answer = await admin.call("WatcherList", asked);
  if (answer.message === undefined) throw new Error(answer.text);
  return (answer.message["watchers"] ?? []) as Message[];
}

/** Puts until the stalled client's watcher is parked; its row, and the last revision. */
async function park(): Promise<{ row: Message; revision: number }> {
  request({ create_request: { key: Buffer.from("k"), watch_id: 7, prev_kv: true } });
  while ((await list({})).length === 0);
  for (let i = 0; i < PUTS_MAX; i++) {
    const revision = await put("k");
    const [row] = await list({ position: "victim" });
    if (row !== undefined) return { row, revision };
  }
  throw new Error("a client that reads nothing is parked at last");
}

/** All responses on the stalled client's stream, once one of them is what the test waits for. */
async function read(isLast: (response: Message) => boolean): Promise<Message[]> {
  const responses = (): Message[] => {
    const frames = stalled.received.filter(
      ({ type, streamId }) => type === FrameType.data && streamId === STREAM,
    );
    const bytes = Buffer.concat(frames.map(({ payload }) => payload));
    return splitWhole(bytes).map((one) => decodeMessage("WatchResponse", one));
  };
  while (!responses().some(isLast)) {
    await stalled.next("more of the watch", ({ type }) => type === FrameType.data);
  }
  return responses();
}

/** The whole messages at the beginning. */
function splitWhole(bytes: Buffer): readonly Buffer[] {
  let end = 0;
  while (end + 5 <= bytes.length && end + 5 + bytes.readUInt32BE(end + 1) <= bytes.length) {
    end += 5 + bytes.readUInt32BE(end + 1);
  }
  return splitMessages(bytes.subarray(0, end));
}

async function top(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [await builtServer(), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out, err };
}

describe("a client that does not read", () => {
  it("is seen with its lag and why, and sees its cancel once it reads", async () => {
    const { row, revision } = await park();
    expect(row).toMatchObject({
      stream_id: 1,
      watch_id: 7,
      client: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      options: ["prev_kv"],
      position: "victim",
      cause: "stream-full",
      lag_revisions: 1,
      next_revision: revision,
    });
    expect(row["lag_bytes"]).toBeGreaterThan(VALUE.length);
    expect(row["lag_bytes"]).toBeLessThan(VALUE.length + 100);
    await put("other");
    await put("other");
    const [later] = await list({ key: Buffer.from("k") });
    expect(later).toMatchObject({ lag_revisions: 3, next_revision: revision });
    expect(await list({ key: Buffer.from("other") })).toEqual([]);

    const name = { stream_id: 1, watch_id: 7 };
    expect((await admin.call("WatcherCancel", { ...name, reason: "too slow" })).code).toBe(0);
    expect(await list({})).toEqual([]);
    expect(await admin.call("WatcherCancel", name)).toMatchObject({ code: 5 });
    stalled.send(windowUpdate(0), windowUpdate(STREAM));
    const responses = await read(({ canceled }) => canceled === true);
    expect(responses[0]).toMatchObject({ watch_id: 7, created: true });
    expect(responses.at(-1)).toMatchObject({ watch_id: 7, cancel_reason: "too slow" });
    expect(responses.at(-1)?.["compact_revision"]).toBeUndefined();
    const sent = responses.flatMap(({ events }) => (events ?? []) as Message[]).length;
    expect(sent).toBe(revision - 2);

    // The stream lives on.
    request({ create_request: { key: Buffer.from("k") } });
    await read(({ created, watch_id }) => created === true && watch_id === undefined);
    const answer = await admin.call("WatcherSummary", {});
    expect(answer.message).toMatchObject({
      streams: 1,
      class_count: 1,
      totals: { watchers: 1 },
      classes: [{ ranges: [{ key: Buffer.from("k") }], totals: { watchers: 1 } }],
    });
  });

  it("is on the page, in top, and in the sums of the metrics", async () => {
    const healthy = admin.openWatch();
    healthy.send({ create_request: { key: Buffer.from("k") } });
    await healthy.next();
    await park();
    await healthy.next();
    const { status, body } = await httpGet(server.port, "/vedette/watchers?limit=1");
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({
      watchers: 2,
      matched: 2,
      positions: { synced: 1, victim: 1 },
      list: [{ watch_id: "7", range: "k", position: "victim", cause: "stream-full" }],
    });
    const shown = await top("top", "--once", "--endpoint", server.endpoint);
    expect(shown).toMatchObject({ code: 0, err: "" });
    expect(shown.out).toMatch(/^revision \d+, 2 streams, 2 watchers: 1 synced, 1 victim\n/);
    expect(shown.out).toMatch(/^ *1 .* victim +stream-full .* 7 +127\.0\.0\.1:\d+ +k +prev_kv$/m);

    const metrics = (await httpGet(server.port, "/metrics")).body;
    const value = (name: string): number =>
      Number(
        metrics
          .split("\n")
          .find((line) => line.startsWith(`${name} `))
          ?.slice(name.length),
      );
    expect(value('vedette_watch_watchers{position="victim"}')).toBe(1);
    expect(value('vedette_watch_watchers{position="synced"}')).toBe(1);
    expect(value("vedette_watch_lag_revisions_max")).toBe(1);
    expect(value("vedette_watch_lag_revisions_sum")).toBe(1);
    expect(value("vedette_watch_victims_total")).toBe(1);
    expect(value("vedette_watch_sharing_ratio")).toBeGreaterThan(0);
    // What the healthy client got was measured; what the other has not read is not.
    expect(value("vedette_watch_commit_to_socket_seconds_count")).toBeGreaterThan(0);
    healthy.cancel();
  });
});

describe("top", () => {
  it("says what is wrong", async () => {
    expect(await top("topp")).toMatchObject({
      code: 2,
      err: "vedette: no such command: topp; there is: top, restore, snapshot\n",
    });
    expect(await top("top", "--limit", "many")).toMatchObject({ code: 2 });
    expect(await top("top", "--once", "--endpoint", "127.0.0.1:1")).toMatchObject({
      code: 1,
      err: "vedette: no answer from http://127.0.0.1:1\n",
    });
    const wrong = await top("top", "--once", "--position", "x", "--endpoint", server.endpoint);
    expect(wrong.err).toContain("answered: vedette: a position is one of synced");
  });
});
