import { assert } from "../../base/assert.ts";

/**
 * The pages of a bbolt file, which is what etcd's snapshots are. All numbers are little-endian.
 *
 *     page:    id u64 | flags u16 | count u16 | overflow u32 | elements | keys and values
 *     leaf:    flags u32 | position u32 | key size u32 | value size u32      one an entry
 *     branch:  position u32 | key size u32 | page u64                        one a child
 *     meta:    magic u32 | version u32 | page size u32 | flags u32 | root page u64 | sequence u64 |
 *              freelist page u64 | page limit u64 | txn u64 | checksum u64
 *     bucket:  root page u64 | sequence u64 | the root page itself, when root page is 0
 *
 * A position counts from the element itself; `overflow` pages continue a page behind it.
 * Source: bbolt page.go, db.go, bucket.go.
 */
export const BOLT_PAGE_BYTES = 4096;
export const PAGE_HEADER_BYTES = 16;
export const ELEMENT_BYTES = 16;
export const BUCKET_HEADER_BYTES = 16;
export const META_BYTES = 64;

export const BRANCH_PAGE = 0x01;
export const LEAF_PAGE = 0x02;
export const META_PAGE = 0x04;
export const FREELIST_PAGE = 0x10;
/** The flag of a leaf's element whose value is a bucket. */
export const BUCKET_ENTRY = 0x01;

const MAGIC = 0xed0cdaed;
const FORMAT_VERSION = 2;
const META_CHECKSUM_AT = 56;

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const UINT64_MASK = 0xffff_ffff_ffff_ffffn;

export interface PageHeader {
  readonly id: number;
  readonly flags: number;
  readonly count: number;
  readonly overflow: number;
}

/** What a meta page says that a reader or a writer of whole files has to know. */
export interface BoltMeta {
  readonly pageBytes: number;
  readonly rootPage: number;
  readonly freelistPage: number;
  /** All pages have lower numbers. */
  readonly pageLimit: number;
  readonly txn: number;
}

/** Writes the header at `at`. */
export function writePageHeader(view: DataView, at: number, header: PageHeader): void {
  writeUint64(view, at, header.id);
  view.setUint16(at + 8, header.flags, true);
  view.setUint16(at + 10, header.count, true);
  view.setUint32(at + 12, header.overflow, true);
}

/** Writes a meta, which follows a page header at once. */
export function writeMeta(view: DataView, at: number, meta: BoltMeta): void {
  view.setUint32(at, MAGIC, true);
  view.setUint32(at + 4, FORMAT_VERSION, true);
  view.setUint32(at + 8, meta.pageBytes, true);
  view.setUint32(at + 12, 0, true);
  writeUint64(view, at + 16, meta.rootPage);
  writeUint64(view, at + 24, 0);
  writeUint64(view, at + 32, meta.freelistPage);
  writeUint64(view, at + 40, meta.pageLimit);
  writeUint64(view, at + 48, meta.txn);
  view.setBigUint64(at + META_CHECKSUM_AT, metaChecksum(view, at), true);
}

/** The meta at `at`, or undefined when it is not a whole and valid one. */
export function readMeta(view: DataView, at: number): BoltMeta | undefined {
  if (view.byteLength < at + META_BYTES) return undefined;
  if (view.getUint32(at, true) !== MAGIC) return undefined;
  if (view.getUint32(at + 4, true) !== FORMAT_VERSION) return undefined;
  const checksum = view.getBigUint64(at + META_CHECKSUM_AT, true);
  if (checksum !== metaChecksum(view, at)) return undefined;
  return {
    pageBytes: view.getUint32(at + 8, true),
    rootPage: readUint64(view, at + 16),
    freelistPage: readUint64(view, at + 32),
    pageLimit: readUint64(view, at + 40),
    txn: readUint64(view, at + 48),
  };
}

export function writeUint64(view: DataView, at: number, value: number): void {
  assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, "a written number is below 2^53");
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** Above 2^53 only roughly right, which is far beyond any page of any file. */
export function readUint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** FNV-1a, 64 bits, over what stands before the checksum. */
function metaChecksum(view: DataView, at: number): bigint {
  let hash = FNV_OFFSET;
  for (let i = at; i < at + META_CHECKSUM_AT; i++) {
    hash = ((hash ^ BigInt(view.getUint8(i))) * FNV_PRIME) & UINT64_MASK;
  }
  return hash;
}
