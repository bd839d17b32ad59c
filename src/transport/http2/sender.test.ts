import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConnectionError, FrameType } from "./frames.ts";
import {
  SOCKET_BACKLOG_BYTES_MAX,
  STREAM_QUEUE_BYTES_MAX,
  STREAMS_QUEUE_BYTES_HARD_MAX,
  STREAMS_QUEUE_BYTES_MAX,
} from "./limits.ts";
import { ChunkPool, Output } from "./output.ts";
import type { RequestHead } from "./request-head.ts";
import { Sender } from "./sender.ts";
import { Stream } from "./stream.ts";

const HEAD: RequestHead = {
  method: "POST",
  path: "/",
  contentType: "",
  contentLength: -1,
  names: [],
  values: [],
};
const NOTHING = new Uint8Array(0);

interface SentFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A sender whose socket takes all at once, unless it is told not to. */
class Bench {
  readonly ended: number[] = [];
  readonly roomy: number[] = [];
  readonly sender: Sender;
  readonly #output: Output;
  #bytes: Buffer[] = [];
  #written: (() => void)[] = [];
  isStalled = false;
  readonly #sink: { writableLength: number };

  constructor() {
    const sink = {
      writableLength: 0,
      write: (bytes: Uint8Array, written?: () => void): boolean => {
        this.#bytes.push(Buffer.from(bytes));
        sink.writableLength += bytes.length;
        if (written !== undefined) this.#written.push(written);
        return true;
      },
      cork: () => undefined,
      uncork: () => undefined,
    };
    this.#sink = sink;
    this.#output = new Output(sink, new ChunkPool(), () => this.sender.pump());
    this.sender = new Sender(this.#output, {
      wrote: () => undefined,
      sentEnd: (stream) => {
        stream.state = "closed";
        this.ended.push(stream.id);
      },
      hasRoomAgain: (stream) => void this.roomy.push(stream.id),
    });
  }

  stream(id: number): Stream {
    return new Stream(id, HEAD, { send: this.sender.initialWindow, receive: 0 }, 0);
  }

  /** The frames written since the last call. */
  frames(): SentFrame[] {
    this.#output.flush();
    if (!this.isStalled) this.unstall();
    const bytes = Buffer.concat(this.#bytes);
    this.#bytes = [];
    const frames: SentFrame[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      frames.push({
        type: bytes[at + 3]!,
        flags: bytes[at + 4]!,
        streamId: bytes.readUInt32BE(at + 5),
        payload: bytes.subarray(at + 9, end),
      });
      at = end;
    }
    return frames;
  }

  unstall(): void {
    this.isStalled = false;
    while (this.#written.length > 0) {
      const written = this.#written;
      this.#written = [];
      this.#sink.writableLength = 0;
      for (const each of written) each();
      this.#output.flush();
    }
  }
}

function message(bench: Bench, stream: Stream, length: number): void {
  bench.sender.message(stream, NOTHING, 0, Buffer.alloc(length, stream.id));
}

function dataBytes(frames: readonly SentFrame[]): number[] {
  return frames.filter(({ type }) => type === FrameType.data).map(({ payload }) => payload.length);
}

describe("windows", () => {
  test("a message longer than the stream's window waits for the rest of it", () => {
    const bench = new Bench();
    const stream = bench.stream(1);
    message(bench, stream, 100_000);
    bench.sender.finish(stream, Buffer.of(0x88));
    expect(dataBytes(bench.frames())).toEqual([16384, 16384, 16384, 16383]);
    bench.sender.grantConnection(100_000);
    expect(bench.frames()).toEqual([]);
    bench.sender.grantStream(stream, 100_000);
    expect(dataBytes(bench.frames())).toEqual([16384, 16384, 1702]);
    expect(bench.ended).toEqual([1]);
  });

  test("a smaller initial window makes open windows negative, and that is paid back first", () => {
    const bench = new Bench();
    const stream = bench.stream(1);
    message(bench, stream, 60_000 - 5);
    bench.frames();
    bench.sender.setInitialWindow(10, [stream]);
    expect(stream.sendWindow).toBe(10 - 60_000);
    message(bench, stream, 5);
    bench.sender.grantStream(stream, 59_991);
    expect(dataBytes(bench.frames())).toEqual([1]);
  });

  test("windows that grow above 2^31-1 are errors of their stream or connection", () => {
    const bench = new Bench();
    const stream = bench.stream(1);
    expect(bench.sender.grantStream(stream, 2 ** 31 - 1)).toBe(false);
    expect(() => bench.sender.grantConnection(2 ** 31 - 1)).toThrow(ConnectionError);
    const other = new Bench();
    const wide = other.stream(1);
    expect(other.sender.grantStream(wide, 2 ** 31 - 1 - 65_535)).toBe(true);
    expect(() => other.sender.setInitialWindow(65_536, [wide])).toThrow(ConnectionError);
  });

  test("streams that wait for the connection's window are served in turn", () => {
    const bench = new Bench();
    bench.sender.setInitialWindow(1_000_000, []);
    const streams = [1, 3, 5].map((id) => bench.stream(id));
    message(bench, streams[0]!, 65_530);
    for (const stream of streams) message(bench, stream, 200_000);
    bench.frames();
    bench.sender.grantConnection(16_384 * 6);
    expect(bench.frames().map(({ streamId }) => streamId)).toEqual([1, 3, 5, 1, 3, 5]);
  });

  test("the end of a stream comes behind its data", () => {
    const bench = new Bench();
    bench.sender.setInitialWindow(0, []);
    const stream = bench.stream(1);
    message(bench, stream, 3);
    bench.sender.finish(stream, "end");
    expect(bench.frames()).toEqual([]);
    bench.sender.grantStream(stream, 100);
    const frames = bench.frames();
    expect(frames.map(({ type, flags }) => [type, flags])).toEqual([[FrameType.data, 1]]);
  });

  test("whatever the peer grants, no window is passed, no byte is lost or out of order", () => {
    const operation = fc.record({
      kind: fc.constantFrom("send", "stream", "connection", "initial", "frame"),
      which: fc.nat(3),
      amount: fc.nat(70_000),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const bench = new Bench();
        const streams = [1, 3, 5, 7].map((id) => bench.stream(id));
        const granted = new Map(streams.map(({ id }) => [id, 65_535]));
        const sent = new Map<number, Buffer[]>(streams.map(({ id }) => [id, []]));
        const got = new Map<number, Buffer[]>(streams.map(({ id }) => [id, []]));
        let connection = 65_535;
        let initial = 65_535;
        let frameMax = 16_384;
        let counter = 0;
        const collect = (): void => {
          for (const { streamId, payload } of bench.frames()) {
            expect(payload.length).toBeLessThanOrEqual(frameMax);
            got.get(streamId)!.push(payload);
            granted.set(streamId, granted.get(streamId)! - payload.length);
            connection -= payload.length;
          }
          expect(connection).toBeGreaterThanOrEqual(0);
        };
        for (const { kind, which, amount } of operations) {
          const stream = streams[which]!;
          if (kind === "send") {
            const body = Buffer.alloc(amount, ++counter);
            const prefix = Buffer.alloc(5);
            prefix.writeUInt32BE(body.length, 1);
            sent.get(stream.id)!.push(prefix, body);
            bench.sender.message(stream, NOTHING, 0, body);
          } else if (kind === "stream") {
            granted.set(stream.id, granted.get(stream.id)! + amount);
            bench.sender.grantStream(stream, amount);
          } else if (kind === "connection") {
            connection += amount;
            bench.sender.grantConnection(amount);
          } else if (kind === "initial") {
            for (const [id, window] of granted) granted.set(id, window + amount - initial);
            initial = amount;
            bench.sender.setInitialWindow(amount, streams);
          } else {
            frameMax = Math.max(frameMax, 16_384 + amount);
            bench.sender.setFrameBytesMax(frameMax);
          }
          const before = new Map(granted);
          collect();
          for (const [id, window] of granted) {
            if (window < before.get(id)!) expect(window).toBeGreaterThanOrEqual(0);
          }
        }
        for (const stream of streams) bench.sender.grantStream(stream, 10_000_000);
        bench.sender.grantConnection(10_000_000);
        for (const { streamId, payload } of bench.frames()) got.get(streamId)!.push(payload);
        for (const { id } of streams) {
          expect(Buffer.concat(got.get(id)!).equals(Buffer.concat(sent.get(id)!))).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("room", () => {
  test("a stream has room up to the threshold, and hears when it has room again", () => {
    const bench = new Bench();
    bench.sender.setInitialWindow(0, []);
    const stream = bench.stream(1);
    message(bench, stream, STREAM_QUEUE_BYTES_MAX - 5);
    expect(bench.sender.hasRoom(stream)).toBe(true);
    message(bench, stream, 1);
    expect(bench.sender.hasRoom(stream)).toBe(false);
    expect(bench.roomy).toEqual([]);
    bench.sender.grantStream(stream, 5);
    expect(bench.roomy).toEqual([]);
    bench.sender.grantStream(stream, 5);
    expect(bench.roomy).toEqual([1]);
    expect(bench.sender.hasRoom(stream)).toBe(true);
  });

  test("a socket that does not keep up refuses everybody, and each is told once", () => {
    const bench = new Bench();
    bench.isStalled = true;
    bench.sender.setInitialWindow(2 ** 30, []);
    bench.sender.grantConnection(2 ** 30);
    const streams = [1, 3].map((id) => bench.stream(id));
    message(bench, streams[0]!, SOCKET_BACKLOG_BYTES_MAX);
    bench.frames();
    for (const stream of streams) {
      expect(bench.sender.hasRoom(stream)).toBe(false);
      expect(bench.sender.hasRoom(stream)).toBe(false);
    }
    expect(bench.roomy).toEqual([]);
    bench.unstall();
    expect(bench.roomy).toEqual([1, 3]);
  });

  test("a body that has to wait is copied, so that its buffer is not kept", () => {
    const bench = new Bench();
    const stream = streaming(bench, 1);
    bench.sender.setInitialWindow(10, [stream]);
    const shared = new Uint8Array(1024 * 1024).fill(1);
    bench.sender.message(stream, Uint8Array.of(9), 1, shared.subarray(100, 150));
    shared.fill(2);
    bench.sender.grantStream(stream, 100);
    const data = Buffer.concat(bench.frames().map((frame) => frame.payload));
    // The prefix, the head and what left at once were taken before.
    expect(data.subarray(10).every((byte) => byte === 1)).toBe(true);
    expect(data).toHaveLength(5 + 1 + 50);
  });

  test("a message of any size is taken on an empty stream", () => {
    const bench = new Bench();
    const stream = streaming(bench, 1);
    expect(bench.sender.hasRoom(stream)).toBe(true);
    message(bench, stream, STREAMS_QUEUE_BYTES_MAX * 2);
    const other = streaming(bench, 3);
    expect(bench.sender.hasRoom(other)).toBe(false);
    stream.state = "closed";
    bench.sender.drop(stream);
    expect(bench.roomy).toEqual([3]);
  });

  test("what lies still on some streams is no matter to one whose client reads", () => {
    const bench = new Bench();
    bench.sender.setInitialWindow(0, []);
    const still = streaming(bench, 1);
    message(bench, still, STREAMS_QUEUE_BYTES_MAX);
    const read = streaming(bench, 3);
    expect(bench.sender.hasRoom(read)).toBe(false);
    bench.sender.grantStream(read, 100);
    expect(bench.roomy).toEqual([3]);
    expect(bench.sender.hasRoom(read)).toBe(true);
    message(bench, still, STREAMS_QUEUE_BYTES_HARD_MAX);
    expect(bench.sender.hasRoom(read)).toBe(false);
    expect(bench.sender.mustReadFirst(read)).toBe(false);
    expect(bench.sender.mustReadFirst(still)).toBe(true);
    bench.sender.drop(still);
    expect(bench.roomy).toEqual([3, 3]);
  });

  test("a stream refused with bytes queued hears when they are gone, whatever others have", () => {
    const bench = new Bench();
    bench.sender.setInitialWindow(0, []);
    message(bench, streaming(bench, 1), STREAMS_QUEUE_BYTES_MAX);
    const read = streaming(bench, 3);
    message(bench, read, 95);
    expect(bench.sender.hasRoom(read)).toBe(false);
    bench.sender.grantStream(read, 50);
    expect(bench.roomy).toEqual([]);
    bench.sender.grantStream(read, 51);
    expect(bench.roomy).toEqual([3]);
  });

  test("answers and streams have bounds of their own", () => {
    const bench = new Bench();
    bench.sender.setInitialWindow(0, []);
    message(bench, streaming(bench, 1), STREAMS_QUEUE_BYTES_MAX);
    expect(bench.sender.answerBytes).toBe(0);
    message(bench, bench.stream(3), 995);
    expect(bench.sender.answerBytes).toBe(1000);
  });

  function streaming(bench: Bench, id: number): Stream {
    const stream = bench.stream(id);
    stream.isStreaming = true;
    return stream;
  }
});

describe("headers", () => {
  test("a block longer than a frame goes on in CONTINUATION", () => {
    const bench = new Bench();
    bench.sender.headers(bench.stream(1), Buffer.alloc(40_000, 1), true);
    const frames = bench.frames().map(({ type, flags, payload }) => [type, flags, payload.length]);
    expect(frames).toEqual([
      [FrameType.headers, 1, 16_384],
      [FrameType.continuation, 0, 16_384],
      [FrameType.continuation, 4, 7232],
    ]);
  });

  test("a table that the peer made smaller is acknowledged once, in the next block", () => {
    const bench = new Bench();
    bench.sender.setHeaderTableBytes(100, 4096);
    const block = Buffer.of(0x88);
    const stream = bench.stream(1);
    bench.sender.unary(stream, { headers: block, trailers: block }, Buffer.from("hi"));
    const payloads = bench.frames().map(({ payload }) => payload.toString("hex"));
    expect(payloads).toEqual(["2088", "00000000026869", "88"]);
  });

  test("a unary answer is the same three frames with and without a wide window", () => {
    const answer = { headers: Buffer.of(0x88), trailers: Buffer.of(0x89) };
    const text = Buffer.alloc(300, 7);
    const fast = new Bench();
    fast.sender.unary(fast.stream(1), answer, text);
    const slow = new Bench();
    slow.sender.setInitialWindow(0, []);
    const stream = slow.stream(1);
    slow.sender.unary(stream, answer, text);
    const before = slow.frames();
    expect(before).toHaveLength(1);
    slow.sender.grantStream(stream, 1000);
    expect([...before, ...slow.frames()]).toEqual(fast.frames());
    expect(fast.ended).toEqual([1]);
    expect(slow.ended).toEqual([1]);
  });
});
