import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeHuffman, huffmanCodes } from "./huffman.ts";

/** The plain way: one bit after the other, then ones up to the next byte. */
function encode(bytes: Uint8Array): Buffer {
  const { code, bits } = huffmanCodes();
  let text = "";
  for (const byte of bytes) text += code[byte]!.toString(2).padStart(bits[byte]!, "0");
  text = text.padEnd(Math.ceil(text.length / 8) * 8, "1");
  return Buffer.from(text.match(/.{8}/g)?.map((octet) => Number.parseInt(octet, 2)) ?? []);
}

function decode(bytes: Uint8Array): string | undefined {
  const target = Buffer.alloc(bytes.length * 2);
  const length = decodeHuffman(bytes, 0, bytes.length, target);
  return length < 0 ? undefined : target.toString("latin1", 0, length);
}

describe("decodeHuffman", () => {
  test.each([
    ["f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"],
    ["a8eb10649cbf", "no-cache"],
    ["25a849e95ba97d7f", "custom-key"],
    ["aec3771a4b", "private"],
    ["d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"],
  ])("RFC 7541 appendix C: %s is %s", (hex, text) => {
    expect(decode(Buffer.from(hex, "hex"))).toBe(text);
  });

  test("every byte string survives its own encoding", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decode(encode(bytes))).toBe(Buffer.from(bytes).toString("latin1"));
      }),
    );
  });

  test("each of the 256 symbols has its code", () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(decode(encode(all))).toBe(Buffer.from(all).toString("latin1"));
  });

  test.each([
    ["padding of zeros", "18"],
    ["eight bits of padding", "f1e3c2e5f23a6ba0ab90f4ffff"],
    ["nothing but padding of a byte", "ff"],
    ["the end-of-string symbol", "fffffffc"],
    ["the end-of-string symbol inside", "1ffffffff0"],
  ])("%s is wrong", (_name, hex) => {
    expect(decode(Buffer.from(hex, "hex"))).toBeUndefined();
  });

  test("no bytes are an empty string", () => {
    expect(decode(Buffer.alloc(0))).toBe("");
  });
});
