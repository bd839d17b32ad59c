import { describe, expect, test } from "vitest";
import {
  decodeManifest,
  encodeManifest,
  MANIFEST_SLOT_BYTES,
  type Manifest,
  NAME_BYTES_MAX,
  SEGMENTS_MAX,
} from "./manifest.ts";

const MANIFEST: Manifest = {
  sequence: 2 ** 40 + 3,
  identity: {
    clusterId: 0xfedc_ba98_7654_3210n,
    memberId: 1n,
    name: "größer",
    secret: 0xffff_ffff_ffff_ffffn,
  },
  nextNumber: 9,
  clean: true,
  end: { segment: 8, offset: 4711, chain: 0xdeadbeef, lastFrame: 2 ** 45 },
  sealedThrough: 12,
  segments: [
    { number: 7, kind: "rewritten", sealed: true, end: 99, chain: 0xffffffff, firstFrame: 1 },
    { number: 8, kind: "log", sealed: false, end: 4711, chain: 5, firstFrame: 2 ** 44 },
  ],
};

function slotOf(manifest: Manifest): Uint8Array {
  const slot = new Uint8Array(MANIFEST_SLOT_BYTES);
  slot.set(encodeManifest(manifest));
  return slot;
}

describe("the manifest", () => {
  test("comes back as it was written", () => {
    expect(decodeManifest(slotOf(MANIFEST))).toEqual(MANIFEST);
  });

  test("is not changed by what an older, longer one left behind it", () => {
    const slot = slotOf(MANIFEST);
    const shorter = { ...MANIFEST, segments: MANIFEST.segments.slice(0, 1) };
    slot.set(encodeManifest(shorter));
    expect(decodeManifest(slot)).toEqual(shorter);
  });

  test("is damaged when any of its bytes has changed", () => {
    const length = encodeManifest(MANIFEST).length;
    for (let at = 4; at < length; at++) {
      const slot = slotOf(MANIFEST);
      slot[at] = (slot[at] ?? 0) ^ 1;
      expect(decodeManifest(slot)).toBe("damaged");
    }
  });

  test("is damaged at any length that cuts it", () => {
    const bytes = encodeManifest(MANIFEST);
    for (let length = 1; length < bytes.length; length++) {
      expect(decodeManifest(bytes.subarray(0, length))).toBe("damaged");
    }
  });

  test("tells nothing from something foreign", () => {
    expect(decodeManifest(new Uint8Array(0))).toBe("empty");
    expect(decodeManifest(new Uint8Array(500))).toBe("empty");
    expect(decodeManifest(new Uint8Array(500).fill(65))).toBe("foreign");
  });

  test("fits its slot with as many segments and as long a name as there may be", () => {
    const entry = MANIFEST.segments[0];
    if (entry === undefined) throw new Error("there is an entry");
    const name = "n".repeat(NAME_BYTES_MAX);
    // One more is made ahead, and one takes the place of those that are rewritten.
    const segments = Array.from({ length: SEGMENTS_MAX + 2 }, () => entry);
    const most = { ...MANIFEST, identity: { ...MANIFEST.identity, name }, segments };
    expect(decodeManifest(slotOf(most))).toEqual(most);
  });
});
