import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameType } from "./frames.ts";
import {
  OUTPUT_CHUNK_BYTES,
  REFERENCE_BYTES_MIN,
  REFERENCED_BUFFERS_MAX,
  SOCKET_BACKLOG_BYTES_MAX,
  SOCKET_STALLED_BYTES_MAX,
  TIGHT_BYTES_MAX,
} from "./limits.ts";
import { type ByteSink, ChunkPool, Output } from "./output.ts";
import { WaitingBytes } from "./waiting-bytes.ts";

/** A socket that takes what it is told to, when it is told to. */
class Sink implements ByteSink {
  /** The pieces of each write (or corked group) as they were given. */
  readonly writes: Uint8Array[][] = [];
  /** Bytes that it was given and has not taken; a test may say that it takes all at once. */
  writableLength = 0;
  takesAtOnce = false;
  #isCorked = false;
  #done: (() => void)[] = [];

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.#isCorked) this.writes.at(-1)!.push(bytes);
    else this.writes.push([bytes]);
    if (written !== undefined) this.#done.push(written);
    if (!this.takesAtOnce) this.writableLength += bytes.length;
    return true;
  }

  cork(): void {
    this.#isCorked = true;
    this.writes.push([]);
  }

  uncork(): void {
    this.#isCorked = false;
  }

  finishWrites(): void {
    const done = this.#done;
    this.#done = [];
    this.writableLength = 0;
    for (const each of done) each();
  }

  /** The callbacks of the writes so far, to be called by the test. */
  takeCallbacks(): (() => void)[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  bytes(): Buffer {
    return Buffer.concat(this.writes.flat());
  }
}

function newOutput(): { sink: Sink; output: Output; pool: ChunkPool } {
  const sink = new Sink();
  const pool = new ChunkPool();
  return { sink, pool, output: new Output(sink, pool, () => undefined) };
}

describe("Output", () => {
  test("all frames of a turn leave in one write", () => {
    const { sink, output } = newOutput();
    for (let i = 0; i < 50; i++) {
      output.frame(4, FrameType.windowUpdate, 0, i);
      output.uint32(i);
    }
    output.flush();
    expect(sink.writes).toHaveLength(1);
    expect(sink.writes[0]).toHaveLength(1);
    expect(sink.bytes()).toHaveLength(50 * 13);
  });

  test("messages of one stream in a row share a DATA frame up to its limit", () => {
    const { sink, output } = newOutput();
    output.frameBytesMax = 9;
    for (let i = 0; i < 5; i++) {
      output.data(7, 3);
      output.copy(Buffer.from("abc"), 0, 3);
    }
    output.flush();
    const expected = "000009000000000007616263616263616263000006000000000007616263616263";
    expect(sink.bytes().toString("hex")).toBe(expected);
    expect(output.dataFrames).toBe(2);
  });

  test("a frame of another stream in between ends the sharing", () => {
    const { output } = newOutput();
    for (const streamId of [1, 3, 1, 1]) {
      output.data(streamId, 1);
      output.byte(0);
    }
    expect(output.dataFrames).toBe(3);
  });

  test("the end of a stream is marked on its last DATA frame, or on an empty one", () => {
    const { sink, output } = newOutput();
    output.data(1, 1);
    output.byte(0xaa);
    output.endData(1);
    output.endData(3);
    output.flush();
    expect(sink.bytes().toString("hex")).toBe("000001000100000001aa000000000100000003");
  });

  test("a long body goes out by reference, a short one as a copy", () => {
    const { sink, output } = newOutput();
    const long = Buffer.alloc(REFERENCE_BYTES_MIN, 1);
    const short = Buffer.alloc(REFERENCE_BYTES_MIN - 1, 2);
    output.body(short, 0, short.length);
    output.body(long, 0, long.length);
    output.byte(3);
    output.flush();
    expect(sink.writes[0]).toHaveLength(3);
    expect(sink.writes[0]![1]).toBe(long);
    short.fill(9);
    expect(sink.bytes()[0]).toBe(2);
  });

  test("bodies in too many buffers are copied, so that what waits keeps few alive", () => {
    const { sink, output } = newOutput();
    const bodies = Array.from({ length: REFERENCED_BUFFERS_MAX + 2 }, () =>
      new Uint8Array(REFERENCE_BYTES_MIN).fill(7),
    );
    for (const body of bodies) output.body(body, 0, body.length);
    output.body(bodies[0]!, 0, 1);
    output.flush();
    const held = new Set(sink.writes.flat().map((piece) => piece.buffer));
    expect(bodies.filter((body) => held.has(body.buffer))).toHaveLength(REFERENCED_BUFFERS_MAX);
    expect(sink.bytes()).toHaveLength(bodies.length * REFERENCE_BYTES_MIN + 1);
    sink.finishWrites();
    output.body(bodies.at(-1)!, 0, REFERENCE_BYTES_MIN);
    output.flush();
    expect(sink.writes.flat().at(-1)).toBe(bodies.at(-1));
  });

  test("what the socket takes at once is done with at once, and its chunk is used again", () => {
    const { sink, output, pool } = newOutput();
    sink.takesAtOnce = true;
    const first = pool.take();
    pool.give(first);
    for (let i = 0; i < 3; i++) {
      output.byte(i);
      output.flush();
      expect(output.backlogBytes).toBe(0);
    }
    expect(sink.writes.flat().every((piece) => piece.buffer === first.buffer)).toBe(true);
    // The callbacks of these come while a write that the socket did not take is under way.
    sink.takesAtOnce = false;
    output.byte(3);
    const early = sink.takeCallbacks();
    output.flush();
    for (const callback of early) callback();
    expect(output.backlogBytes).toBe(1);
    sink.finishWrites();
    expect(output.backlogBytes).toBe(0);
  });

  test("it is full at the bound of a turn, and much sooner while the kernel takes nothing", () => {
    const { sink, output } = newOutput();
    const piece = new Uint8Array(SOCKET_STALLED_BYTES_MAX);
    output.body(piece, 0, piece.length);
    expect(output.isFull).toBe(false);
    output.flush();
    expect(output.isFull).toBe(true);
    sink.finishWrites();
    expect(output.isFull).toBe(false);
    for (let i = 0; i < SOCKET_BACKLOG_BYTES_MAX / piece.length; i++) {
      expect(output.isFull).toBe(false);
      output.body(piece, 0, piece.length);
    }
    expect(output.isFull).toBe(true);
  });

  test("while a write is under way the next is collected, and no chunk is used again", () => {
    const { sink, output, pool } = newOutput();
    output.byte(1);
    output.flush();
    for (let i = 2; i < 10; i++) {
      output.byte(i);
      output.flush();
    }
    expect(sink.writes).toHaveLength(1);
    expect(output.backlogBytes).toBe(9);
    const first = sink.writes[0]![0]!;
    expect([...first]).toEqual([1]);
    sink.finishWrites();
    expect(sink.writes).toHaveLength(2);
    expect([...sink.writes[1]![0]!]).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    // The first chunk is free only now.
    expect(pool.take().buffer).toBe(first.buffer);
    sink.finishWrites();
    expect(output.backlogBytes).toBe(0);
  });

  test("whatever is written comes out in order, across chunks", () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant("copy" as const), length: fc.nat(OUTPUT_CHUNK_BYTES * 2) }),
      fc.record({ kind: fc.constant("body" as const), length: fc.nat(REFERENCE_BYTES_MIN * 2) }),
      fc.record({ kind: fc.constant("reserve" as const), length: fc.nat(OUTPUT_CHUNK_BYTES) }),
      fc.record({ kind: fc.constant("byte" as const), length: fc.constant(1) }),
      fc.record({ kind: fc.constant("flush" as const), length: fc.constant(0) }),
      fc.record({ kind: fc.constant("written" as const), length: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const { sink, output } = newOutput();
        const naive: Buffer[] = [];
        operations.forEach(({ kind, length }, i) => {
          const bytes = Buffer.alloc(length, i + 1);
          naive.push(bytes);
          if (kind === "copy") output.copy(bytes, 0, length);
          else if (kind === "body") output.body(bytes, 0, length);
          else if (kind === "byte") output.byte(i + 1);
          else if (kind === "reserve") {
            const at = output.reserve(length);
            output.room.set(bytes, at);
          } else if (kind === "flush") output.flush();
          else {
            // What has been written must be the socket's own until here.
            expect(Buffer.concat(naive).subarray(0, sink.bytes().length)).toEqual(sink.bytes());
            sink.writes.splice(0, sink.writes.length, [sink.bytes()]);
            sink.finishWrites();
          }
        });
        const all = Buffer.concat(naive);
        expect(output.backlogBytes).toBeLessThanOrEqual(all.length);
        output.flush();
        while (output.backlogBytes > 0) {
          sink.writes.splice(0, sink.writes.length, [sink.bytes()]);
          sink.finishWrites();
        }
        expect(sink.bytes().equals(all)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test("what waits at the sockets of all connections is on one account, until it is gone", () => {
    const pool = new ChunkPool(new WaitingBytes(3 * TIGHT_BYTES_MAX));
    const sinks = [new Sink(), new Sink(), new Sink()];
    const outputs = sinks.map((sink) => new Output(sink, pool, () => undefined));
    for (const output of outputs) output.body(Buffer.alloc(TIGHT_BYTES_MAX), 0, TIGHT_BYTES_MAX);
    expect(pool.waiting.bytes).toBe(0);
    for (const output of outputs) output.flush();
    expect([pool.waiting.bytes, pool.waiting.isTooMany]).toEqual([3 * TIGHT_BYTES_MAX, false]);
    const [first, second] = outputs;
    expect(first?.isFull).toBe(false);
    second?.body(Buffer.alloc(100), 0, 100);
    second?.flush();
    expect([pool.waiting.isTooMany, first?.isFull]).toEqual([true, true]);
    outputs[2]?.close();
    expect([pool.waiting.bytes, first?.isFull]).toEqual([2 * TIGHT_BYTES_MAX + 100, false]);
    // Twice, for what came while the first write was under way, and once too often after the close.
    for (let i = 0; i < 2; i++) for (const sink of sinks) sink.finishWrites();
    expect(pool.waiting.bytes).toBe(0);
  });
});
