import { expect, test } from "vitest";
import { findRoomCycle, drawRooms, ROOMS, type Room } from "./rooms.mjs";
import { checkSource } from "./source-rules.mjs";

const HOUSE = { rooms: ROOMS, packages: ["pino"] };

function faultsOf(file: string, text: string): string[] {
  return checkSource(file, text, HOUSE).map((fault) => `${fault.line}: ${fault.text}`);
}

/** Faults planted one at a time: where, what, and what must be said. */
const PLANTED: readonly (readonly [string, string, string])[] = [
  // Which room may import which, however the import is written.
  ["src/watch/a.ts", 'import { a } from "../machine/a.ts";', "watch may import base, mvcc, not"],
  ["src/machine/a.ts", 'import type { A } from "../watch/a.ts";', "machine may import"],
  ["src/mvcc/a.ts", 'export { a } from "../replica/a.ts";', "mvcc may import base, storage, not"],
  ["src/mvcc/a.ts", 'export * from "../watch/a.ts";', "not watch/a.ts"],
  ["src/base/a.ts", 'type A = import("../mvcc/a.ts").A;', "base may import nothing, not mvcc/a.ts"],
  ["src/api/a.ts", 'const a = import("../transport/a.ts");', "api may import"],
  ["src/api/a.ts", "const a = import(name);", "import of a computed name"],
  ["src/api/a.ts", 'import { a } from "../storage/a.ts";', "not storage/a.ts"],
  ["src/transport/a.ts", 'import { a } from "../api/kv.ts";', "base, api/call.ts, not api/kv.ts"],
  ["src/transport/http2/a.ts", 'import { a } from "../../mvcc/a.ts";', "not mvcc/a.ts"],
  ["src/replica/a.ts", 'import { a } from "../server.ts";', "not server.ts"],
  ["src/replica/a.ts", 'import { a } from "../../test/a.ts";', "no part of the product"],
  ["src/replica/a.ts", 'import { a } from "./a.test.ts";', "imports the test file"],
  ["src/mvcc/a.test.ts", 'import { a } from "../watch/a.ts";', "not watch/a.ts"],
  ["src/console/a.ts", "", "src/console/ is not a room"],
  // Packages and Node.
  ["src/mvcc/a.ts", 'import { pino } from "pino";', "mvcc may not import packages"],
  ["src/replica/a.ts", 'import * as fc from "fast-check";', "not in package.json dependencies"],
  ["src/mvcc/a.ts", 'import { readFileSync } from "node:fs";', "may not import node:fs"],
  ["src/replica/a.ts", 'import { readFileSync } from "fs";', "write node:fs"],
  // The world, in rooms that are pure or have it handed in.
  ["src/base/a.ts", "function a() { return Date.now(); }", "1: Date in base"],
  ["src/watch/a.ts", "function a() { setTimeout(b, 1); }", "setTimeout in watch"],
  ["src/watch/a.ts", "function a() { queueMicrotask(b); }", "queueMicrotask in watch"],
  ["src/machine/a.ts", "function a() { return Math.random(); }", "Math.random in machine"],
  ["src/machine/a.ts", 'function a() { return Math["random"](); }', "Math.random in machine"],
  ["src/mvcc/a.ts", "function a() { console.log(1); }", "console in mvcc"],
  ["src/mvcc/a.ts", "function a() { return { process }; }", "process in mvcc"],
  ["src/mvcc/a.ts", "function a() { return globalThis.fetch; }", "globalThis in mvcc"],
  ["src/storage/a.ts", "async function a() {}", "async code in storage"],
  ["src/storage/a.ts", "function a() { return async () => {}; }", "async code in storage"],
  ["src/storage/a.ts", "function a(): Promise<void> {}", "Promise in storage"],
  ["src/storage/a.ts", "for await (const x of y) z(x);", "async code in storage"],
  ["src/api/a.ts", "function a() { return Date.now(); }", "Date in api"],
  ["src/api/a.ts", "function a() { return crypto.randomUUID(); }", "crypto in api"],
  // State of the module.
  ["src/replica/a.ts", "let a = 1;", "let at module level"],
  ["src/a.ts", "export var a = 1;", "var at module level"],
  ["src/a.ts", "const a = new Map();", "a can change"],
  ["src/a.ts", "export const a: string[] = [];", "a can change"],
  ["src/a.ts", "const a: Record<string, string> = {};", "a can change"],
  ["src/a.ts", "export class A { static count = 0; }", "static field that can change"],
  ["src/a.ts", "const a = () => 1;", "a is a function"],
  // Form.
  ["src/a.ts", "export default function a() {}", "default export"],
  ["tools/a.mjs", "export default 1;", "default export"],
  ["src/a.ts", "\n\n// TODO: later", "3: leftover TODO"],
  ["test/a.ts", "/* FIXME */", "leftover FIXME"],
  ["src/a.ts", `\n// ${"x".repeat(98)}`, "2: 101 columns"],
  ["src/a.ts", "//\n".repeat(501), "501 lines"],
  ["src/a.ts", "const a = ;", "Unexpected token"],
  ["src/a.test.ts", 'test.only("a", () => {});', "test.only left in a test"],
  ["test/a.test.ts", 'describe.concurrent.skip("a", () => {});', "describe.skip left in a test"],
  ["test/a.test.ts", 'it.each([1]).skip("a", () => {});', "it.skip left in a test"],
];

test.each(PLANTED)("a planted fault is found: $2 (%s)", (file, text, message) => {
  const faults = faultsOf(file, text);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain(message);
});

/** Code that looks like a fault and is none: what it is, where, and the code. */
const CLEAN: readonly (readonly [string, string, string])[] = [
  ["a room below", "src/watch/a.ts", 'import { a } from "../mvcc/a.ts";'],
  ["its own room", "src/watch/a.ts", 'import { b } from "./b.ts";'],
  ["a single file", "src/transport/http2/a.ts", 'import type { A } from "../../api/call.ts";'],
  ["wiring", "src/server.ts", 'import { a } from "./api/a.ts";\nimport { pino } from "pino";'],
  ["types of Node", "src/mvcc/a.ts", 'import type { Stats } from "node:fs";'],
  ["the edge", "src/storage/node-disk.ts", 'import { a } from "node:fs";\nconst b = Date.now();'],
  ["a test", "src/mvcc/a.test.ts", 'import { test } from "vitest";\nlet a = Date.now();'],
  [
    "names of fields",
    "src/mvcc/a.ts",
    "function a(b) { return b.process + b.Date({ console: 1 }); }",
  ],
  ["a free room", "src/replica/a.ts", "async function a() { return Date.now(); }"],
  ["waiting in api", "src/api/a.ts", "async function a() { await b(); }"],
  ["a readonly map", "src/a.ts", "const a: ReadonlyMap<string, string> = new Map();"],
  ["a readonly list", "src/a.ts", "const a: readonly string[] = [];"],
  ["a table of numbers", "src/a.ts", "const a = new Uint32Array(256);"],
  ["a constant of a class", "src/a.ts", "export class A { static readonly most = 1; }"],
  ["a file of 500 lines", "src/a.ts", "//\n".repeat(500)],
  ["a long address", "src/a.ts", `// https://example.com/${"x".repeat(100)}`],
  ["a skip with a reason", "test/a.test.ts", 'test.skipIf(missing)("a", () => {});'],
  ["another skip", "test/a.test.ts", "list.skip(1);"],
  ["a configuration", "vitest.config.ts", "export default {};"],
];

test.each(CLEAN)("no fault: %s", (_, file, text) => {
  expect(faultsOf(file, text)).toEqual([]);
});

test("the arrows of the table only go down", () => {
  expect(findRoomCycle(ROOMS)).toBeUndefined();
});

test("a circle in the table is found, also through a single file of a room", () => {
  const room = (...imports: string[]): Room => ({ says: "", imports, purity: "free" });
  const rooms = { top: room("middle"), middle: room("bottom"), bottom: room("top/call.ts") };
  expect(findRoomCycle(rooms)).toEqual(["top", "middle", "bottom", "top"]);
});

test("machine and watch, which stand on the same ground, share a row of the picture", () => {
  const picture = drawRooms(ROOMS).split("\n");
  expect(picture.filter((line) => line.includes("machine (pure)"))).toEqual([
    expect.stringMatching(/^\| machine \(pure\) +\| watch \(pure\) +\|$/),
  ]);
  expect(new Set(picture.map((line) => line.length))).toEqual(new Set([80]));
});
