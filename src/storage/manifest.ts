import { assert } from "../base/assert.ts";
import { crc32c } from "../base/crc32c.ts";
import { readUint64, writeUint64 } from "./frame.ts";
import { FORMAT_VERSION, type SegmentKind } from "./segment-header.ts";
import type { StoreIdentity } from "./store-identity.ts";

/**
 * The MANIFEST names the segments that count. It has two slots, both written at each change, one
 * after the other: a torn write leaves the other slot, and damage to one slot later never brings an
 * older state back. The valid slot with the higher sequence counts. Little-endian:
 *
 *    0 u32 magic "VMAN"     4 u32 crc of bytes 8 to length   8 u32 length    12 u32 format version
 *   16 u64 sequence        24 u64 cluster id                32 u64 member id 40 u64 secret
 *   48 u32 next number     52 u32 flags (1: closed cleanly) 56 u64 last durable frame
 *   64 u32 segment of the end   68 u32 offset of the end    72 u32 chain at the end
 *   76 u32 segments        80 u64 last frame of the last sealed segment
 *   88 u32 bytes of the name, then the name
 *   per segment, 24 bytes: u32 number, u16 kind, u16 state, u32 end, u32 chain, u64 first frame
 */
export const MANIFEST_PATH = "MANIFEST";
/** Written in full when the folder is made, so that a full disk cannot refuse a change. */
export const MANIFEST_SLOT_BYTES: number = 64 * 1024;
const MANIFEST_MAGIC = 0x4e414d56;
const HEADER_BYTES = 92;
const ENTRY_BYTES = 24;
/** In UTF-8. */
export const NAME_BYTES_MAX = 1024;
/** 2,600 segments: 166 GB at 64 MiB each. */
export const SEGMENTS_MAX = 2600;

export interface ManifestEntry {
  readonly number: number;
  readonly kind: SegmentKind;
  /** A sealed segment ends exactly at `end` with this chain; an open one takes frames. */
  readonly sealed: boolean;
  readonly end: number;
  readonly chain: number;
  readonly firstFrame: number;
}

/** Where the log ends. */
export interface LogEnd {
  readonly segment: number;
  readonly offset: number;
  readonly chain: number;
  /** 0 before the first frame. */
  readonly lastFrame: number;
}

export interface Manifest {
  readonly sequence: number;
  readonly identity: StoreIdentity;
  /** The number of the next segment that is made; files from here on are not part of the log. */
  readonly nextNumber: number;
  /** The log ended exactly at `end` and was closed; otherwise it goes at least as far. */
  readonly clean: boolean;
  readonly end: LogEnd;
  /** The first open segment's first frame follows this one. */
  readonly sealedThrough: number;
  readonly segments: readonly ManifestEntry[];
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const name = utf8Bytes(manifest.identity.name);
  const length = HEADER_BYTES + name.length + manifest.segments.length * ENTRY_BYTES;
  assert(length <= MANIFEST_SLOT_BYTES, "the manifest fits its slot");
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MANIFEST_MAGIC, true);
  view.setUint32(8, length, true);
  view.setUint32(12, FORMAT_VERSION, true);
  writeUint64(view, 16, manifest.sequence);
  view.setBigUint64(24, manifest.identity.clusterId, true);
  view.setBigUint64(32, manifest.identity.memberId, true);
  view.setBigUint64(40, manifest.identity.secret, true);
  view.setUint32(48, manifest.nextNumber, true);
  view.setUint32(52, manifest.clean ? 1 : 0, true);
  writeUint64(view, 56, manifest.end.lastFrame);
  view.setUint32(64, manifest.end.segment, true);
  view.setUint32(68, manifest.end.offset, true);
  view.setUint32(72, manifest.end.chain, true);
  view.setUint32(76, manifest.segments.length, true);
  writeUint64(view, 80, manifest.sealedThrough);
  view.setUint32(88, name.length, true);
  bytes.set(name, HEADER_BYTES);
  let at = HEADER_BYTES + name.length;
  for (const entry of manifest.segments) {
    view.setUint32(at, entry.number, true);
    view.setUint16(at + 4, entry.kind === "log" ? 1 : 2, true);
    view.setUint16(at + 6, entry.sealed ? 1 : 0, true);
    view.setUint32(at + 8, entry.end, true);
    view.setUint32(at + 12, entry.chain, true);
    writeUint64(view, at + 16, entry.firstFrame);
    at += ENTRY_BYTES;
  }
  view.setUint32(4, crc32c(bytes, 0, 8), true);
  return bytes;
}

/** What one slot holds, or why it holds nothing that can be used. */
export type Slot = Manifest | "empty" | "damaged" | "foreign" | { readonly version: number };

export function decodeManifest(slot: Uint8Array): Slot {
  if (slot.every((byte) => byte === 0)) return "empty";
  const view = new DataView(slot.buffer, slot.byteOffset, slot.length);
  if (slot.length < HEADER_BYTES) return "damaged";
  const magic = view.getUint32(0, true);
  if (magic !== MANIFEST_MAGIC) return magic === 0 ? "damaged" : "foreign";
  const length = view.getUint32(8, true);
  if (length < HEADER_BYTES || length > slot.length) return "damaged";
  if (crc32c(slot, 0, 8, length) !== view.getUint32(4, true)) return "damaged";
  const version = view.getUint32(12, true);
  if (version !== FORMAT_VERSION) return { version };
  const entriesAt = HEADER_BYTES + view.getUint32(88, true);
  const segments: ManifestEntry[] = [];
  for (let i = 0; i < view.getUint32(76, true); i++) {
    segments.push(decodeEntry(view, entriesAt + i * ENTRY_BYTES));
  }
  return {
    sequence: readUint64(view, 16),
    identity: {
      clusterId: view.getBigUint64(24, true),
      memberId: view.getBigUint64(32, true),
      secret: view.getBigUint64(40, true),
      name: utf8Text(slot.subarray(HEADER_BYTES, entriesAt)),
    },
    nextNumber: view.getUint32(48, true),
    clean: (view.getUint32(52, true) & 1) === 1,
    end: {
      lastFrame: readUint64(view, 56),
      segment: view.getUint32(64, true),
      offset: view.getUint32(68, true),
      chain: view.getUint32(72, true),
    },
    sealedThrough: readUint64(view, 80),
    segments,
  };
}

function decodeEntry(view: DataView, at: number): ManifestEntry {
  return {
    number: view.getUint32(at, true),
    kind: view.getUint16(at + 4, true) === 1 ? "log" : "rewritten",
    sealed: view.getUint16(at + 6, true) === 1,
    end: view.getUint32(at + 8, true),
    chain: view.getUint32(at + 12, true),
    firstFrame: readUint64(view, at + 16),
  };
}

/** Text as UTF-8. */
export function utf8Bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function utf8Text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
