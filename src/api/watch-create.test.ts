import { describe, expect, it } from "vitest";
import { parseKeyRange } from "../base/key-range.ts";
import { WATCH_RANGES_MAX } from "../base/limits.ts";
import type { WatchCreateRequest } from "./proto/messages-key-value.ts";
import type { WatchCreateExtensions } from "./proto/watch-extensions.ts";
import { parseCreate, parseWatchHeader, type WatchDefaults } from "./watch-create.ts";

const SILENT: WatchCreateExtensions = {
  keysOnly: undefined,
  state: undefined,
  latestOnly: undefined,
  deleteReason: undefined,
  ranges: [],
};

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

function defaultsOf(header: string | undefined): WatchDefaults {
  const defaults = parseWatchHeader(header);
  if (typeof defaults === "string") throw new Error(defaults);
  return defaults;
}

function create(
  fields: Partial<WatchCreateRequest>,
  extensions?: Partial<WatchCreateExtensions>,
  header?: string,
): ReturnType<typeof parseCreate> {
  const request: WatchCreateRequest = {
    key: bytes("a"),
    rangeEnd: bytes(""),
    startRevision: 0,
    progressNotify: false,
    filters: [],
    prevKv: false,
    watchId: 0n,
    fragment: false,
    ...fields,
  };
  const said = extensions === undefined ? undefined : { ...SILENT, ...extensions };
  return parseCreate(request, said, defaultsOf(header));
}

describe("the vedette-watch header", () => {
  it("names defaults between commas, in any order", () => {
    const all = { keysOnly: true, state: true, latestOnly: true, deleteReason: true };
    expect(defaultsOf("keys-only,state, latest ,delete-reason")).toEqual(all);
    expect(defaultsOf("state, keys-only")).toEqual({
      ...defaultsOf(""),
      keysOnly: true,
      state: true,
    });
    expect(Object.values(defaultsOf(undefined))).toEqual([false, false, false, false]);
  });

  it("is refused with the words there are when it holds another", () => {
    expect(parseWatchHeader("state, keysonly")).toBe(
      'vedette-watch: unknown word "keysonly"; ' +
        "the words are keys-only, state, latest, delete-reason",
    );
    for (const word of ["constructor", "State", "state latest", "x".repeat(5000)]) {
      expect(parseWatchHeader(word)).toMatch(/^vedette-watch: unknown word ".{1,64}"; the words/);
    }
  });
});

describe("a create", () => {
  it("of a stock client has nothing that is not etcd's", () => {
    const parsed = create({ filters: [1], prevKv: true, watchId: 5n });
    expect(parsed).toMatchObject({ id: 5, state: false, startRevision: 0 });
    if (typeof parsed === "string") throw new Error(parsed);
    expect(parsed.interest).toEqual({
      range: parseKeyRange(bytes("a"), bytes("")),
      noPut: false,
      noDelete: true,
      prevKv: true,
    });
  });

  it("may say otherwise than its stream's defaults", () => {
    const header = "keys-only, latest";
    expect(create({}, { keysOnly: false, deleteReason: true }, header)).toMatchObject({
      interest: { extras: { keysOnly: false, latestOnly: true, deleteReason: true } },
    });
    expect(create({}, undefined, header)).toMatchObject({
      interest: { extras: { keysOnly: true, latestOnly: true, deleteReason: false } },
    });
  });

  it("goes on where it left off whatever the default says, but not what itself says", () => {
    expect(create({ startRevision: 7 }, undefined, "state")).toMatchObject({ state: false });
    expect(create({ startRevision: 7 }, { state: true }, "state")).toMatchObject({ state: true });
    expect(create({}, undefined, "state")).toMatchObject({ state: true });
  });

  it("joins its further ranges with its own, if it has one", () => {
    const ranges = [
      { key: bytes("b"), rangeEnd: bytes("d") },
      { key: bytes("x"), rangeEnd: bytes("") },
    ];
    const [between, single] = ranges.map(({ key, rangeEnd }) => parseKeyRange(key, rangeEnd));
    expect(create({}, { ranges })).toMatchObject({
      interest: {
        range: {
          kind: "several",
          ranges: [parseKeyRange(bytes("a"), bytes("")), between, single],
        },
      },
    });
    expect(create({ key: bytes("") }, { ranges })).toMatchObject({
      interest: { range: { kind: "several", ranges: [between, single] } },
    });
    const all = create({ key: bytes(""), rangeEnd: bytes("\0") }, { ranges });
    expect(all).toMatchObject({ interest: { range: { kind: "from", start: bytes("\0") } } });
  });

  it("is refused with more further ranges than there may be", () => {
    const ranges = Array.from({ length: WATCH_RANGES_MAX + 1 }, (_, i) => ({
      key: bytes(`${i}`),
      rangeEnd: bytes(""),
    }));
    expect(create({}, { ranges })).toBe("vedette: a watch has at most 256 further ranges");
    expect(create({}, { ranges: ranges.slice(1) })).not.toBeTypeOf("string");
  });

  it("keeps no bytes of its request", () => {
    const key = bytes("a");
    const ranges = [{ key: bytes("b"), rangeEnd: bytes("") }];
    const parsed = create({ key }, { ranges });
    key.fill(0xee);
    ranges[0]!.key.fill(0xee);
    expect(parsed).toEqual(create({}, { ranges: [{ key: bytes("b"), rangeEnd: bytes("") }] }));
  });
});
