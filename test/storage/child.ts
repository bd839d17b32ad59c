import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { builtServer } from "../support/built-server.ts";

/** A Node process that runs a piece of JavaScript against the built storage room. */
export class Child {
  readonly #process: ChildProcess;
  readonly lines: string[] = [];
  #heard: () => void = () => {};

  /** `script` finds `NodeDisk`, `LogStore` and the folder as `folder`. */
  static async start(script: string, folder: string): Promise<Child> {
    const storage = path.join(path.dirname(await builtServer()), "storage");
    const source = `
      import { NodeDisk } from ${url(path.join(storage, "node-disk.js"))};
      import { LogStore } from ${url(path.join(storage, "log-store.js"))};
      const folder = ${JSON.stringify(folder)};
      ${script}`;
    return new Child(source);
  }

  private constructor(source: string) {
    const args = ["--input-type=module", "-e", source];
    this.#process = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("the child has an output");
    createInterface({ input: stdout }).on("line", (line) => {
      this.lines.push(line);
      this.#heard();
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Waits until the child has said so many lines, and returns the last of them. */
  async line(count = 1): Promise<string> {
    while (this.lines.length < count) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
    return this.lines[count - 1] ?? "";
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}

function url(file: string): string {
  return JSON.stringify(pathToFileURL(file).href);
}
