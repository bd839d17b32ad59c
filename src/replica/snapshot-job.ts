import { assert } from "../base/assert.ts";
import { latin1Bytes } from "../base/bytes.ts";
import type { RecordWalk, WalkBudget } from "../mvcc/record-walk.ts";
import { BoltFileWriter, type BoltShape } from "../storage/bolt/file-writer.ts";
import { BOLT_PAGE_BYTES } from "../storage/bolt/page.ts";
import { type Bucket, KEY_BUCKET } from "./etcd-buckets.ts";

/** What goes into a snapshot: the buckets of one moment, and the keys' history up to it. */
export interface SnapshotContent {
  readonly before: readonly Bucket[];
  readonly after: readonly Bucket[];
  /** A walk from the start; each shows the same. */
  readonly walk: () => RecordWalk;
}

const NO_BUDGET: WalkBudget = { records: 0, bytes: 0 };

/**
 * One snapshot as an etcd database, in slices. The content is gone through twice: first to measure,
 * because the first page of the file says how long it is, then to write. Memory holds what one
 * slice makes.
 */
export class SnapshotJob {
  readonly #content: SnapshotContent;
  #shape: BoltShape | undefined;
  #pass: Pass | undefined;
  #pages: Uint8Array[] = [];

  constructor(content: SnapshotContent) {
    this.#content = content;
  }

  /** Present once `measure` has said "done". */
  get totalBytes(): number {
    assert(this.#shape !== undefined, "a size is read when it has been measured");
    return this.#shape.pageCount * BOLT_PAGE_BYTES;
  }

  measure(budget: WalkBudget): "more" | "done" {
    this.#pass ??= new Pass(this.#content, new BoltFileWriter());
    this.#shape = this.#pass.step(budget);
    if (this.#shape === undefined) return "more";
    this.#pass = undefined;
    return "done";
  }

  /** The next pages, owned by the caller; undefined after the last. A slice may bring none. */
  next(budget: WalkBudget): readonly Uint8Array[] | undefined {
    const shape = this.#shape;
    assert(shape !== undefined, "a snapshot is measured before it is written");
    if (this.#pass?.isOver === true) return undefined;
    const emit = (bytes: Uint8Array): void => void this.#pages.push(bytes);
    this.#pass ??= new Pass(this.#content, new BoltFileWriter({ shape, emit }));
    this.#pass.step(budget);
    const pages = this.#pages;
    this.#pages = [];
    return pages;
  }
}

/** Going through the content once. */
class Pass {
  readonly #content: SnapshotContent;
  readonly #writer: BoltFileWriter;
  readonly #slices: Generator<undefined, BoltShape>;
  #budget: WalkBudget = NO_BUDGET;
  isOver = false;

  constructor(content: SnapshotContent, writer: BoltFileWriter) {
    this.#content = content;
    this.#writer = writer;
    this.#slices = this.#run();
  }

  /** The file's shape when the pass is through. */
  step(budget: WalkBudget): BoltShape | undefined {
    this.#budget = budget;
    const { done = false, value } = this.#slices.next();
    this.isOver = done;
    return value;
  }

  *#run(): Generator<undefined, BoltShape> {
    const writer = this.#writer;
    const { before, after } = this.#content;
    for (const bucket of before) yield* this.#state(bucket);
    writer.begin(latin1Bytes(KEY_BUCKET));
    const walk = this.#content.walk();
    while (walk.step(this.#budget, (key, value) => writer.add(key, value)) === "more") yield;
    writer.end();
    for (const bucket of after) yield* this.#state(bucket);
    return writer.finish();
  }

  *#state({ name, entries }: Bucket): Generator<undefined, void> {
    const writer = this.#writer;
    writer.begin(latin1Bytes(name));
    let left = this.#budget.records;
    for (const [key, value] of entries) {
      if (left-- === 0) {
        yield;
        left = this.#budget.records;
      }
      writer.add(latin1Bytes(key), value);
    }
    writer.end();
  }
}
