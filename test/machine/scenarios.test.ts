import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseDeleteRange, parsePut, parseRange, parseTxn } from "../../src/api/parse.ts";
import { EtcdError } from "../../src/base/errors.ts";
import type { Command, RangeQuery } from "../../src/machine/command.ts";
import type { Outcome } from "../../src/machine/result.ts";
import { parseRequest } from "./request-language.ts";
import { changesText, outcomeText } from "./result-text.ts";
import { newTestMachine, type TestMachine } from "./test-machine.ts";

/**
 * Each file is steps: a request (request-language.ts), `----`, what came of it, an empty line. Lines
 * that begin with # are prose. REWRITE_SCENARIOS=1 writes what came into the files: read the diff.
 */
const FOLDER = new URL("./scenarios/", import.meta.url);

describe("machine scenarios", () => {
  for (const name of readdirSync(FOLDER)) {
    test(name, () => {
      const file = new URL(name, FOLDER);
      const text = readFileSync(file, "utf8");
      const { machine, store, leases } = newTestMachine();
      const steps = text.trimEnd().split("\n\n");
      const actual = steps.map((step) => run(step, { machine, store, leases })).join("\n\n");
      if (process.env["REWRITE_SCENARIOS"] === "1") writeFileSync(file, `${actual}\n`);
      else expect(`${actual}\n`).toBe(text);
    });
  }
});

function run(step: string, on: TestMachine): string {
  const lines = step.split("\n");
  const end = lines.indexOf("----");
  const input = end < 0 ? lines : lines.slice(0, end);
  const request = input.filter((line) => !line.startsWith("#")).join(" ");
  return request === "" ? step : [...input, "----", ...answer(request, on)].join("\n");
}

function answer(request: string, { machine, store }: TestMachine): string[] {
  const [word, operand] = request.split(" ");
  if (word === "grant") {
    machine.apply({ kind: "lease-grant", id: BigInt(operand ?? ""), ttlSeconds: 60 });
    return ["granted"];
  }
  const command =
    word === "compact"
      ? { kind: "compact" as const, revision: Number(operand), physical: false }
      : toCommand(request);
  if (command instanceof EtcdError) return outcomeText(command);
  const view = { revision: store.head, compacted: store.compacted };
  if (command.kind === "range") return outcomeText(machine.read(command, view));
  if (command.kind === "txn" && command.readOnly) {
    return ["read-only", ...outcomeText(machine.readTxn(command, view))];
  }
  const { outcome, changes } = machine.apply(command);
  while (store.compactionStep(100) === "more");
  return [...outcomeText(outcome), ...changesText(changes)];
}

function toCommand(line: string): Outcome<Command | RangeQuery> {
  const request = parseRequest(line);
  switch (request.kind) {
    case "requestPut":
      return parsePut(request.value);
    case "requestRange":
      return parseRange(request.value);
    case "requestDeleteRange":
      return parseDeleteRange(request.value);
    case "requestTxn":
      return parseTxn(request.value, 128);
  }
}
