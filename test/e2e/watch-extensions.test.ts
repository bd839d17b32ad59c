import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WireWriter } from "../../src/base/wire.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { TestServer } from "../support/servers.ts";
import { decodeMessage, encodeMessage, type Message } from "../support/wire-codec.ts";
import { decodeResponse, type SeenResponse } from "../watch/model-client.ts";

const WAIT_MS = 10_000;

let server: TestServer;
let client: RpcClient;
let raw: grpc.Client;
beforeAll(async () => {
  server = await TestServer.start("vedette");
  client = new RpcClient(server.endpoint);
  raw = new grpc.Client(server.endpoint, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
  });
}, 60_000);
afterAll(async () => {
  client?.close();
  raw?.close();
  await server?.dispose();
});

/** A Watch call of any bytes. */
class RawWatch {
  readonly #call: grpc.ClientDuplexStream<Uint8Array, Buffer>;
  readonly received: Buffer[] = [];
  status: { readonly code: number; readonly text: string } | undefined;
  #wake: (() => void) | undefined;

  constructor(headers: Record<string, string> = {}) {
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    this.#call = raw.makeBidiStreamRequest(
      "/etcdserverpb.Watch/Watch",
      (request: Uint8Array) => Buffer.from(request),
      (bytes: Buffer) => bytes,
      metadata,
    );
    this.#call.on("data", (bytes: Buffer) => {
      this.received.push(bytes);
      this.#wake?.();
    });
    this.#call.on("error", () => undefined);
    this.#call.on("status", ({ code, details }) => {
      this.status = { code, text: details };
      this.#wake?.();
    });
  }

  get responses(): SeenResponse[] {
    return this.received.map(decodeResponse);
  }

  /** A create with etcd's fields and, behind them, ours. */
  create(request: Message, extensions: (writer: WireWriter) => void = () => undefined): void {
    const writer = new WireWriter();
    writer.raw(encodeMessage("WatchCreateRequest", request));
    extensions(writer);
    const outer = new WireWriter();
    outer.bytesField(1, writer.bytes());
    this.#call.write(outer.bytes().slice());
  }

  set paused(isPaused: boolean) {
    if (isPaused) this.#call.pause();
    else this.#call.resume();
  }

  async until(isDone: () => boolean): Promise<void> {
    const deadline = Date.now() + WAIT_MS;
    while (!isDone()) {
      await new Promise<void>((resolve, reject) => {
        const fail = (): void => reject(new Error(`not in time: ${JSON.stringify(this.status)}`));
        const timer = setTimeout(fail, Math.max(1, deadline - Date.now()));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  cancel(): void {
    this.#call.cancel();
  }
}

async function put(key: string, value: string | Buffer): Promise<number> {
  const answer = await client.call("Put", { key: Buffer.from(key), value: Buffer.from(value) });
  const { header } = answer.message as { header: Message };
  return header["revision"] as number;
}

async function remove(key: string): Promise<void> {
  await client.call("DeleteRange", { key: Buffer.from(key) });
}

function range(from: string, to: string): Buffer {
  return encodeMessage("RangeRequest", { key: Buffer.from(from), range_end: Buffer.from(to) });
}

function summary(responses: readonly SeenResponse[]): string[] {
  return responses.map(({ revision, created, stateComplete, skipped, events }) => {
    const words: unknown[] = [];
    if (created) words.push("created");
    if (skipped) words.push("skipped");
    if (stateComplete) words.push("state-complete");
    for (const { type, keyValue } of events) {
      words.push(`${type} ${keyValue.key}=${keyValue.value}@${keyValue.mod}`);
    }
    return [`rev ${revision}`, ...words].join(", ");
  });
}

test("state, ranges and keys only, by fields of the create, beside a stock watch", async () => {
  const first = await put("fields/a", "1");
  await put("fields/b", "2");
  await put("fields/z", "3");
  const watch = new RawWatch();
  watch.create({ key: Buffer.from("fields/"), range_end: Buffer.from("fields0"), watch_id: 9 });
  watch.create({ key: Buffer.from("fields/z"), watch_id: 5 }, (writer) => {
    for (const field of [1001, 1002, 1004]) writer.uintField(field, 1);
    writer.bytesField(1005, range("fields/a", "fields/c"));
    writer.bytesField(1005, range("fields/b", "fields/d"));
  });
  const of = (id: bigint): SeenResponse[] => watch.responses.filter((one) => one.id === id);
  await watch.until(() => of(5n).some((one) => one.stateComplete));
  await put("fields/c", "4");
  await put("fields/x", "5");
  await remove("fields/z");
  await watch.until(() => of(5n).length >= 5 && of(9n).length >= 4);
  const [a, b, z, c] = [first, first + 1, first + 2, first + 3];
  expect(summary(of(5n))).toEqual([
    `rev ${z}, created`,
    `rev ${z}, put fields/a=@${a}, put fields/b=@${b}, put fields/z=@${z}`,
    `rev ${z}, state-complete`,
    `rev ${c}, put fields/c=@${c}`,
    `rev ${c + 2}, delete fields/z=@${c + 2}`,
  ]);
  expect(summary(of(9n))).toEqual([
    `rev ${z}, created`,
    `rev ${c}, put fields/c=4@${c}`,
    `rev ${c + 1}, put fields/x=5@${c + 1}`,
    `rev ${c + 2}, delete fields/z=@${c + 2}`,
  ]);
  // The stock watch got nothing but etcd's bytes, in etcd's order.
  for (const bytes of watch.received) {
    if (decodeResponse(bytes).id !== 9n) continue;
    expect(encodeMessage("WatchResponse", decodeMessage("WatchResponse", bytes))).toEqual(bytes);
  }
  watch.cancel();
});

test("a stock client names its wishes in a header, and may go on from a revision", async () => {
  const first = await put("header/a", "1");
  await put("header/a", "2");
  await put("header/b", "3");
  const watch = new RawWatch({ "vedette-watch": "state, keys-only, latest, delete-reason" });
  const request = { key: Buffer.from("header/"), range_end: Buffer.from("header0") };
  watch.create(request);
  await watch.until(() => watch.responses.some((one) => one.stateComplete));
  watch.create({ ...request, start_revision: first });
  await watch.until(() => watch.received.length >= 5);
  const head = first + 2;
  expect(summary(watch.responses)).toEqual([
    `rev ${head}, created`,
    `rev ${head}, put header/a=@${first + 1}, put header/b=@${head}`,
    `rev ${head}, state-complete`,
    `rev ${head}, created`,
    `rev ${head}, skipped, put header/a=@${first + 1}, put header/b=@${head}`,
  ]);
  watch.cancel();
});

test("an unknown word in the header ends the call and says which there are", async () => {
  const watch = new RawWatch({ "vedette-watch": "state,values" });
  await watch.until(() => watch.status !== undefined);
  expect(watch.status).toEqual({
    code: grpc.status.INVALID_ARGUMENT,
    text:
      'vedette-watch: unknown word "values"; ' +
      "the words are keys-only, state, latest, delete-reason",
  });
  expect(watch.received).toEqual([]);
});

test("state and start_revision in one create are refused with a reason", async () => {
  const watch = new RawWatch();
  watch.create({ key: Buffer.from("a"), start_revision: 1 }, (writer) => writer.uintField(1002, 1));
  await watch.until(() => watch.received.length > 0);
  const [refusal] = watch.responses;
  expect([refusal?.id, refusal?.created, refusal?.canceled]).toEqual([-1n, true, true]);
  expect(refusal?.cancelReason).toMatch(/^vedette: .*start_revision$/);
  watch.cancel();
});

test("a state of many megabytes comes whole, in order, to a client that stops reading", async () => {
  const keys = Array.from({ length: 900 }, (_, i) => `large/${String(i).padStart(4, "0")}`);
  const value = Buffer.alloc(8 * 1024, "v");
  await Promise.all(keys.map((key) => put(key, value)));
  const watch = new RawWatch();
  watch.paused = true;
  watch.create({ key: Buffer.from("large/"), range_end: Buffer.from("large0") }, (writer) => {
    writer.uintField(1002, 1);
  });
  // Written while the state is being listed: it follows the marker.
  const changed = keys.filter((_, i) => i % 50 === 0).reverse();
  for (const key of changed) await put(key, "new");
  watch.paused = false;
  const eventsOf = (responses: readonly SeenResponse[]): SeenResponse["events"] =>
    responses.flatMap((one) => one.events);
  await watch.until(() => watch.responses.some((one) => one.stateComplete));
  const marker = watch.responses.findIndex((one) => one.stateComplete);
  const listed = watch.responses.slice(0, marker);
  const { revision } = watch.responses[marker]!;
  expect(eventsOf(listed).map(({ keyValue }) => keyValue.key)).toEqual(keys);
  expect(Math.max(...watch.received.map((bytes) => bytes.length))).toBeLessThan(1024 * 1024 + 200);
  // Each as it was at the marker's revision, and changed afterwards, or before and not again.
  const early = eventsOf(listed).filter(({ keyValue }) => keyValue.value === "new").length;
  const after = (): SeenResponse["events"] => eventsOf(watch.responses.slice(marker));
  await watch.until(() => after().length >= changed.length - early);
  expect(after().map(({ keyValue }) => keyValue.key)).toEqual(changed.slice(early));
  expect(after().every(({ keyValue }) => keyValue.mod > revision)).toBe(true);
  watch.cancel();
}, 30_000);
