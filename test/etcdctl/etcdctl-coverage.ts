import { commandIn, commandsOf, flagsOf } from "./etcdctl-help.ts";

/** Commands and flags that are not tried, and why. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  migrate: "reads the files of an etcd 2 that is not running",
  "defrag --data-dir": "rewrites the files of an etcd that is not running",
};

/**
 * What an etcdctl has by its own help, commands and flags of commands, that no line has tried.
 * @param lines Command lines, as they were typed.
 */
export function untried(binary: string, lines: readonly string[]): string[] {
  const commands = commandsOf(binary);
  const byCommand = new Map<string, string[]>(commands.map((name) => [name, []]));
  for (const line of lines) byCommand.get(commandIn(line, commands) ?? "")?.push(line);
  return commands.flatMap((name) => {
    const typed = byCommand.get(name) ?? [];
    if (LEFT_OUT[name] !== undefined) return [];
    if (typed.length === 0) return [name];
    return flagsOf(binary, name)
      .filter((flag) => !typed.some((line) => hasFlag(line, flag)))
      .map((flag) => `${name} ${flag}`)
      .filter((both) => LEFT_OUT[both] === undefined);
  });
}

function hasFlag(line: string, flag: string): boolean {
  const short = ` -${flag.charAt(2)}`;
  const isShort = SHORT_FLAGS.has(flag) && `${line} `.includes(`${short} `);
  return isShort || line.split(" ").some((word) => word === flag || word.startsWith(`${flag}=`));
}

/** Flags that have a short form as well. */
const SHORT_FLAGS: ReadonlySet<string> = new Set(["--interactive", "--listen"]);
