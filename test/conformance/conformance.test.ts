import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ServerKind, isAvailable, PEER_KINDS } from "../support/servers.ts";
import { answersOf, flagsOf } from "./run-scenario.ts";
import { expectedOf, parseScenario, renderScenario } from "./scenario.ts";

/**
 * Every scenario is run step by step against ours and each real etcd that is installed.
 * `VEDETTE_REWRITE=etcd-3.5,etcd-3.4` writes the answers of these servers into the files instead
 * of comparing; a new difference gets a `?` that must be replaced by the fact which explains it.
 * `VEDETTE_SERVERS=etcd-3.5` restricts the servers.
 */
const FOLDER = join(import.meta.dirname, "scenarios");
const files = readdirSync(FOLDER).filter((file) => file.endsWith(".txt"));
const rewriting = (process.env["VEDETTE_REWRITE"] ?? "").split(",").filter((name) => name !== "");
const chosen = process.env["VEDETTE_SERVERS"]?.split(",");
const servers = (["vedette", ...PEER_KINDS] as ServerKind[]).filter(
  (server) => chosen === undefined || chosen.includes(server),
);

if (rewriting.length > 0) {
  test.each(files)("%s is rewritten from real servers", async (file) => {
    const text = readFileSync(join(FOLDER, file), "utf8");
    const scenario = parseScenario(text.replaceAll(" ?\n", " V0\n"));
    const answers = new Map<ServerKind, readonly string[]>();
    for (const server of rewriting as ServerKind[]) {
      answers.set(server, await answersOf(scenario, server, flagsOf(text)));
    }
    writeFileSync(
      join(FOLDER, file),
      renderScenario(scenario, answers).replaceAll(" V0\n", " ?\n"),
    );
    expect(scenario.steps.length).toBeGreaterThan(0);
  });
} else {
  for (const server of servers) {
    describe.skipIf(!isAvailable(server))(server, () => {
      test.each(files)(
        "answers every step of %s as written",
        async (file) => {
          const text = readFileSync(join(FOLDER, file), "utf8");
          const scenario = parseScenario(text);
          let answers = await answersOf(scenario, server, flagsOf(text));
          // A real etcd that answers nothing in time, as 3.4 may beside a learner that it cannot
          // reach, has not said what it answers: it is asked again. Ours never is.
          for (let again = 0; again < 2 && server !== "vedette" && hasTimedOut(answers); again++) {
            answers = await answersOf(scenario, server, flagsOf(text));
          }
          const failures = scenario.steps.flatMap((step, i) => {
            const expected = expectedOf(step, server);
            if (answers[i] === expected) return [];
            return [[...step.commands, "expected", expected, "got", answers[i]].join("\n")];
          });
          expect(failures, `${failures.length} of ${scenario.steps.length} steps`).toEqual([]);
        },
        180_000,
      );
    });
  }
}

function hasTimedOut(answers: readonly string[]): boolean {
  return answers.some((answer) => /Deadline exceeded|request timed out/.test(answer));
}
