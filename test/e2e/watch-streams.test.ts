import { afterEach, beforeEach, expect, test } from "vitest";
import { RpcClient, type WatchStream } from "../support/rpc-client.ts";
import { httpGet, TestServer } from "../support/servers.ts";
import { headerRevision } from "../support/watch-truth.ts";
import type { Message } from "../support/wire-codec.ts";

/** Many creates and many streams on one connection: what clients do in a hurry, or by mistake. */
const CREATES = 5000;
const STREAMS = 1000;
const KEY = Buffer.from("k");
const CREATE: Message = { create_request: { key: KEY } };

let server: TestServer;
let client: RpcClient;
let other: RpcClient;

beforeEach(async () => {
  server = await TestServer.start("vedette", { flags: ["--in-memory"], audit: true });
  client = new RpcClient(server.endpoint);
  other = new RpcClient(server.endpoint);
});

afterEach(async () => {
  client.close();
  other.close();
  await server.dispose();
});

async function put(): Promise<number> {
  const { message } = await other.call("Put", { key: KEY, value: Buffer.from("v") });
  return headerRevision(message ?? {});
}

async function take(stream: WatchStream, count: number): Promise<Message[]> {
  const all: Message[] = [];
  while (all.length < count) all.push(await stream.next());
  return all;
}

const idsOf = (responses: readonly Message[]): number[] =>
  responses.map((response) => Number(response["watch_id"] ?? 0));

test("a burst of 5,000 creates from a client that does not read is answered once it reads", async () => {
  const stream = client.openWatch();
  stream.paused = true;
  for (let i = 0; i < CREATES; i++) stream.send(CREATE);
  // Whoever else is there is served meanwhile.
  for (let i = 0; i < 20; i++) expect(await put()).toBe(2 + i);
  stream.paused = false;
  const created: Message[] = [];
  while (created.length < CREATES) {
    const response = await stream.next();
    if (response["created"] === true) created.push(response);
  }
  expect(idsOf(created)).toEqual(Array.from({ length: CREATES }, (_, i) => i));
  const revision = await put();
  const isNewest = (response: Message): boolean =>
    ((response["events"] as Message[] | undefined) ?? []).some(
      ({ kv }) => (kv as Message)["mod_revision"] === revision,
    );
  const told = new Set<number>();
  while (told.size < CREATES) {
    const response = await stream.next();
    if (isNewest(response)) told.add(Number(response["watch_id"] ?? 0));
  }
  stream.cancel();
}, 60_000);

test("a thousand streams one after the other on one connection leave nothing behind", async () => {
  for (let i = 0; i < STREAMS; i++) {
    const stream = client.openWatch();
    stream.send(CREATE);
    const [created] = await take(stream, 1);
    expect(created?.["created"]).toBe(true);
    stream.cancel();
  }
  const last = client.openWatch();
  last.send(CREATE);
  await take(last, 1);
  const revision = await put();
  const [event] = await take(last, 1);
  expect(headerRevision(event ?? {})).toBe(revision);
  const { body } = await httpGet(server.port, "/metrics");
  expect(body).toMatch(/^etcd_debugging_mvcc_watch_stream_total 1$/m);
  expect(body).toMatch(/^etcd_debugging_mvcc_watcher_total 1$/m);
  last.cancel();
}, 60_000);
