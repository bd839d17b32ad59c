import { expect, test } from "vitest";
import type { Method } from "../api/call.ts";
import { ServedMethods } from "./method-table.ts";

const method: Method = { kind: "unary", handle: (request, call) => call.reply(request) };
const methods = new ServedMethods(new Map([["/etcdserverpb.KV/Put", method]]));

test.each([
  ["/etcdserverpb.KV/Get", "unknown method Get for service etcdserverpb.KV"],
  ["/etcdserverpb.KV/", "unknown method  for service etcdserverpb.KV"],
  ["/etcdserverpb.KV2/Put", "unknown service etcdserverpb.KV2"],
  ["/a/b/c", "unknown service a/b"],
  ["/Put", 'malformed method name: "/Put"'],
  ["Put", 'malformed method name: "Put"'],
  ["/__proto__/constructor", "unknown service __proto__"],
])("E81: %s is an %s", (path, text) => {
  expect(methods.get(path)).toBeUndefined();
  expect(methods.unknownText(path)).toBe(text);
});

test("a method is found with its counters", () => {
  const served = methods.get("/etcdserverpb.KV/Put");
  expect(served?.method).toBe(method);
  expect(served?.counters).toMatchObject({ service: "etcdserverpb.KV", method: "Put", started: 0 });
  expect(methods.counters.get("/etcdserverpb.KV/Put")).toBe(served?.counters);
});
