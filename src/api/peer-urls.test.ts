import { describe, expect, test } from "vitest";
import { arePeerUrls } from "./peer-urls.ts";

describe("arePeerUrls", () => {
  test.each([
    ["http://10.0.0.1:2380", true],
    ["https://node-1.example:2380", true],
    ["http://[::1]:80", true],
    ["http://node:2380/", true],
    ["unix://socket", true],
    ["http://node", false],
    ["http://node:", false],
    ["http://:2380", false],
    ["http://node:2380/path", false],
    ["http://node:2380?query", false],
    ["ftp://node:2380", false],
    ["node:2380", false],
    ["", false],
    [" http://node:2380", false],
  ])("%j: %s (C2)", (url, expected) => {
    expect(arePeerUrls([url])).toBe(expected);
  });

  test("needs one URL, and all of them to be right", () => {
    expect(arePeerUrls([])).toBe(false);
    expect(arePeerUrls(["http://a:1", "b"])).toBe(false);
  });
});
