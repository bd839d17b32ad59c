import type { ServerKind } from "../support/servers.ts";
import type { Scenario } from "./scenario.ts";
import { Session } from "./session.ts";

/** The flags a scenario asks for in its prose: `# flags: --max-txn-ops 4`. */
export function flagsOf(text: string): string[] {
  const match = /^# flags: (.*)$/m.exec(text);
  return match === null ? [] : (match[1] ?? "").split(" ");
}

/**
 * `@vedette COMMAND` is given to that server only: some requests end a real etcd's process.
 * Undefined: not for this server.
 */
function commandFor(server: ServerKind, command: string): string | undefined {
  const match = /^@(\S+) (.*)$/.exec(command);
  if (match === null) return command;
  return match[1] === server ? match[2] : undefined;
}

/** The answers of a fresh server to all steps, in order; a failed step answers with its failure. */
export async function answersOf(
  scenario: Scenario,
  server: ServerKind,
  flags: readonly string[],
): Promise<string[]> {
  const session = await Session.start(server, flags);
  try {
    const answers: string[] = [];
    for (const step of scenario.steps) {
      const given: string[] = [];
      for (const line of step.commands) {
        const command = commandFor(server, line);
        if (command === undefined) continue;
        given.push(
          await session.run(command).catch((error: unknown) => `failed: ${String(error)}`),
        );
      }
      answers.push(given.filter((answer) => answer !== "").join("\n"));
    }
    return answers;
  } finally {
    await session.dispose();
  }
}
