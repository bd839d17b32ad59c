import { compareBytes } from "../../base/bytes.ts";
import {
  BRANCH_PAGE,
  BUCKET_ENTRY,
  BUCKET_HEADER_BYTES,
  type BoltMeta,
  ELEMENT_BYTES,
  LEAF_PAGE,
  META_BYTES,
  PAGE_HEADER_BYTES,
  readMeta,
  readUint64,
} from "./page.ts";

/** Sizes of pages that bbolt can have been told or have found on some machine. */
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX: number = 64 * 1024;
/** Each level of a tree has half as many pages as the one below, so no file has so many. */
const DEPTH_MAX = 48;

/** A file to read at any place. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /** Fills `target` from `position` on; returns how many bytes there were. */
  read(position: number, target: Uint8Array): number;
}

/** The file is not a bbolt file, or is damaged. The message names the page. */
export class BoltError extends Error {
  override readonly name = "BoltError";
}

export interface BoltEntry {
  readonly key: Uint8Array;
  /** Of a nested bucket: its header, and its root page when that is held inside. */
  readonly value: Uint8Array;
  readonly isBucket: boolean;
}

/** One node of a tree: its bytes, from its page header to the end of its last overflow page. */
interface Node {
  /** For messages: `page 17`, or `the page inside of page 17`. */
  readonly place: string;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly isLeaf: boolean;
  readonly count: number;
}

/**
 * Reads a bbolt file page by page. Trusts nothing in it: what is out of bounds, out of order or
 * used twice is refused with the page's number, and memory holds one node a level of a tree.
 */
export class BoltReader {
  readonly #source: ByteSource;
  readonly meta: BoltMeta;

  /** @throws BoltError when it is no bbolt file, or both of its metas are damaged */
  constructor(source: ByteSource) {
    this.#source = source;
    const meta = newestMeta(source);
    if (meta === undefined) {
      throw new BoltError("it is not a bbolt file, or both of its meta pages are damaged");
    }
    if (meta.pageLimit * meta.pageBytes > source.size) {
      throw new BoltError(
        `it is cut short: ${source.size} bytes of ${meta.pageLimit} pages of ${meta.pageBytes}`,
      );
    }
    this.meta = meta;
  }

  /** Names of the buckets at the top, in order. */
  *buckets(): Generator<Uint8Array, void> {
    for (const entry of this.#walk(this.#page(this.meta.rootPage, new PageMarks(this.meta)))) {
      if (entry.isBucket) yield entry.key;
    }
  }

  /**
   * The entries of the bucket with this path of names, in the order of their keys; none when there
   * is no such bucket. Keys and values are the caller's.
   * @throws BoltError when damage is met on the way
   */
  *entries(...path: readonly Uint8Array[]): Generator<BoltEntry, void> {
    const marks = new PageMarks(this.meta);
    let node: Node | undefined = this.#page(this.meta.rootPage, marks);
    for (const name of path) {
      const entry = this.#find(node, name);
      if (entry === undefined) return;
      node = this.#bucketRoot(entry, marks);
    }
    yield* this.#walk(node, marks);
  }

  #find(root: Node, name: Uint8Array): BoltEntry | undefined {
    for (const entry of this.#walk(root)) {
      if (entry.isBucket && compareBytes(entry.key, name) === 0) return entry;
    }
    return undefined;
  }

  #bucketRoot({ value }: BoltEntry, marks: PageMarks): Node {
    if (value.length < BUCKET_HEADER_BYTES) throw new BoltError("a bucket has no header");
    const root = readUint64(viewOf(value), 0);
    if (root !== 0) return this.#page(root, marks);
    return toNode(value.subarray(BUCKET_HEADER_BYTES), "a page inside of a bucket's entry");
  }

  /** All entries below the node, which is read already. */
  *#walk(root: Node, marks: PageMarks = new PageMarks(this.meta)): Generator<BoltEntry, void> {
    const path: { readonly node: Node; next: number }[] = [{ node: root, next: 0 }];
    let lastKey: Uint8Array | undefined;
    for (;;) {
      const top = path[path.length - 1];
      if (top === undefined) return;
      const { node } = top;
      if (top.next >= node.count) {
        path.pop();
        continue;
      }
      const index = top.next++;
      if (!node.isLeaf) {
        if (path.length >= DEPTH_MAX) throw new BoltError(`${node.place}: the tree is too deep`);
        path.push({ node: this.#page(childOf(node, index), marks), next: 0 });
        continue;
      }
      const entry = entryOf(node, index);
      if (lastKey !== undefined && compareBytes(lastKey, entry.key) >= 0) {
        throw new BoltError(`${node.place}: keys are out of order`);
      }
      lastKey = entry.key;
      yield entry;
    }
  }

  #page(id: number, marks: PageMarks): Node {
    const place = `page ${id}`;
    const { pageBytes, pageLimit } = this.meta;
    if (id < 2 || id >= pageLimit) throw new BoltError(`${place}: there is no such page`);
    const head = this.#read(id * pageBytes, PAGE_HEADER_BYTES, place);
    const headView = viewOf(head);
    if (readUint64(headView, 0) !== id) {
      throw new BoltError(`${place}: it says that it is page ${readUint64(headView, 0)}`);
    }
    const pages = 1 + headView.getUint32(12, true);
    if (id + pages > pageLimit) throw new BoltError(`${place}: it goes on beyond the last page`);
    marks.mark(id, pages);
    return toNode(this.#read(id * pageBytes, pages * pageBytes, place), place);
  }

  #read(position: number, length: number, place: string): Uint8Array {
    const bytes = new Uint8Array(length);
    if (this.#source.read(position, bytes) !== length) {
      throw new BoltError(`${place}: the file ends inside of it`);
    }
    return bytes;
  }
}

/** Which pages have been used: a page of a sound file has one place in one tree. */
class PageMarks {
  readonly #bits: Uint8Array;

  constructor({ pageLimit }: BoltMeta) {
    this.#bits = new Uint8Array(Math.ceil(pageLimit / 8));
  }

  mark(first: number, pages: number): void {
    for (let id = first; id < first + pages; id++) {
      const bit = 1 << (id & 7);
      const byte = this.#bits[id >>> 3] as number;
      if ((byte & bit) !== 0) throw new BoltError(`page ${id}: it is used twice`);
      this.#bits[id >>> 3] = byte | bit;
    }
  }
}

/** The first meta stands at the start; how far away the other one is depends on the page size. */
function newestMeta(source: ByteSource): BoltMeta | undefined {
  const first = metaAt(source, 0, undefined);
  let second: BoltMeta | undefined;
  const sizes = first === undefined ? possiblePageSizes() : [first.pageBytes];
  for (const size of sizes) second ??= metaAt(source, size, size);
  if (first === undefined || second === undefined) return first ?? second;
  return second.txn > first.txn ? second : first;
}

function metaAt(
  source: ByteSource,
  position: number,
  pageBytes: number | undefined,
): BoltMeta | undefined {
  const bytes = new Uint8Array(PAGE_HEADER_BYTES + META_BYTES);
  const length = source.read(position, bytes);
  const meta = readMeta(viewOf(bytes.subarray(0, length)), PAGE_HEADER_BYTES);
  if (meta === undefined || !possiblePageSizes().includes(meta.pageBytes)) return undefined;
  return pageBytes === undefined || meta.pageBytes === pageBytes ? meta : undefined;
}

function possiblePageSizes(): number[] {
  const sizes: number[] = [];
  for (let size = PAGE_BYTES_MIN; size <= PAGE_BYTES_MAX; size *= 2) sizes.push(size);
  return sizes;
}

/** Checks that the elements are inside; `entryOf` and `childOf` check what these point to. */
function toNode(bytes: Uint8Array, place: string): Node {
  if (bytes.length < PAGE_HEADER_BYTES) throw new BoltError(`${place}: it has no header`);
  const view = viewOf(bytes);
  const flags = view.getUint16(8, true);
  if (flags !== LEAF_PAGE && flags !== BRANCH_PAGE) {
    throw new BoltError(`${place}: it is neither leaf nor branch`);
  }
  const isLeaf = flags === LEAF_PAGE;
  const count = view.getUint16(10, true);
  if (PAGE_HEADER_BYTES + count * ELEMENT_BYTES > bytes.length) {
    throw new BoltError(`${place}: its elements do not fit into it`);
  }
  if (!isLeaf && count === 0) throw new BoltError(`${place}: a branch leads nowhere`);
  return { place, bytes, view, isLeaf, count };
}

function entryOf({ place, bytes, view }: Node, index: number): BoltEntry {
  const element = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
  const flags = view.getUint32(element, true);
  const from = element + view.getUint32(element + 4, true);
  const keyEnd = from + view.getUint32(element + 8, true);
  const end = keyEnd + view.getUint32(element + 12, true);
  if (end > bytes.length) throw new BoltError(`${place}: entry ${index} goes beyond its page`);
  const isBucket = (flags & BUCKET_ENTRY) !== 0;
  return { key: bytes.subarray(from, keyEnd), value: bytes.subarray(keyEnd, end), isBucket };
}

function childOf({ view }: Node, index: number): number {
  return readUint64(view, PAGE_HEADER_BYTES + index * ELEMENT_BYTES + 8);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
