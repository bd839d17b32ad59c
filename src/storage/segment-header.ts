import { crc32c } from "../base/crc32c.ts";
import type { StoreIdentity } from "./store-identity.ts";

/**
 * The first 64 bytes of a segment's file, little-endian:
 *
 *    0 u32 magic "VSEG"      4 u32 crc of bytes 8 to 63    8 u32 version    12 u32 kind
 *   16 u64 cluster id       24 u64 member id              32 u64 secret     40 u32 number
 *   44 zeros
 *
 * The crc is also what the chain of the segment's frames starts from.
 */
export const SEGMENT_HEADER_BYTES = 64;
export const FORMAT_VERSION = 1;
const SEGMENT_MAGIC = 0x47455356;

/** `log` segments take appends; a `rewritten` one holds what compaction kept of older ones. */
export type SegmentKind = "log" | "rewritten";

export function encodeSegmentHeader(
  identity: StoreIdentity,
  number: number,
  kind: SegmentKind,
): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SEGMENT_MAGIC, true);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, kind === "log" ? 1 : 2, true);
  view.setBigUint64(16, identity.clusterId, true);
  view.setBigUint64(24, identity.memberId, true);
  view.setBigUint64(32, identity.secret, true);
  view.setUint32(40, number, true);
  view.setUint32(4, crc32c(bytes, 0, 8), true);
  return bytes;
}

/** What the chain of a segment's frames starts from. */
export function firstChain(header: Uint8Array): number {
  return new DataView(header.buffer, header.byteOffset).getUint32(4, true);
}

/** The secret that seeds the checksums of a segment's frame headers. */
export function segmentSeed(identity: StoreIdentity, number: number): number {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, identity.secret, true);
  view.setUint32(8, number, true);
  return crc32c(bytes);
}

/** Path of a segment's file in the data folder. */
export function segmentPath(number: number, kind: SegmentKind): string {
  return `log/${String(number).padStart(10, "0")}.${kind === "log" ? "seg" : "cseg"}`;
}

/** The number and kind that a name in the `log` folder stands for. */
export function parseSegmentName(
  name: string,
): { readonly number: number; readonly kind: SegmentKind } | undefined {
  const match = /^(\d{10})\.(c?)seg$/.exec(name);
  if (match === null) return undefined;
  return { number: Number(match[1]), kind: match[2] === "c" ? "rewritten" : "log" };
}
