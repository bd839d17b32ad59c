import { spawn } from "node:child_process";

/** What etcdctl talks to: a TestServer, or a server that is asked by flags of its own. */
export interface EtcdctlTarget {
  readonly endpoint: string;
  readonly port: number;
  /** Stand before every command; absent = the endpoint without TLS. */
  readonly flags?: readonly string[];
}

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longer than any command takes but `check perf`, which writes for a minute. */
const COMMAND_TIMEOUT_MS = 20_000;
const CHECK_TIMEOUT_MS = 120_000;

function flagsFor({ flags, endpoint }: EtcdctlTarget): readonly string[] {
  return flags ?? [`--endpoints=http://${endpoint}`];
}

/** Runs one etcdctl command against a server, with `input` on its standard input. */
export function runEtcdctl(
  binary: string,
  server: EtcdctlTarget,
  args: readonly string[],
  input = "",
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, [...flagsFor(server), ...args], {
      env: { ...process.env, ETCDCTL_API: "3" },
      timeout: args.includes("check") ? CHECK_TIMEOUT_MS : COMMAND_TIMEOUT_MS,
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
  #stderr = "";
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(binary: string, server: EtcdctlTarget, args: readonly string[], command = "watch") {
    this.#child = spawn(binary, [...flagsFor(server), command, ...args], {
      env: { ...process.env, ETCDCTL_API: "3" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#stdout += chunk.toString("latin1");
      this.#wake?.();
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString("latin1");
    });
    this.#child.once("close", () => {
      this.#isClosed = true;
      this.#wake?.();
    });
    // A command that has ended reads nothing more.
    this.#child.stdin?.once("error", () => undefined);
  }

  /** Its output once it has at least `lines` lines. */
  output(lines: number): Promise<string> {
    return this.#until(() => this.#stdout.split("\n").length > lines);
  }

  /** Its output once that holds something. */
  outputWith(pattern: RegExp): Promise<string> {
    return this.#until(() => pattern.test(this.#stdout));
  }

  async #until(isThere: () => boolean): Promise<string> {
    const deadline = Date.now() + COMMAND_TIMEOUT_MS;
    while (!isThere()) {
      if (this.#isClosed) throw new Error(`etcdctl ended, having printed: ${this.#printed}`);
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`timed out: etcdctl has only printed: ${this.#printed}`)),
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

  get #printed(): string {
    return `${this.#stdout}${this.#stderr}`;
  }

  /** Gives it a line on its standard input, which stays open. */
  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#isClosed) return;
    const gone = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill(signal);
    await gone;
  }
}

/** Takes out what differs between two servers by nature: ids, ports, sizes, times, raft's counters. */
export function normalise(text: string, server: EtcdctlTarget): string {
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
