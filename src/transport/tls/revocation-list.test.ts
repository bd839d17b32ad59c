import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestAuthority } from "../../../test/support/test-certificates.ts";
import { parseRevocationList, serialKey } from "./revocation-list.ts";

let authority: TestAuthority;

beforeAll(() => {
  authority = new TestAuthority();
});

afterAll(() => authority.dispose());

function list(serials: readonly Uint8Array[], form: "pem" | "der"): Buffer {
  return readFileSync(authority.revoke(serials, form, path.join(authority.folder, "list")));
}

describe("a revocation list (T6)", () => {
  it.each(["pem", "der"] as const)("as %s names the serial numbers in it", (form) => {
    const serials = [Buffer.of(1), Buffer.of(0x80, 2), Buffer.alloc(20, 0x7f)];
    const revoked = parseRevocationList(list(serials, form));
    expect([...revoked].sort()).toEqual(["1", "7f".repeat(20), "8002"].sort());
  });

  it("may name none", () => {
    expect(parseRevocationList(list([], "pem")).size).toBe(0);
  });

  it("of other bytes is refused, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => parseRevocationList(Buffer.from(bytes))).toThrow(/malformed/);
      }),
    );
  });

  it("that was cut short, or is a certificate, is refused", () => {
    const whole = list([Buffer.of(1)], "der");
    for (let length = 0; length < whole.length; length += 7) {
      expect(() => parseRevocationList(whole.subarray(0, length))).toThrow(/malformed/);
    }
    const { certFile } = authority.issue();
    expect(() => parseRevocationList(readFileSync(certFile))).toThrow(/malformed/);
  });

  it("serial numbers are compared without leading zeros and in one case", () => {
    expect(serialKey("00AB")).toBe("ab");
    expect(serialKey("00")).toBe("0");
  });
});
