import { describe, expect, test } from "vitest";
import { HeaderAssembler } from "./header-assembler.ts";
import { CONTINUATION_FRAMES_MAX, HEADER_BLOCK_BYTES_MAX } from "./limits.ts";

const GET = Buffer.from("828684", "hex");

function indexed(name: string, value: string): Buffer {
  return literal(0x40, name, value);
}

function literal(first: number, name: string, value: string): Buffer {
  const parts = [Buffer.of(first, name.length), Buffer.from(name)];
  return Buffer.concat([...parts, Buffer.of(value.length), Buffer.from(value)]);
}

function request(assembler: HeaderAssembler, block: Buffer) {
  return assembler.request(block, 0, block.length);
}

describe("HeaderAssembler", () => {
  test("a block that changes nothing is decoded once", () => {
    const assembler = new HeaderAssembler(1);
    const block = Buffer.concat([GET, literal(0x00, "x", "1")]);
    const head = request(assembler, block);
    expect(head).toMatchObject({ method: "GET", path: "/", names: expect.arrayContaining(["x"]) });
    expect(request(assembler, Buffer.from(block))).toBe(head);
  });

  test("a block that fills the table means something new each time", () => {
    const assembler = new HeaderAssembler(1);
    request(assembler, Buffer.concat([GET, indexed("x", "1")]));
    const lookup = Buffer.concat([GET, Buffer.of(0xbe)]);
    expect(request(assembler, lookup)).toMatchObject({ values: expect.arrayContaining(["1"]) });
    request(assembler, Buffer.concat([GET, indexed("x", "2")]));
    expect(request(assembler, lookup)).toMatchObject({ values: expect.arrayContaining(["2"]) });
  });

  test("trailers that fill the table are noticed, too", () => {
    const assembler = new HeaderAssembler(1);
    const lookup = Buffer.concat([GET, Buffer.of(0xbe)]);
    request(assembler, Buffer.concat([GET, indexed("x", "1")]));
    request(assembler, lookup);
    const trailers = indexed("y", "2");
    assembler.fields(trailers, 0, trailers.length);
    expect(request(assembler, lookup)).toMatchObject({ values: expect.arrayContaining(["2"]) });
  });

  test("fragments are joined in order", () => {
    const assembler = new HeaderAssembler(1);
    const block = Buffer.concat([GET, indexed("name", "value")]);
    expect(assembler.isOpen).toBe(false);
    for (let at = 0; at < block.length; at += 2)
      assembler.add(block, at, Math.min(at + 2, block.length));
    expect(assembler.isOpen).toBe(true);
    expect(assembler.join().equals(block)).toBe(true);
    expect(assembler.isOpen).toBe(false);
  });

  test("too many fragments, or too long ones, end the connection", () => {
    const many = new HeaderAssembler(1);
    for (let i = 0; i <= CONTINUATION_FRAMES_MAX; i++) many.add(GET, 0, 0);
    expect(() => many.add(GET, 0, 0)).toThrow("too many CONTINUATION frames");
    const long = new HeaderAssembler(1);
    const half = Buffer.alloc(HEADER_BLOCK_BYTES_MAX / 2);
    long.add(half, 0, half.length);
    long.add(half, 0, half.length);
    expect(() => long.add(half, 0, 1)).toThrow("header block too large");
  });
});
