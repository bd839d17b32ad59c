import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GrpcCode } from "../base/errors.ts";
import { type MessageSink, MessageSplitter } from "./message-splitter.ts";

class Recorder implements MessageSink {
  readonly messages: string[] = [];
  readonly refusals: string[] = [];
  /** Stop behind each message. */
  isStopping = false;

  message(bytes: Uint8Array): boolean {
    this.messages.push(Buffer.from(bytes).toString("hex"));
    return !this.isStopping;
  }

  refused(code: GrpcCode, text: string): void {
    this.refusals.push(`${code} ${text}`);
  }
}

function framed(bytes: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

describe("MessageSplitter", () => {
  test("messages are the same however the body is cut, stopped at each or not", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1 }),
        fc.boolean(),
        (messages, sizes, isStopping) => {
          const splitter = new MessageSplitter(5000);
          const sink = new Recorder();
          sink.isStopping = isStopping;
          const body = Buffer.concat(messages.map(framed));
          for (let at = 0, i = 0; at < body.length; i++) {
            const end = Math.min(body.length, at + sizes[i % sizes.length]!);
            at = splitter.push(body, at, end, sink);
          }
          expect(sink.messages).toEqual(messages.map((each) => Buffer.from(each).toString("hex")));
          expect(sink.refusals).toEqual([]);
          expect([splitter.isInMessage, splitter.heldBytes]).toEqual([false, 0]);
        },
      ),
      { numRuns: 200 },
    );
  });

  test.each([
    [
      "E80: longer than the limit",
      "0000001389",
      `${GrpcCode.resourceExhausted} grpc: received message larger than max (5001 vs. 5000)`,
    ],
    [
      "E80: 4 GiB",
      "00ffffffff",
      `${GrpcCode.resourceExhausted} grpc: received message larger than max (4294967295 vs. 5000)`,
    ],
    [
      "compressed",
      "0100000001",
      `${GrpcCode.internal} grpc: compressed flag set with identity or empty encoding`,
    ],
    [
      "an unknown flag",
      "0700000001",
      `${GrpcCode.internal} grpc: received unexpected payload format 7`,
    ],
  ])("%s is refused by its prefix", (_name, prefix, refusal) => {
    const splitter = new MessageSplitter(5000);
    const sink = new Recorder();
    const bytes = Buffer.from(prefix, "hex");
    expect(splitter.push(bytes, 0, 5, sink)).toBe(5);
    expect(sink.refusals).toEqual([refusal]);
    expect(splitter.heldBytes).toBe(0);
  });

  test("a prefix alone holds no memory, and room grows with what comes", () => {
    const splitter = new MessageSplitter(2 ** 21);
    const sink = new Recorder();
    splitter.push(Buffer.from("0000200000", "hex"), 0, 5, sink);
    expect(splitter.heldBytes).toBe(0);
    splitter.push(Buffer.alloc(10_000), 0, 10_000, sink);
    expect(splitter.heldBytes).toBeGreaterThanOrEqual(10_000);
    expect(splitter.heldBytes).toBeLessThan(21_000);
  });
});
