import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DummyServer } from "./dummy-server.ts";
import {
  continuationFrame,
  frame,
  headersFrame,
  paddedDataFrame,
  dataFrame,
  priorityFrame,
  PREFACE,
  settingsFrame,
  Setting,
  windowUpdateFrame,
} from "./frames.ts";
import { answer, grpcFields, message, unaryCall } from "./grpc.ts";
import { type Field, FIRST_DYNAMIC, indexed, type Indexing, literal } from "./hpack.ts";
import { RawClient } from "./raw-client.ts";

const ECHO = "/test.Dummy/Echo";

let server: DummyServer;
beforeAll(async () => {
  server = await DummyServer.start();
});
afterAll(async () => await server.stop());

/** How one legal call is put into frames; every choice must be invisible to the handler. */
interface CallShape {
  readonly request: Uint8Array;
  readonly indexing: Indexing;
  readonly isHuffman: boolean;
  readonly blockCut: number | undefined;
  readonly headersPadding: number | undefined;
  readonly withPriority: boolean;
  readonly bodyCuts: readonly number[];
  readonly dataPadding: number | undefined;
  readonly noise: "priority" | "unknown" | "window" | "none";
}

const callShape: fc.Arbitrary<CallShape> = fc.record({
  request: fc.uint8Array({ maxLength: 300 }),
  indexing: fc.constantFrom<Indexing>("incremental", "without", "never"),
  isHuffman: fc.boolean(),
  blockCut: fc.option(fc.nat(60), { nil: undefined }),
  headersPadding: fc.option(fc.nat(255), { nil: undefined }),
  withPriority: fc.boolean(),
  bodyCuts: fc.array(fc.nat(305), { maxLength: 4 }),
  dataPadding: fc.option(fc.nat(255), { nil: undefined }),
  noise: fc.constantFrom("priority", "unknown", "window", "none"),
});

/** The client's half of the dynamic table: what can be said by index instead. */
class EncodingTable {
  #fields: string[] = [];

  encode(fields: readonly Field[], indexing: Indexing, isHuffman: boolean): Buffer {
    return Buffer.concat(
      fields.map(([name, value]) => {
        const known = this.#fields.indexOf(`${name}\n${value}`);
        if (known >= 0) return indexed(FIRST_DYNAMIC + known);
        // Kept far below 4 KiB, so that nothing is ever evicted.
        if (indexing === "incremental" && this.#fields.length < 40) {
          this.#fields.unshift(`${name}\n${value}`);
        } else if (indexing === "incremental") {
          return literal("without", name, value, isHuffman);
        }
        return literal(indexing, name, value, isHuffman);
      }),
    );
  }
}

function callBytes(streamId: number, shape: CallShape, table: EncodingTable): Buffer {
  const fields = grpcFields(ECHO, [["x-shape", shape.noise]]);
  const encoded = table.encode(fields, shape.indexing, shape.isHuffman);
  const cut = Math.min(shape.blockCut ?? encoded.length, encoded.length);
  const isWhole = shape.blockCut === undefined;
  const parts: Buffer[] = [noiseBytes(streamId, shape.noise)];
  parts.push(
    headersFrame(streamId, encoded.subarray(0, cut), {
      endHeaders: isWhole,
      ...(shape.headersPadding === undefined ? {} : { padding: shape.headersPadding }),
      ...(shape.withPriority ? { priority: { dependsOn: 0 } } : {}),
    }),
  );
  if (!isWhole) parts.push(continuationFrame(streamId, encoded.subarray(cut), true));
  const body = message(shape.request);
  const cuts = [0, ...shape.bodyCuts.map((at) => Math.min(at, body.length)), body.length];
  cuts.sort((left, right) => left - right);
  for (let i = 1; i < cuts.length; i++) {
    const piece = body.subarray(cuts[i - 1], cuts[i]);
    const isLast = i === cuts.length - 1;
    parts.push(
      shape.dataPadding === undefined
        ? dataFrame(streamId, piece, isLast)
        : paddedDataFrame(streamId, piece, shape.dataPadding, isLast),
    );
  }
  return Buffer.concat(parts);
}

function noiseBytes(streamId: number, noise: CallShape["noise"]): Buffer {
  switch (noise) {
    case "priority":
      return priorityFrame(streamId + 2, { dependsOn: streamId, exclusive: true });
    case "unknown":
      return frame(0xfa, 0xff, streamId, Buffer.from("what is this"));
    case "window":
      return windowUpdateFrame(0, 1);
    case "none":
      return Buffer.alloc(0);
  }
}

describe("legal traffic", () => {
  test("a call means the same however it is put into fields, frames and packets", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(callShape, { minLength: 1, maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
        async (shapes, packets) => {
          const client = await RawClient.open(server.address);
          const table = new EncodingTable();
          const calls = shapes.map((shape, i) => callBytes(i * 2 + 1, shape, table));
          const bytes = Buffer.concat(calls);
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = packets[i % packets.length]!;
            await client.flood(bytes.subarray(at, at + size));
            at += size;
          }
          for (let i = 0; i < shapes.length; i++) {
            const result = await answer(client, i * 2 + 1);
            expect(result.status).toBe(0);
            expect(result.messages).toEqual([Buffer.from(shapes[i]!.request)]);
          }
          client.destroy();
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** A frame that may be anything: known and unknown types, any flags, few streams, any payload. */
const anyFrame = fc
  .record({
    type: fc.oneof(fc.nat(10), fc.nat(255)),
    flags: fc.nat(255),
    streamId: fc.oneof(fc.nat(6), fc.nat(2 ** 31 - 1)),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.constant(Uint8Array.of(0, 0, 0, 1)),
      fc.constant(new Uint8Array(8)),
      fc.constant(new Uint8Array(0)),
    ),
  })
  .map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload));

const goodCall = unaryCall(1, ECHO, Buffer.from("good"));
const mutatedCall = fc
  .array(fc.tuple(fc.nat(goodCall.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
  .map((changes) => {
    const bytes = Buffer.from(goodCall);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes;
  });

describe("hostile traffic", () => {
  test("no sequence of frames harms anyone but its sender", async () => {
    const healthy = await RawClient.open(server.address, [Setting.initialWindowSize, 2 ** 20]);
    let streamId = 1;
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fc.oneof(anyFrame, mutatedCall, fc.constant(goodCall)), { maxLength: 12 }),
        async (isPolite, frames) => {
          const hostile = await RawClient.bare(server.address);
          hostile.keepFrames = false;
          hostile.send(PREFACE, ...(isPolite ? [settingsFrame()] : []), ...frames);
          await hostile.flood(Buffer.alloc(0));
          healthy.send(unaryCall(streamId, ECHO, Buffer.from("healthy")));
          const result = await answer(healthy, streamId);
          expect(result.messages).toEqual([Buffer.from("healthy")]);
          streamId += 2;
          healthy.received.length = 0;
          hostile.destroy();
        },
      ),
      { numRuns: 400 },
    );
    healthy.destroy();
  });

  test("no bytes at all harm anyone but their sender", async () => {
    const healthy = await RawClient.open(server.address);
    let streamId = 1;
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.uint8Array({ maxLength: 200 }), async (isHttp2, bytes) => {
        const hostile = await RawClient.bare(server.address);
        hostile.keepFrames = false;
        hostile.send(...(isHttp2 ? [PREFACE] : []), bytes);
        await hostile.flood(Buffer.alloc(0));
        healthy.send(unaryCall(streamId, ECHO, Buffer.from("healthy")));
        expect((await answer(healthy, streamId)).status).toBe(0);
        streamId += 2;
        healthy.received.length = 0;
        hostile.destroy();
      }),
      { numRuns: 200 },
    );
    healthy.destroy();
  });
});
