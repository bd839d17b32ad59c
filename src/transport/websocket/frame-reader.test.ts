import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame } from "./frames.ts";
import { WebSocketReader } from "./frame-reader.ts";

/** A frame as a client sends it: masked, final unless said. */
function frame(opcode: number, payload: string | Buffer, first = 0x80): Buffer {
  const body = Buffer.from(payload);
  const plain = encodeFrame(opcode, body);
  const head = Buffer.from(plain.subarray(0, plain.length - body.length));
  head[0] = first | opcode;
  head[1] = (head[1] ?? 0) | 0x80;
  const mask = Buffer.from([1, 2, 3, 250]);
  const masked = body.map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.concat([head, mask, masked]);
}

/** What a reader tells of these bytes, one line each, when it is stopped after so many frames. */
function told(parts: readonly Buffer[], bytesMax = 100_000, goesOnFor = Infinity): string[] {
  const lines: string[] = [];
  let wentOn = 0;
  const reader = new WebSocketReader(
    {
      mayGoOn: () => {
        if (++wentOn <= goesOnFor) return true;
        wentOn = 0;
        return false;
      },
      message: (bytes) => lines.push(bytes.toString()),
      ping: (payload) => lines.push(`ping ${payload.toString()}`),
      closed: () => lines.push("closed"),
      failed: (code) => lines.push(`failed ${code}`),
    },
    bytesMax,
  );
  // The reader unmasks in place what it was given.
  for (const part of parts) {
    reader.push(Buffer.from(part));
    while (!reader.read()) expect(wentOn).toBe(0);
  }
  return lines;
}

describe("WebSocket frames of a client (RFC 6455 section 5)", () => {
  test("are joined to messages however they are cut, fragmented and stopped", () => {
    const texts = fc.array(fc.string({ unit: "grapheme", maxLength: 300 }), { maxLength: 4 });
    fc.assert(
      fc.property(
        texts,
        fc.nat(4),
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.integer({ min: 1, max: 20 }),
        (messages, count, cuts, goesOnFor) => {
          const frames = messages.flatMap((text) => fragments(Buffer.from(text), count));
          const bytes = Buffer.concat(frames);
          const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
          places.sort((left, right) => left - right);
          const parts = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
          expect(told(parts, 100_000, goesOnFor)).toEqual(messages);
        },
      ),
    );
  });

  test.each([125, 126, 65_535, 65_536])("of %d bytes have the right form of length", (length) => {
    expect(told([frame(1, "x".repeat(length))])).toEqual(["x".repeat(length)]);
  });

  test("may have control frames among the parts of a message", () => {
    const parts = [frame(1, "a", 0), frame(9, "p"), frame(10, ""), frame(0, "b")];
    expect(told(parts)).toEqual(["ping p", "ab"]);
  });

  test("of bytes are taken like text, and need not be UTF-8", () => {
    expect(told([frame(2, "{}")])).toEqual(["{}"]);
  });

  test("end with a close, behind which nothing is read", () => {
    const close = frame(8, Buffer.from([3, 232, 0x62, 0x79, 0x65]));
    expect(told([close, frame(1, "a")])).toEqual(["closed"]);
    expect(told([frame(8, "")])).toEqual(["closed"]);
  });

  test.each([
    [
      "a message longer than allowed, before it has come",
      frame(1, "x".repeat(11)).subarray(0, 6),
      1009,
    ],
    [
      "parts that are together too long",
      Buffer.concat([frame(1, "123456", 0), frame(0, "12345")]),
      1009,
    ],
    ["text that is not UTF-8", frame(1, Buffer.from([0xc3, 0x28])), 1007],
    ["a reason of closing that is not UTF-8", frame(8, Buffer.from([3, 232, 0xff])), 1007],
    ["no mask", encodeFrame(1, Buffer.from("a")), 1002],
    ["a reserved bit", frame(1, "a", 0xc0), 1002],
    ["a reserved opcode", frame(3, "a"), 1002],
    ["a reserved control opcode", frame(11, "a"), 1002],
    ["a continuation of nothing", frame(0, "a"), 1002],
    ["a new message within another", Buffer.concat([frame(1, "a", 0), frame(1, "b")]), 1002],
    ["a ping in parts", frame(9, "a", 0), 1002],
    ["a ping that is too long", frame(9, "a".repeat(126)), 1002],
    ["half a close code", frame(8, "a"), 1002],
    ["a close code that is never sent", frame(8, Buffer.from([3, 237])), 1002],
  ])("with %s fail", (_what, bytes, code) => {
    expect(told([bytes, frame(1, "later")], 10)).toEqual([`failed ${code}`]);
  });
});

function fragments(payload: Buffer, count: number): Buffer[] {
  const step = Math.max(1, Math.ceil(payload.length / (count + 1)));
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += step) {
    const isLast = at + step >= payload.length;
    frames.push(frame(at === 0 ? 1 : 0, payload.subarray(at, at + step), isLast ? 0x80 : 0));
  }
  return frames;
}
