import { afterEach, beforeEach, expect, test } from "vitest";
import { RpcClient, type WatchStream } from "../support/rpc-client.ts";
import { TestServer } from "../support/servers.ts";
import { headerRevision, latin1, listOf } from "../support/watch-truth.ts";
import { decodeMessage, encodeMessage, type Message } from "../support/wire-codec.ts";

/**
 * Leases that run out while their server cannot decide. A second server, which goes on all the
 * time, says when their time is over.
 */
const TTL_SECONDS = 2;
const PATIENCE_MS = 15_000;
/** What a restart adds to a lease is short then (L13). */
const FLAGS = ["--heartbeat-interval", "10", "--election-timeout", "100"];

let server: TestServer;
let other: TestServer;
let client: RpcClient;
let reference: RpcClient;
/** A server that is told to stop waits for streams that are open. */
const streams: WatchStream[] = [];

beforeEach(async () => {
  [server, other] = await Promise.all([
    TestServer.start("vedette", { flags: FLAGS, audit: true }),
    TestServer.start("vedette", { flags: ["--in-memory"] }),
  ]);
  client = new RpcClient(server.endpoint);
  reference = new RpcClient(other.endpoint);
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.cancel();
  client.close();
  reference.close();
  await Promise.all([server.dispose(), other.dispose()]);
});

async function call(on: RpcClient, method: string, request: Message): Promise<Message> {
  const { code, text, message } = await on.call(method, request);
  if (message === undefined) throw new Error(`${method}: ${code} ${text}`);
  return message;
}

/** A lease with one key. */
async function lease(on: RpcClient, id: number, key: string): Promise<void> {
  await call(on, "LeaseGrant", { ID: id, TTL: TTL_SECONDS });
  await call(on, "Put", { key: Buffer.from(key), lease: id });
}

/** The TTL that a renewal is answered. */
async function renew(on: RpcClient, id: number): Promise<number> {
  const request = encodeMessage("LeaseKeepAliveRequest", { ID: id });
  const { all } = await on.exchange("/etcdserverpb.Lease/LeaseKeepAlive", [request]);
  const [answer] = all.map((bytes) => decodeMessage("LeaseKeepAliveResponse", bytes));
  return Number(answer?.["TTL"] ?? 0);
}

/** A stream that watches everything, created. */
async function watch(on: RpcClient, startRevision = 0): Promise<WatchStream> {
  const stream = on.openWatch();
  streams.push(stream);
  const everything = { key: Buffer.of(0), range_end: Buffer.of(0) };
  stream.send({ create_request: { ...everything, start_revision: startRevision } });
  expect((await stream.next())["created"]).toBe(true);
  return stream;
}

/** All changes up to the put of `last`, as text. */
async function changes(stream: WatchStream, last: string): Promise<string[]> {
  const all: string[] = [];
  while (!all.some((one) => one.startsWith(`put ${last} `))) {
    for (const event of listOf(await stream.next(PATIENCE_MS), "events")) {
      const kv = event["kv"] as Message;
      const type = event["type"] === undefined ? "put" : "delete";
      all.push(`${type} ${latin1(kv["key"])} @${String(kv["mod_revision"])}`);
    }
  }
  return all;
}

/** Comes back when a lease that was granted now on a server that goes on has ended. */
async function timeIsOver(): Promise<void> {
  const stream = await watch(reference);
  await lease(reference, 1, "clock");
  while (listOf(await stream.next(PATIENCE_MS), "events")[0]?.["type"] === undefined);
}

/** Waits until all these keys are deleted. */
async function ended(stream: WatchStream, ...keys: readonly string[]): Promise<void> {
  const left = new Set(keys);
  while (left.size > 0) {
    for (const event of listOf(await stream.next(PATIENCE_MS), "events")) {
      if (event["type"] !== undefined) left.delete(latin1((event["kv"] as Message)["key"]));
    }
  }
}

test("a renewal that waits while the server stands still comes before any end (L6, L7)", async () => {
  const second = new RpcClient(server.endpoint);
  const first = await watch(client);
  const others = [await watch(second), await watch(second)];
  await lease(client, 1, "renewed");
  await lease(client, 2, "lost");
  expect([await renew(client, 1), await renew(client, 2)]).toEqual([TTL_SECONDS, TTL_SECONDS]);
  server.suspend();
  const renewal = renew(client, 1);
  await timeIsOver();
  server.resume();
  expect(await renewal).toBe(TTL_SECONDS);
  await ended(first, "renewed", "lost");
  await call(client, "Put", { key: Buffer.from("last") });
  // Which of the two ended first is open: what the server stood still is added to both.
  const [one = [], same] = await Promise.all(others.map((stream) => changes(stream, "last")));
  expect(same).toEqual(one);
  expect(one.map((text) => text.replace(/ @.*/, "")).toSorted()).toEqual(
    ["put renewed", "put lost", "delete renewed", "delete lost", "put last"].toSorted(),
  );
  expect(await renew(client, 1)).toBe(0);
  second.close();
}, 60_000);

test("a lease that runs out while the server is dead ends once, behind the next start (L4, L13)", async () => {
  await lease(client, 1, "b");
  await call(client, "Put", { key: Buffer.from("a"), lease: 1 });
  await server.kill();
  await timeIsOver();
  await startAgain();
  // The lease has its time once more: nobody could renew it meanwhile.
  const live = await watch(client, 2);
  await ended(live, "b");
  await server.kill();
  await startAgain();
  const both = [await watch(client, 2), await watch(client, 4)];
  const left = await call(client, "LeaseLeases", {});
  expect([headerRevision(left), listOf(left, "leases")]).toEqual([4, []]);
  await call(client, "Put", { key: Buffer.from("last") });
  const end = ["delete a @4", "delete b @4", "put last @5"];
  expect(await Promise.all(both.map((stream) => changes(stream, "last")))).toEqual([
    ["put b @2", "put a @3", ...end],
    end,
  ]);
}, 60_000);

/** The server once more on its data and port, judged as one with those before it. */
async function startAgain(): Promise<void> {
  const { dataDir, port, audit } = server;
  client.close();
  server = await TestServer.start("vedette", { dataDir, port, audit, flags: FLAGS });
  client = new RpcClient(server.endpoint);
}
