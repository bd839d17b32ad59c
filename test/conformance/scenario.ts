import type { ServerKind } from "../support/servers.ts";

/**
 * A scenario file: prose lines starting with `#`, and steps divided by blank lines. A step is
 *
 *     command            # facts
 *     ----
 *     the answer of etcd 3.5
 *     ---- etcd-3.4 V5
 *     the answer of a server that differs, and the fact that says so
 *
 * Every server must give exactly the answer written for it, so a listed difference that does not
 * show up fails as surely as one that is not listed.
 */
export interface Step {
  readonly comment: readonly string[];
  /** One command or several; their answers stand below each other. */
  readonly commands: readonly string[];
  /** The command lines as written, facts included. */
  readonly lines: readonly string[];
  readonly facts: readonly string[];
  readonly expected: string;
  readonly differences: readonly Difference[];
}

export interface Difference {
  readonly server: ServerKind;
  readonly fact: string;
  readonly expected: string;
}

export interface Scenario {
  readonly steps: readonly Step[];
  /** Prose after the last step. */
  readonly tail: readonly string[];
}

const FACT = /^(?:[A-Z]\d+[a-z]?|S\d+)$/;

export function parseScenario(text: string): Scenario {
  const steps: Step[] = [];
  let comment: string[] = [];
  for (const block of text.split(/\n\s*\n/)) {
    const lines = block.split("\n").filter((line) => line.trim() !== "");
    const prose = lines.filter((line) => line.startsWith("#"));
    const rest = lines.filter((line) => !line.startsWith("#"));
    comment.push(...(comment.length > 0 && prose.length > 0 ? ["", ...prose] : prose));
    if (rest.length === 0) continue;
    steps.push(parseStep(comment, rest));
    comment = [];
  }
  return { steps, tail: comment };
}

function parseStep(comment: readonly string[], lines: readonly string[]): Step {
  const blocks: { heading: string; lines: string[] }[] = [{ heading: "", lines: [] }];
  for (const line of lines) {
    if (line.startsWith("----")) blocks.push({ heading: line.slice(4).trim(), lines: [] });
    else blocks.at(-1)?.lines.push(line);
  }
  const [command, first, ...others] = blocks;
  const split = (command?.lines ?? []).map(splitFacts);
  const expected = first?.lines.join("\n") ?? "";
  return {
    comment,
    commands: split.map(({ text }) => text),
    lines: command?.lines ?? [],
    facts: split.flatMap(({ facts }) => facts),
    expected,
    differences: others.map((block) => parseDifference(block.heading, block.lines, expected)),
  };
}

function splitFacts(line: string): { text: string; facts: string[] } {
  const at = line.lastIndexOf(" # ");
  if (at < 0) return { text: line, facts: [] };
  const facts = line.slice(at + 3).split(/\s+/);
  for (const fact of facts) {
    if (!FACT.test(fact)) throw new Error(`not a fact's number: ${fact} in ${line}`);
  }
  return { text: line.slice(0, at).trimEnd(), facts };
}

function parseDifference(heading: string, lines: readonly string[], other: string): Difference {
  const [server = "", fact = ""] = heading.split(" ");
  if (server !== "vedette" && server !== "etcd-3.4" && server !== "etcd-3.5") {
    throw new Error(`no server is called ${server}`);
  }
  if (!FACT.test(fact)) throw new Error(`a difference of ${server} names no fact: ${heading}`);
  const expected = lines.join("\n");
  if (expected === other) throw new Error(`the difference ${heading} is none`);
  return { server, fact, expected };
}

export function expectedOf(step: Step, server: ServerKind): string {
  return step.differences.find((one) => one.server === server)?.expected ?? step.expected;
}

/** The file's text with the answers of `answers[server][step]`, in the order of the steps. */
export function renderScenario(
  scenario: Scenario,
  answers: ReadonlyMap<ServerKind, readonly string[]>,
): string {
  const parts: string[] = [];
  scenario.steps.forEach((step, i) => {
    const base = answers.get("etcd-3.5")?.[i] ?? step.expected;
    let text = [...step.comment, ...step.lines, "----", base].join("\n").trimEnd();
    for (const server of ["etcd-3.5", "etcd-3.4", "vedette"] as const) {
      const listed = step.differences.find((one) => one.server === server);
      const answer = answers.get(server)?.[i] ?? listed?.expected ?? base;
      if (answer !== base) text += `\n---- ${server} ${listed?.fact ?? "V0"}\n${answer}`;
    }
    parts.push(text.trimEnd());
  });
  return `${[...parts, ...scenario.tail].join("\n\n")}\n`;
}
