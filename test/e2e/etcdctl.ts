import { spawn } from "node:child_process";
import type { TestServer } from "../support/servers.ts";

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const COMMAND_TIMEOUT_MS = 20_000;

/** Runs one etcdctl command against a server, with `input` on its standard input. */
export function runEtcdctl(
  binary: string,
  server: TestServer,
  args: readonly string[],
  input = "",
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, [`--endpoints=http://${server.endpoint}`, ...args], {
      env: { ...process.env, ETCDCTL_API: "3" },
      timeout: COMMAND_TIMEOUT_MS,
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("latin1")));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("latin1")));
    child.once("error", reject);
    child.once("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
    // A command that needs no input may be gone before it could be written.
    child.stdin.once("error", () => undefined);
    child.stdin.end(input);
  });
}

/** An `etcdctl watch`, or another command that goes on, beside other commands. */
export class EtcdctlWatch {
  readonly #child: ReturnType<typeof spawn>;
  #stdout = "";
  #wake: (() => void) | undefined;

  constructor(binary: string, server: TestServer, args: readonly string[], command = "watch") {
    this.#child = spawn(binary, [`--endpoints=http://${server.endpoint}`, command, ...args], {
      env: { ...process.env, ETCDCTL_API: "3" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#stdout += chunk.toString("latin1");
      this.#wake?.();
    });
  }

  /** Its output once it has at least `lines` lines. */
  async output(lines: number): Promise<string> {
    const deadline = Date.now() + COMMAND_TIMEOUT_MS;
    while (this.#stdout.split("\n").length - 1 < lines) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`etcdctl watch has only printed:\n${this.#stdout}`)),
          deadline - Date.now(),
        );
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#stdout;
  }

  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill(signal);
    await gone;
  }
}

/** Takes out what differs between two servers by nature: ids, ports, sizes, times, raft's counters. */
export function normalise(text: string, server: TestServer): string {
  return (
    text
      .replaceAll(String(server.port), "PORT")
      .replaceAll(/"ts":"[^"]*"/g, '"ts":"TIME"')
      .replaceAll(/("?(?:cluster_id|member_id|leader|ID|MemberID|ClusterID)"? ?: ?)\d{6,}/g, "$1ID")
      // Ids are hexadecimal without leading zeros; no hash or revision has as many digits.
      .replaceAll(/\b[0-9a-f]{12,16}\b/g, "ID")
      // etcdctl pads a cluster's id to 16 places.
      .replaceAll(/cluster +ID/g, "cluster ID")
      .replaceAll(/("?(?:raft_term|raftTerm|RaftTerm)"? ?: ?)\d+/g, "$1N")
      .replaceAll(/("?(?:raftIndex|RaftIndex|raftAppliedIndex|RaftAppliedIndex)"? ?: ?)\d+/g, "$1N")
      .replaceAll(/("?(?:dbSize|DbSize|dbSizeInUse|DbSizeInUse)"? ?: ?)\d+/g, "$1N")
      .replaceAll(/took = \S+/g, "took = T")
      .replaceAll(/took":"[^"]*"/g, 'took":"T"')
      .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
      .replaceAll(/0x[0-9a-f]{6,}/g, "0xADDRESS")
      .replaceAll(/\/retry_interceptor\.go:\d+/g, "/retry_interceptor.go:N")
      .replaceAll(/etcd-endpoints:\/\/[^"/]*/g, "etcd-endpoints://ADDRESS")
      .replaceAll(/"target":"[^"]*"/g, '"target":"T"')
  );
}
