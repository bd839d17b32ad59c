import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes } from "../../base/bytes.ts";
import { BoltFileWriter } from "./file-writer.ts";
import {
  BOLT_PAGE_BYTES,
  BUCKET_ENTRY,
  META_PAGE,
  PAGE_HEADER_BYTES,
  writeMeta,
  writePageHeader,
} from "./page.ts";
import { BoltError, BoltReader, type ByteSource } from "./reader.ts";
import { type PageSink, TreeWriter } from "./tree-writer.ts";

type Entries = readonly (readonly [Uint8Array, Uint8Array])[];
type Content = readonly (readonly [Uint8Array, Entries])[];

function feed(writer: BoltFileWriter, content: Content): ReturnType<BoltFileWriter["finish"]> {
  for (const [name, entries] of content) {
    writer.begin(name);
    for (const [key, value] of entries) writer.add(key, value);
    writer.end();
  }
  return writer.finish();
}

function write(content: Content): Uint8Array {
  const shape = feed(new BoltFileWriter(), content);
  const pieces: Uint8Array[] = [];
  feed(new BoltFileWriter({ shape, emit: (bytes) => void pieces.push(bytes) }), content);
  const bytes = new Uint8Array(Buffer.concat(pieces));
  expect(bytes.length).toBe(shape.pageCount * BOLT_PAGE_BYTES);
  return bytes;
}

function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read(position, target) {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
  };
}

function read(bytes: Uint8Array): [Uint8Array, [Uint8Array, Uint8Array][]][] {
  const reader = new BoltReader(sourceOf(bytes));
  return [...reader.buckets()].map((name) => [
    name,
    [...reader.entries(name)].map(({ key, value }) => [key, value] as [Uint8Array, Uint8Array]),
  ]);
}

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const numbered = (number: number): Uint8Array => latin1(String(number).padStart(8, "0"));

/** Distinct keys in order, with values now and then larger than a page. */
function sortedEntries(keySize: number, most: number): fc.Arbitrary<Entries> {
  const value = fc.oneof(
    { weight: 8, arbitrary: fc.uint8Array({ maxLength: 60 }) },
    { weight: 1, arbitrary: fc.integer({ min: 900, max: 13_000 }).map((n) => new Uint8Array(n)) },
  );
  return fc
    .uniqueArray(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: keySize }), value), {
      maxLength: most,
      selector: ([key]) => Buffer.from(key).toString("hex"),
    })
    .map((entries) => entries.toSorted(([left], [right]) => compareBytes(left, right)));
}

const content: fc.Arbitrary<Content> = fc
  .tuple(sortedEntries(40, 60), sortedEntries(2500, 30), sortedEntries(4, 3))
  .map((buckets) => buckets.map((entries, i) => [numbered(i), entries] as const));

describe("a bbolt file of our own", () => {
  test("reads back as it was written, whatever the sizes of keys and values", () => {
    fc.assert(
      fc.property(content, (given) => {
        expect(read(write(given))).toEqual(given);
      }),
      { numRuns: 60 },
    );
  });

  test("may be a tree of several levels", () => {
    const entries = Array.from({ length: 30_000 }, (_, i) => [numbered(i), numbered(-i)] as const);
    const file = write([[latin1("key"), entries]]);
    expect(read(file)).toEqual([[latin1("key"), entries]]);
    expect(file.length / BOLT_PAGE_BYTES).toBeGreaterThan(170);
  });

  test("may hold nothing at all", () => {
    expect(read(write([]))).toEqual([]);
    expect(read(write([[latin1("empty"), []]]))).toEqual([[latin1("empty"), []]]);
  });

  test("has no entries of a bucket that is not there", () => {
    const reader = new BoltReader(sourceOf(write([[latin1("a"), []]])));
    expect([...reader.entries(latin1("b"))]).toEqual([]);
  });
});

test("a file with other pages and with buckets in buckets is read, as bbolt makes them too", () => {
  const pageBytes = 1024;
  const file = new Uint8Array(3 * pageBytes);
  const view = new DataView(file.buffer);
  const meta = { pageBytes, rootPage: 2, freelistPage: 2 ** 40, pageLimit: 3 };
  for (const id of [0, 1]) {
    writePageHeader(view, id * pageBytes, { id, flags: META_PAGE, count: 0, overflow: 0 });
    writeMeta(view, id * pageBytes + PAGE_HEADER_BYTES, { ...meta, txn: 5 + id });
  }
  const sink: PageSink = {
    writes: true,
    place(_, write) {
      const page = new Uint8Array(BOLT_PAGE_BYTES);
      write?.(page, 2);
      file.set(page.subarray(0, pageBytes), 2 * pageBytes);
      return 2;
    },
  };
  const inner = new TreeWriter(sink, 0);
  inner.add(latin1("k"), latin1("v"));
  const outer = new TreeWriter(sink, BUCKET_ENTRY);
  outer.add(latin1("inner"), inner.finishBucket());
  const root = new TreeWriter(sink, BUCKET_ENTRY);
  root.add(latin1("outer"), outer.finishBucket());
  root.finish();

  const reader = new BoltReader(sourceOf(file));
  expect(reader.meta.txn).toBe(6);
  expect([...reader.buckets()]).toEqual([latin1("outer")]);
  const entries = [...reader.entries(latin1("outer"), latin1("inner"))];
  expect(entries).toEqual([{ key: latin1("k"), value: latin1("v"), isBucket: false }]);
  file.fill(0, 0, 100);
  expect([...new BoltReader(sourceOf(file)).buckets()]).toHaveLength(1);
});

describe("a file that is damaged", () => {
  const whole = write([
    [latin1("key"), Array.from({ length: 900 }, (_, i) => [numbered(i), numbered(i)] as const)],
    [latin1("meta"), [[latin1("term"), numbered(3)]]],
  ]);

  /** Changes a copy and reads all of it. */
  function readChanged(change: (file: Uint8Array, view: DataView) => Uint8Array | void): unknown {
    const copy = whole.slice();
    return read(change(copy, new DataView(copy.buffer)) ?? copy);
  }

  test("lives on with either of its metas", () => {
    const expected = read(whole);
    expect(readChanged((file) => void file.fill(0, 0, 4096))).toEqual(expected);
    expect(readChanged((file) => void file.fill(7, 4096, 8192))).toEqual(expected);
    expect(() => readChanged((file) => void file.fill(0, 0, 8192))).toThrow("both of its meta");
  });

  const rootOfKey = 3;
  test.each<[string, (file: Uint8Array, view: DataView) => Uint8Array | void, string]>([
    ["is cut short", (file) => file.subarray(0, file.length - 1), "cut short"],
    ["is empty", () => new Uint8Array(0), "not a bbolt file"],
    [
      "has a page out of place",
      (file) => void file.copyWithin(3 * 4096, 4 * 4096, 5 * 4096),
      "page 3: it says that it is page 4",
    ],
    [
      "has a page of no kind",
      (_, view) => view.setUint16(rootOfKey * 4096 + 8, 0, true),
      "page 3: it is neither leaf nor branch",
    ],
    [
      "has too many elements",
      (_, view) => view.setUint16(rootOfKey * 4096 + 10, 60_000, true),
      "page 3: its elements do not fit",
    ],
    [
      "has a page that never ends",
      (_, view) => view.setUint32(rootOfKey * 4096 + 12, 1e9, true),
      "page 3: it goes on beyond the last page",
    ],
    [
      "uses a page twice",
      (_, view) => view.setUint32(rootOfKey * 4096 + 12, 2, true),
      "page 4: it is used twice",
    ],
    [
      "has an entry out of bounds",
      (_, view) => view.setUint32(rootOfKey * 4096 + 24, 5000, true),
      "page 3: entry 0 goes beyond its page",
    ],
    [
      "has keys out of order",
      (_, view) => view.setUint32(rootOfKey * 4096 + 24, 0, true),
      "page 3: keys are out of order",
    ],
  ])("%s, and is refused", (name, change, message) => {
    if (name === "has keys out of order") {
      // The first key's first digit becomes larger than all that follow.
      expect(() => readChanged((file) => void (file[firstKeyAt(file)] = 0x39))).toThrow(message);
    } else expect(() => readChanged(change)).toThrow(message);
  });

  test("in any bytes at all is read as something, or refused, and always ends", () => {
    const damage = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 12,
    });
    const nearHeads = damage.map((changes) =>
      changes.map(([at, byte]) => [at - (at % 4096) + (at % 64), byte] as const),
    );
    let refused = 0;
    fc.assert(
      fc.property(fc.oneof(damage, nearHeads), fc.nat({ max: 3 }), (changes, keptPages) => {
        const outcome = (): unknown =>
          readChanged((file) => {
            for (const [at, byte] of changes) file[at] = byte;
            return keptPages === 0 ? file.subarray(0, changes[0]?.[0]) : file;
          });
        try {
          outcome();
        } catch (error) {
          expect(error).toBeInstanceOf(BoltError);
          refused++;
        }
      }),
      { numRuns: 1500 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  function firstKeyAt(file: Uint8Array): number {
    const element = rootOfKey * 4096 + 16;
    return element + new DataView(file.buffer).getUint32(element + 4, true);
  }
});
