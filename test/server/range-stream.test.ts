import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decode, DESCRIPTORS, type Draft } from "../../src/api/proto/codec.ts";
import type { RangeRequest, RangeResponse } from "../../src/api/proto/messages-key-value.ts";
import { parseFlags } from "../../src/flags.ts";
import { SILENT } from "../../src/logger.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { latin1, toBytes } from "../api/test-services.ts";

/** A streamed range through the sockets, large enough to fill every buffer on its way. */
const KEYS = 600;
const VALUE_BYTES = 10_000;
const PATH = "/etcdserverpb.KV/";

let server: RunningServer;
let client: grpc.Client;

beforeAll(async () => {
  const args = [
    "--in-memory",
    "--listen-client-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:1",
  ];
  const parsed = parseFlags({ args, environment: {}, dataDirSuffix: "vedette" });
  if (parsed.kind !== "serve") throw new Error(parsed.kind);
  server = await startServer(parsed.options, SILENT);
  const address = new URL(server.clientUrls[0]!).host;
  client = new grpc.Client(address, grpc.credentials.createInsecure());
  await Promise.all(Array.from({ length: KEYS }, (_, index) => put(index)));
});

afterAll(async () => {
  client.close();
  await server.close();
});

test("a streamed range larger than any buffer arrives whole, in order and in one piece", async () => {
  const chunks = await stream({ key: latin1("k"), rangeEnd: latin1("l") });
  const last = chunks.at(-1)!;
  expect(chunks.length).toBeGreaterThan(5);
  expect(last).toMatchObject({ count: KEYS, more: false, header: { revision: KEYS + 1 } });
  const kvs = chunks.flatMap((chunk) => chunk.kvs);
  expect(kvs.map(({ key }) => Buffer.from(key).toString())).toEqual(
    Array.from({ length: KEYS }, (_, index) => keyName(index)),
  );
  expect(kvs.every(({ value }) => value.length === VALUE_BYTES)).toBe(true);
});

test("a streamed range of a client that reads late waits for it", async () => {
  const chunks = await stream({ key: latin1("k"), rangeEnd: latin1("l"), limit: 500 }, true);
  expect(chunks.flatMap((chunk) => chunk.kvs)).toHaveLength(500);
  expect(chunks.at(-1)).toMatchObject({ count: KEYS, more: true });
});

function keyName(index: number): string {
  return `k${String(index).padStart(4, "0")}`;
}

function put(index: number): Promise<void> {
  const value = new Uint8Array(VALUE_BYTES).fill(index);
  const request = toBytes(DESCRIPTORS.PutRequest, { key: latin1(keyName(index)), value });
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `${PATH}Put`,
      Buffer.from,
      (bytes) => bytes,
      request,
      (error) => {
        if (error === null) resolve();
        else reject(error);
      },
    );
  });
}

/** With `pauses`, the client stops reading after each message until its loop has turned. */
function stream(request: Draft<RangeRequest>, pauses = false): Promise<RangeResponse[]> {
  const bytes = toBytes(DESCRIPTORS.RangeRequest, request);
  const call = client.makeServerStreamRequest(`${PATH}RangeStream`, Buffer.from, take, bytes);
  const chunks: RangeResponse[] = [];
  return new Promise((resolve, reject) => {
    call.on("data", (chunk: RangeResponse) => {
      chunks.push(chunk);
      if (!pauses) return;
      call.pause();
      setImmediate(() => call.resume());
    });
    call.on("error", reject);
    call.on("end", () => resolve(chunks));
  });
}

function take(bytes: Buffer): RangeResponse {
  return decode(DESCRIPTORS.RangeStreamResponse, Uint8Array.from(bytes)).rangeResponse!;
}
