import { describe, expect, test } from "vitest";
import { AccessControl } from "./access-control.ts";

function judge(
  options: { origins?: readonly string[]; hosts?: readonly string[] },
  headers: Readonly<Record<string, string>>,
  { method = "POST", isSecure = false }: { method?: string; isSecure?: boolean } = {},
): number | string | undefined {
  const access = new AccessControl({ origins: ["*"], hosts: ["*"], ...options });
  const verdict = access.judge({ method, isSecure, header: (name) => headers[name] });
  if (verdict.kind === "answer") return verdict.response.status;
  return verdict.headers["access-control-allow-origin"];
}

describe("access control of HTTP", () => {
  test.each([
    ["a.example:2379", "a.example", undefined],
    ["a.example", "a.example", undefined],
    ["[::1]:2379", "::1", undefined],
    ["b.example", "a.example", 421],
    ["a.example.b.example", "a.example", 421],
    ["", "a.example", 421],
  ])("a request to %s where %s is listed is judged by its name (G11)", (host, listed, verdict) => {
    const origins = ["https://o.example"];
    expect(judge({ origins, hosts: [listed] }, { host })).toBe(verdict);
    expect(judge({ origins, hosts: [listed] }, { host }, { isSecure: true })).toBeUndefined();
    expect(judge({ origins, hosts: ["*"] }, { host })).toBeUndefined();
  });

  test("every answer allows all origins, or those that are named (G10)", () => {
    const origins = ["https://a.example", "https://b.example"];
    expect(judge({}, { origin: "https://a.example" })).toBe("*");
    expect(judge({}, {})).toBe("*");
    expect(judge({ origins: [] }, {})).toBe("*");
    expect(judge({ origins }, { origin: "https://b.example" })).toBe("https://b.example");
    expect(judge({ origins }, {})).toBeUndefined();
    expect(judge({ origins }, { origin: "https://c.example" })).toBe(403);
    expect(judge({ origins }, { origin: "null" })).toBe(403);
  });

  test("a page that this port served may ask it", () => {
    const origins = ["https://a.example"];
    const host = "127.0.0.1:2379";
    expect(judge({ origins }, { host, origin: `http://${host}` })).toBeUndefined();
    expect(judge({ origins }, { host, origin: "http://127.0.0.1:80" })).toBe(403);
  });

  test("OPTIONS is answered at once, but for those who may not come (G10)", () => {
    const method = "OPTIONS";
    expect(judge({}, {}, { method })).toBe(200);
    expect(judge({ hosts: ["a"] }, { host: "b" }, { method })).toBe(421);
    expect(judge({ origins: ["https://a"] }, { origin: "https://b" }, { method })).toBe(403);
  });
});
