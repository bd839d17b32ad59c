import { expect, test } from "vitest";
import { expectedOf, parseScenario, renderScenario } from "./scenario.ts";

const TEXT = `# What this is about.

# A step of two commands.
Put key:a value:1
Range key:a # K4 O3
----
rev:2
rev:2 count:1
---- vedette D1
rev:2
rev:3 count:1

watch w
----
`;

test("a scenario is read into steps, facts and what differs by server", () => {
  const { steps } = parseScenario(TEXT);
  expect(steps).toHaveLength(2);
  expect(steps[0]).toMatchObject({
    commands: ["Put key:a value:1", "Range key:a"],
    facts: ["K4", "O3"],
    expected: "rev:2\nrev:2 count:1",
    differences: [{ server: "vedette", fact: "D1", expected: "rev:2\nrev:3 count:1" }],
  });
  expect(expectedOf(steps[0]!, "vedette")).toBe("rev:2\nrev:3 count:1");
  expect(expectedOf(steps[0]!, "etcd-3.4")).toBe("rev:2\nrev:2 count:1");
  expect(expectedOf(steps[1]!, "vedette")).toBe("");
});

test("a scenario is written again as it was", () => {
  const again = renderScenario(parseScenario(TEXT), new Map());
  expect(again.trim()).toBe(TEXT.replace("about.\n\n", "about.\n\n").trim());
});

test("new answers replace old ones, and a new difference waits for its fact", () => {
  const text = renderScenario(
    parseScenario(TEXT),
    new Map([
      ["etcd-3.5", ["rev:2\nrev:2 count:2", ""]],
      ["etcd-3.4", ["rev:2\nrev:2 count:9", ""]],
    ]),
  );
  expect(text).toContain("----\nrev:2\nrev:2 count:2\n---- etcd-3.4 V0\nrev:2\nrev:2 count:9\n");
  expect(text).toContain("---- vedette D1\nrev:2\nrev:3 count:1\n");
});

test.each([
  ["a difference that is none", "Put\n----\nrev:2\n---- vedette D1\nrev:2\n", /is none/],
  ["a difference without a fact", "Put\n----\nrev:2\n---- vedette ?\nrev:3\n", /names no fact/],
  ["a difference of an unknown server", "Put\n----\nrev:2\n---- other D1\nrev:3\n", /no server/],
  ["a fact that is none", "Put # nonsense\n----\nrev:2\n", /not a fact/],
])("%s is refused", (_, text, found) => {
  expect(() => parseScenario(text)).toThrow(found);
});
