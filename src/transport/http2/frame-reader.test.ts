import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FrameHandler, type FrameHeader, FrameReader } from "./frame-reader.ts";
import { ConnectionError, ErrorCode, Flag, FrameType } from "./frames.ts";

interface Sent {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

function bytesOf({ type, flags, streamId, payload }: Sent): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

/** Joins what it is shown to one line a frame, so that parts cannot be told from a whole. */
class Recorder implements FrameHandler {
  readonly lines: string[] = [];
  begins = 0;
  /** After so many times it says once that it may not go on. */
  goesOnFor: number = Number.POSITIVE_INFINITY;
  #wentOn = 0;
  #data = "";

  mayGoOn(): boolean {
    if (++this.#wentOn <= this.goesOnFor) return true;
    this.#wentOn = 0;
    return false;
  }

  begin(): void {
    this.begins++;
  }

  data(header: FrameHeader, bytes: Buffer, start: number, end: number): void {
    this.#data += bytes.toString("hex", start, end);
    if (header.dataRemaining > 0) return;
    this.lines.push(`data ${header.streamId} ${this.#data}`);
    this.#data = "";
  }

  frame(header: FrameHeader, bytes: Buffer, start: number, end: number): void {
    const { type, flags, streamId } = header;
    this.lines.push(`${type} ${flags} ${streamId} ${bytes.toString("hex", start, end)}`);
  }
}

const frames: fc.Arbitrary<{ sent: Sent; line: string }> = fc
  .record({
    type: fc.nat(12),
    flags: fc.nat(255),
    streamId: fc.nat(2 ** 31 - 1),
    content: fc.uint8Array({ maxLength: 60 }),
    padding: fc.nat(20),
  })
  .map(({ type, flags, streamId, content, padding }) => {
    const isPadded = type === FrameType.data && (flags & Flag.padded) !== 0;
    const payload = isPadded
      ? Buffer.concat([Buffer.of(padding), content, Buffer.alloc(padding)])
      : Buffer.from(content);
    const hex = Buffer.from(content).toString("hex");
    const line =
      type === FrameType.data ? `data ${streamId} ${hex}` : `${type} ${flags} ${streamId} ${hex}`;
    return { sent: { type, flags, streamId, payload }, line };
  });

describe("FrameReader", () => {
  test("frames are the same however the socket cuts them", () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 20 }), cuts, (sent, sizes) => {
        const recorder = new Recorder();
        const reader = new FrameReader(recorder);
        const bytes = Buffer.concat(sent.map((each) => bytesOf(each.sent)));
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length]!;
          reader.read(bytes.subarray(at, at + size));
          at += size;
        }
        expect(recorder.lines).toEqual(sent.map(({ line }) => line));
        expect(recorder.begins).toBe(sent.length);
      }),
      { numRuns: 300 },
    );
  });

  test("frames are the same wherever the handler stops the reading", () => {
    fc.assert(
      fc.property(
        fc.array(frames, { maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        (sent, n) => {
          const recorder = new Recorder();
          recorder.goesOnFor = n;
          const reader = new FrameReader(recorder);
          const bytes = Buffer.concat(sent.map((each) => bytesOf(each.sent)));
          const stops: number[] = [];
          for (let at = 0; at < bytes.length; ) stops.push((at = reader.read(bytes, at)));
          expect(recorder.lines).toEqual(sent.map(({ line }) => line));
          // Each frame is a step, and up to two more when it is padded.
          expect(stops.length).toBeGreaterThanOrEqual(sent.length / n);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("an empty DATA frame is shown though no byte follows", () => {
    const recorder = new Recorder();
    const empty = { type: FrameType.data, flags: 1, streamId: 3, payload: Buffer.alloc(0) };
    new FrameReader(recorder).read(bytesOf(empty));
    expect(recorder.lines).toEqual(["data 3 "]);
  });

  test("the reserved bit of a stream id is ignored", () => {
    const recorder = new Recorder();
    const bytes = bytesOf({ type: 9, flags: 0, streamId: 5, payload: Buffer.alloc(0) });
    bytes[5] = 0x80;
    new FrameReader(recorder).read(bytes);
    expect(recorder.lines).toEqual(["9 0 5 "]);
  });

  test.each([
    ["as long as its frame", Buffer.of(3, 1, 1), ErrorCode.protocolError],
    ["of a frame without room for its length", Buffer.alloc(0), ErrorCode.frameSizeError],
  ])("padding %s is an error", (_name, payload, code) => {
    const reader = new FrameReader(new Recorder());
    const bytes = bytesOf({ type: FrameType.data, flags: Flag.padded, streamId: 1, payload });
    let thrown: unknown;
    try {
      reader.read(bytes);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConnectionError);
    expect(thrown).toMatchObject({ code });
  });

  test("begin comes before the payload has", () => {
    const recorder = new Recorder();
    const bytes = bytesOf({ type: 6, flags: 0, streamId: 0, payload: Buffer.alloc(8) });
    new FrameReader(recorder).read(bytes.subarray(0, 9));
    expect([recorder.begins, recorder.lines.length]).toEqual([1, 0]);
  });
});
