import { assert } from "../../base/assert.ts";
import {
  BOLT_PAGE_BYTES,
  BUCKET_ENTRY,
  FREELIST_PAGE,
  META_PAGE,
  PAGE_HEADER_BYTES,
  writeMeta,
  writePageHeader,
} from "./page.ts";
import { type PageSink, TreeWriter } from "./tree-writer.ts";

/** Pages before the first tree: two metas and an empty freelist. */
const FREELIST_AT = 2;
const FIRST_TREE_PAGE = 3;
/** The first meta is the newer one; the other names the same root. */
const TXN = 2;
const NO_ENTRY_FLAGS = 0;

/** What has to be known of a file before its first byte can be written. */
export interface BoltShape {
  readonly rootPage: number;
  readonly pageCount: number;
}

/**
 * Writes a bbolt file front to back in one go, from buckets in the order of their names and entries
 * in the order of their keys. The first page names the root, which is written last, so the same
 * content goes through twice: a first time without `out`, which only measures, then with the
 * measured shape.
 *
 *     begin(name) add add ... end()   begin(name) ... end()   finish()
 *
 * Memory: one page a level of the present tree, and what its entries borrow.
 */
export class BoltFileWriter {
  readonly #sink: CountingSink;
  readonly #shape: BoltShape | undefined;
  readonly #root: TreeWriter;
  #bucket: TreeWriter | undefined;
  #bucketName: Uint8Array = new Uint8Array(0);

  /** Measures; or writes a measured file through `emit`, which owns the bytes it is given. */
  constructor(out?: { readonly shape: BoltShape; readonly emit: (bytes: Uint8Array) => void }) {
    this.#shape = out?.shape;
    this.#sink = new CountingSink(out?.emit);
    this.#root = new TreeWriter(this.#sink, BUCKET_ENTRY);
    if (out !== undefined) writeFront(out.shape, out.emit);
  }

  /** Begins a bucket; names ascend. */
  begin(name: Uint8Array): void {
    assert(this.#bucket === undefined, "one bucket is written at a time");
    this.#bucketName = name;
    this.#bucket = new TreeWriter(this.#sink, NO_ENTRY_FLAGS);
  }

  /** Key and value are borrowed until the bucket ends; keys ascend. */
  add(key: Uint8Array, value: Uint8Array): void {
    assert(this.#bucket !== undefined, "an entry belongs to a bucket");
    this.#bucket.add(key, value);
  }

  end(): void {
    assert(this.#bucket !== undefined, "a bucket that ends has begun");
    this.#root.add(this.#bucketName, this.#bucket.finishBucket());
    this.#bucket = undefined;
  }

  /** Writes what is left. */
  finish(): BoltShape {
    assert(this.#bucket === undefined, "all buckets have ended");
    const rootPage = this.#root.finish();
    const shape = { rootPage, pageCount: this.#sink.next };
    const isAsMeasured =
      this.#shape === undefined ||
      (this.#shape.rootPage === rootPage && this.#shape.pageCount === shape.pageCount);
    assert(isAsMeasured, "a file is written as it was measured");
    return shape;
  }
}

class CountingSink implements PageSink {
  readonly #emit: ((bytes: Uint8Array) => void) | undefined;
  next = FIRST_TREE_PAGE;

  constructor(emit: ((bytes: Uint8Array) => void) | undefined) {
    this.#emit = emit;
  }

  get writes(): boolean {
    return this.#emit !== undefined;
  }

  place(pages: number, write: ((bytes: Uint8Array, id: number) => void) | undefined): number {
    const id = this.next;
    this.next += pages;
    if (write !== undefined && this.#emit !== undefined) {
      const bytes = new Uint8Array(pages * BOLT_PAGE_BYTES);
      write(bytes, id);
      this.#emit(bytes);
    }
    return id;
  }
}

function writeFront(shape: BoltShape, emit: (bytes: Uint8Array) => void): void {
  const bytes = new Uint8Array(FIRST_TREE_PAGE * BOLT_PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  for (const id of [0, 1]) {
    const at = id * BOLT_PAGE_BYTES;
    writePageHeader(view, at, { id, flags: META_PAGE, count: 0, overflow: 0 });
    writeMeta(view, at + PAGE_HEADER_BYTES, {
      pageBytes: BOLT_PAGE_BYTES,
      rootPage: shape.rootPage,
      freelistPage: FREELIST_AT,
      pageLimit: shape.pageCount,
      txn: TXN - id,
    });
  }
  const freelist = { id: FREELIST_AT, flags: FREELIST_PAGE, count: 0, overflow: 0 };
  writePageHeader(view, FREELIST_AT * BOLT_PAGE_BYTES, freelist);
  emit(bytes);
}
