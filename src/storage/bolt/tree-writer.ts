import { assert } from "../../base/assert.ts";
import { compareBytes } from "../../base/bytes.ts";
import {
  BOLT_PAGE_BYTES,
  BRANCH_PAGE,
  BUCKET_HEADER_BYTES,
  ELEMENT_BYTES,
  LEAF_PAGE,
  PAGE_HEADER_BYTES,
  writePageHeader,
  writeUint64,
} from "./page.ts";

/** bbolt keeps a bucket inside of its entry up to a quarter of a page. */
const INLINE_BYTES_MAX: number = BOLT_PAGE_BYTES / 4;
/** A branch leads to two pages at least, however long their keys are. */
const CHILDREN_MIN = 2;

/** Where pages go, one behind the other. */
export interface PageSink {
  /**
   * Takes a run of whole pages of the file and returns the number of the first. Undefined bytes
   * are only counted: the run would be `pages` long.
   */
  place(pages: number, write: ((bytes: Uint8Array, id: number) => void) | undefined): number;
  /** False when pages are only counted. */
  readonly writes: boolean;
}

interface Leaf {
  readonly keys: Uint8Array[];
  readonly values: Uint8Array[];
  bytes: number;
}

interface Branch {
  readonly keys: Uint8Array[];
  readonly children: number[];
  bytes: number;
}

/**
 * Builds one B+tree of a bbolt file from its entries in ascending order. A page is placed as soon
 * as it is full, so memory holds one page a level, however large the tree. Keys and values are
 * borrowed until `finish` returns.
 */
export class TreeWriter {
  readonly #sink: PageSink;
  readonly #entryFlags: number;
  #leaf: Leaf = newLeaf();
  readonly #branches: Branch[] = [];
  #lastKey: Uint8Array | undefined;

  /** `entryFlags` goes with each entry: 0, or BUCKET_ENTRY for a tree of buckets. */
  constructor(sink: PageSink, entryFlags: number) {
    this.#sink = sink;
    this.#entryFlags = entryFlags;
  }

  add(key: Uint8Array, value: Uint8Array): void {
    const isAscending = this.#lastKey === undefined || compareBytes(this.#lastKey, key) < 0;
    assert(isAscending, "a tree is built from keys in order");
    this.#lastKey = key;
    const bytes = ELEMENT_BYTES + key.length + value.length;
    if (this.#leaf.keys.length > 0 && this.#leaf.bytes + bytes > BOLT_PAGE_BYTES) this.#endLeaf();
    const leaf = this.#leaf;
    leaf.keys.push(key);
    leaf.values.push(value);
    leaf.bytes += bytes;
  }

  /** Places what is left, and returns the number of the root page. */
  finish(): number {
    if (this.#leaf.keys.length > 0 || this.#branches.length === 0) {
      if (this.#branches.length === 0) return this.#placeLeaf(this.#leaf);
      this.#endLeaf();
    }
    for (let level = 0; ; level++) {
      const branch = this.#branches[level];
      assert(branch !== undefined, "a level that was filled is there");
      const only = branch.children[0];
      const isTop = level === this.#branches.length - 1;
      if (isTop && branch.children.length === 1 && only !== undefined) return only;
      this.#endBranch(level);
    }
  }

  /** As `finish`, for a bucket: returns the value of its entry. A small one is held in there. */
  finishBucket(): Uint8Array {
    const leaf = this.#leaf;
    const isInline = this.#branches.length === 0 && leaf.bytes <= INLINE_BYTES_MAX;
    const value = new Uint8Array(BUCKET_HEADER_BYTES + (isInline ? leaf.bytes : 0));
    const view = new DataView(value.buffer);
    if (isInline) this.#writeLeaf(leaf, value.subarray(BUCKET_HEADER_BYTES), 0);
    else writeUint64(view, 0, this.finish());
    return value;
  }

  #endLeaf(): void {
    const leaf = this.#leaf;
    this.#leaf = newLeaf();
    this.#addChild(0, leaf.keys[0] as Uint8Array, this.#placeLeaf(leaf));
  }

  #endBranch(level: number): void {
    const branch = this.#branches[level] as Branch;
    this.#branches[level] = newBranch();
    this.#addChild(level + 1, branch.keys[0] as Uint8Array, this.#placeBranch(branch));
  }

  #addChild(level: number, key: Uint8Array, child: number): void {
    const before = this.#branches[level];
    const bytes = ELEMENT_BYTES + key.length;
    if (before === undefined) this.#branches.push(newBranch());
    else if (before.keys.length >= CHILDREN_MIN && before.bytes + bytes > BOLT_PAGE_BYTES) {
      this.#endBranch(level);
    }
    const branch = this.#branches[level] as Branch;
    branch.keys.push(key);
    branch.children.push(child);
    branch.bytes += bytes;
  }

  #placeLeaf(leaf: Leaf): number {
    const write = (bytes: Uint8Array, id: number): void => this.#writeLeaf(leaf, bytes, id);
    return this.#sink.place(pagesOf(leaf.bytes), this.#sink.writes ? write : undefined);
  }

  #placeBranch(branch: Branch): number {
    const write = (bytes: Uint8Array, id: number): void => writeBranch(branch, bytes, id);
    return this.#sink.place(pagesOf(branch.bytes), this.#sink.writes ? write : undefined);
  }

  #writeLeaf(leaf: Leaf, target: Uint8Array, id: number): void {
    const { keys, values } = leaf;
    const view = viewOf(target);
    const overflow = id === 0 ? 0 : pagesOf(leaf.bytes) - 1;
    writePageHeader(view, 0, { id, flags: LEAF_PAGE, count: keys.length, overflow });
    let element = PAGE_HEADER_BYTES;
    let at = PAGE_HEADER_BYTES + keys.length * ELEMENT_BYTES;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as Uint8Array;
      const value = values[i] as Uint8Array;
      view.setUint32(element, this.#entryFlags, true);
      view.setUint32(element + 4, at - element, true);
      view.setUint32(element + 8, key.length, true);
      view.setUint32(element + 12, value.length, true);
      target.set(key, at);
      target.set(value, at + key.length);
      at += key.length + value.length;
      element += ELEMENT_BYTES;
    }
  }
}

function writeBranch({ keys, children, bytes }: Branch, target: Uint8Array, id: number): void {
  const view = viewOf(target);
  const overflow = pagesOf(bytes) - 1;
  writePageHeader(view, 0, { id, flags: BRANCH_PAGE, count: keys.length, overflow });
  let element = PAGE_HEADER_BYTES;
  let at = PAGE_HEADER_BYTES + keys.length * ELEMENT_BYTES;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as Uint8Array;
    view.setUint32(element, at - element, true);
    view.setUint32(element + 4, key.length, true);
    writeUint64(view, element + 8, children[i] as number);
    target.set(key, at);
    at += key.length;
    element += ELEMENT_BYTES;
  }
}

function pagesOf(bytes: number): number {
  return Math.ceil(bytes / BOLT_PAGE_BYTES);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function newLeaf(): Leaf {
  return { keys: [], values: [], bytes: PAGE_HEADER_BYTES };
}

function newBranch(): Branch {
  return { keys: [], children: [], bytes: PAGE_HEADER_BYTES };
}
