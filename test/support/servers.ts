import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { builtServer } from "./built-server.ts";
import { WatchAudit } from "./watch-audit.ts";
import { WireTap } from "./wire-tap.ts";

/** Which server a test talks to: ours, or a real etcd by its minor version. */
export type ServerKind = "vedette" | "etcd-3.4" | "etcd-3.5";

const ROOT = process.env["VEDETTE_ROOT"] ?? join(import.meta.dirname, "../..");
const PEERS = process.env["VEDETTE_PEERS"] ?? join(ROOT, ".peers/usr/bin");
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;

/** The binary of a real etcd, or undefined when this machine has none of that version. */
export function etcdBinary(kind: "etcd-3.4" | "etcd-3.5", name = "etcd"): string | undefined {
  const path = join(kind === "etcd-3.4" ? "/usr/bin" : PEERS, name);
  return existsSync(path) ? path : undefined;
}

export const PEER_KINDS: readonly ("etcd-3.4" | "etcd-3.5")[] = ["etcd-3.4", "etcd-3.5"];

/** Whether a server can be started here; tests that need an absent one say so by being skipped. */
export function isAvailable(kind: ServerKind): boolean {
  return kind === "vedette" || etcdBinary(kind) !== undefined;
}

export interface StartOptions {
  readonly flags?: readonly string[];
  /** Start on this data folder and port again, instead of fresh ones. */
  readonly dataDir?: string;
  readonly port?: number;
  /**
   * Whether a tap stands before the server, and all watches are judged by the writes that passed
   * it: `dispose` fails when a watcher did not see the truth. Or go on with the audit of the server
   * that was on the same data folder before.
   */
  readonly audit?: boolean | WatchAudit | undefined;
  /** A compiled module that a server in Node loads first; it may talk over IPC, see `ask`. */
  readonly preload?: string;
}

interface Place {
  readonly port: number;
  readonly dataDir: string;
  readonly tap: WireTap | undefined;
  readonly audit: WatchAudit | undefined;
}

/** One server process with a data folder of its own. */
export class TestServer {
  readonly kind: ServerKind;
  readonly port: number;
  readonly dataDir: string;
  readonly audit: WatchAudit | undefined;
  readonly #tap: WireTap | undefined;
  readonly #process: ChildProcess;
  readonly #exited: Promise<NodeJS.Signals | null>;
  #log = "";

  private constructor(kind: ServerKind, place: Place, child: ChildProcess) {
    this.kind = kind;
    this.port = place.port;
    this.dataDir = place.dataDir;
    this.audit = place.audit;
    this.#tap = place.tap;
    this.#process = child;
    this.#exited = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
    const keep = (chunk: Buffer): void => {
      this.#log = (this.#log + chunk.toString()).slice(-8_192);
    };
    child.stderr?.on("data", keep);
    child.stdout?.on("data", keep);
  }

  static async start(kind: ServerKind, options: StartOptions = {}): Promise<TestServer> {
    const server = await TestServer.spawn(kind, options);
    await server.ready();
    return server;
  }

  /** Starts the process without waiting until it serves. */
  static async spawn(kind: ServerKind, options: StartOptions = {}): Promise<TestServer> {
    const { audit = false } = options;
    const own = await freePort();
    const tap = audit === false ? undefined : await WireTap.open(own, options.port);
    const port = tap?.port ?? options.port ?? own;
    const peerPort = await freePort();
    const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "vedette-test-"));
    const client = `http://127.0.0.1:${port}`;
    const listen = tap === undefined ? client : `http://127.0.0.1:${own}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    const flags = ["--name", "t", "--data-dir", dataDir];
    flags.push("--listen-client-urls", listen, "--advertise-client-urls", client);
    flags.push("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer);
    flags.push("--initial-cluster", `t=${peer}`, ...(options.flags ?? []));
    const child = spawnBound(
      await commandOf(kind, options.preload),
      flags,
      options.preload !== undefined,
    );
    const judge = audit === true ? new WatchAudit() : audit === false ? undefined : audit;
    return new TestServer(kind, { port, dataDir, tap, audit: judge }, child);
  }

  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The last lines the server wrote, for failure messages. */
  get log(): string {
    return this.#log;
  }

  /** Takes the process off the machine's cores until `resume`. */
  suspend(): void {
    this.#process.kill("SIGSTOP");
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  /** Asks the preloaded module something, and waits for its one answer. */
  ask(question: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#process.once("message", resolve);
      this.#process.send(question, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  /** Ends the process by SIGTERM and, when it does not go, SIGKILL; true when it went by itself. */
  async stop(): Promise<boolean> {
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_TIMEOUT_MS);
    const signal = await this.#exited;
    clearTimeout(timer);
    await this.#closeTap();
    return signal !== "SIGKILL";
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
    await this.#closeTap();
  }

  /** Nothing more is heard of this server; its port is free for the next one. */
  async #closeTap(): Promise<void> {
    await this.#tap?.close();
    this.audit?.hear(this.#tap?.messages.splice(0) ?? []);
  }

  /** Stops the server and removes its data folder. */
  async dispose(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.stop();
    await this.#closeTap();
    rmSync(this.dataDir, { recursive: true, force: true });
    const faults = this.audit?.report().faults ?? [];
    if (faults.length > 0) throw new Error(`watchers did not see the truth:\n${faults.join("\n")}`);
  }

  /** Waits until the server answers; fails when it ends or takes too long. */
  async ready(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        throw new Error(`${this.kind} ended with ${this.#process.exitCode}:\n${this.#log}`);
      }
      if (await isHealthy(this.port)) return;
      if (Date.now() > deadline) throw new Error(`${this.kind} is not ready:\n${this.#log}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

async function commandOf(kind: ServerKind, preload: string | undefined): Promise<string[]> {
  if (kind === "vedette") {
    const first = preload === undefined ? [] : ["--import", pathToFileURL(preload).href];
    return [process.execPath, ...first, await builtServer()];
  }
  const binary = etcdBinary(kind);
  if (binary === undefined) throw new Error(`${kind} is not installed`);
  return [binary];
}

/** The child dies with this process, however this process ends: setpriv asks the kernel for that. */
function spawnBound(
  command: readonly string[],
  flags: readonly string[],
  isAsked: boolean,
): ChildProcess {
  const channel = isAsked ? (["ipc"] as const) : [];
  const bound = existsSync("/usr/bin/setpriv") ? ["setpriv", "--pdeathsig", "KILL"] : [];
  const [file = "", ...args] = [...bound, ...command, ...flags];
  const env = { ...process.env, ETCD_UNSUPPORTED_ARCH: process.arch };
  return spawn(file, args, { stdio: ["ignore", "pipe", "pipe", ...channel], env });
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** One HTTP GET on the client port: status, headers, body. */
export function httpGet(
  port: number,
  path: string,
  method = "GET",
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> {
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port, path, method, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    request.setTimeout(5_000, () => request.destroy(new Error("no answer over HTTP")));
    request.on("error", reject);
  });
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    // A server with an alarm serves as well, and may be meant to.
    const { status, body } = await httpGet(port, "/health?exclude=NOSPACE&exclude=CORRUPT");
    return status === 200 || body.includes("ALARM");
  } catch {
    return false;
  }
}

/** CPU seconds of a process so far. */
export interface CpuSeconds {
  readonly user: number;
  readonly system: number;
}

/** What a process has used, in steps of 10 ms, from /proc (Linux). */
export function cpuSeconds(pid: number): CpuSeconds {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { user: Number(fields[11]) / 100, system: Number(fields[12]) / 100 };
}

/** Resident memory of a process, in bytes, from /proc (Linux). */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
