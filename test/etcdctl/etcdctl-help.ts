import { execFileSync } from "node:child_process";

/** The commands of an etcdctl by its own help, such as `put` and `member add`, sorted. */
export function commandsOf(binary: string): readonly string[] {
  const text = helpOf(binary, []);
  const list = text.slice(text.indexOf("COMMANDS:"), text.indexOf("OPTIONS:")).split("\n").slice(1);
  const names = list.flatMap((line) => /^\t(\S+(?: \S+)*)\t/.exec(line)?.[1] ?? []);
  if (names.length < 40) throw new Error("etcdctl's help could not be read");
  return names.toSorted();
}

/** The flags of one command by its own help, without those that every command has. */
export function flagsOf(binary: string, command: string): readonly string[] {
  const text = helpOf(binary, command.split(" "));
  const [own = ""] = text.slice(text.indexOf("\nOPTIONS:")).split("\nGLOBAL OPTIONS:");
  const flags = [...own.matchAll(/^\s+(?:-\w, )?(--[\w-]+)/gm)].map(([, flag = ""]) => flag);
  if (!flags.includes("--help")) throw new Error(`the help of ${command} could not be read`);
  return flags.filter((flag) => flag !== "--help");
}

/** Which of these commands a line of etcdctl names, whatever flags stand before it. */
export function commandIn(line: string, commands: readonly string[]): string | undefined {
  const asked = `${line.replace(/^(?:--\S+ +)+/, "")} `;
  return commands.find((name) => asked.startsWith(`${name} `));
}

function helpOf(binary: string, command: readonly string[]): string {
  const env = { ...process.env, ETCDCTL_API: "3" };
  return execFileSync(binary, [...command, "--help"], { env }).toString();
}
