import { execFile, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { builtServer } from "../support/built-server.ts";
import { freePort } from "../support/servers.ts";

/** What surrounds a server: start scripts, systemd, programs that read its log. */
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "vedette-around-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Environment = Record<string, string>;

interface Running {
  /** Resolves with the log once it holds this text, or stdout does. */
  until(text: string): Promise<string>;
  stop(): Promise<number | null>;
}

async function start(args: readonly string[], environment: Environment = {}): Promise<Running> {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [await builtServer(), ...args], { cwd: folder, env });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  let log = "";
  let told = "";
  let changed = (): void => {};
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
    changed();
  });
  child.stdout.on("data", (chunk: Buffer) => {
    told += chunk.toString();
    changed();
  });
  return {
    until: (text) =>
      new Promise((resolve, reject) => {
        changed = () => {
          if (log.includes(text) || told.includes(text)) resolve(log);
        };
        changed();
        void ended.then(() => reject(new Error(`ended without ${text}:\n${log}`)));
      }),
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

async function clientUrls(): Promise<string[]> {
  const url = `http://127.0.0.1:${await freePort()}`;
  return [`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`];
}

function run(file: string, args: readonly string[]): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    execFile(file, args, { cwd: folder, timeout: 60_000 }, (error, stdout) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout });
    });
  });
}

describe("the log (F2)", () => {
  it("is one JSON object a line with etcd's keys, and has the lines that suites wait for", async () => {
    const server = await start(["--data-dir=d", ...(await clientUrls())]);
    const log = await server.until("serving client traffic");
    const lines = log
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of lines) {
      expect(line).toMatchObject({
        level: expect.stringMatching(/^(debug|info|warn|error)$/),
        ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        caller: expect.any(String),
        msg: expect.any(String),
      });
    }
    const messages = lines.map((line) => line["msg"]);
    expect(messages).toEqual(
      expect.arrayContaining([
        "published local member to cluster through raft",
        "enabled capabilities for version",
        "ready to serve client requests",
        "serving client traffic insecurely; this is strongly discouraged!",
      ]),
    );
    expect(await server.stop()).toBe(0);
  });

  it("goes where --log-outputs says, from --log-level on, in the form of --log-format", async () => {
    const flags = ["--log-outputs=stderr,a.log", "--log-level=warn", "--log-format=console"];
    const server = await start(["--in-memory", "--pre-vote", ...flags, ...(await clientUrls())]);
    const log = await server.until("vedette is serving");
    expect(await server.stop()).toBe(0);
    expect(log).toMatch(/^[\d:.]{12} warn  flags without effect on a single member flags=\["pre-/);
    expect(log).not.toContain("ready to serve");
    expect(readFileSync(path.join(folder, "a.log"), "utf8")).toBe(log);
  });
});

describe("systemd (Type=notify)", () => {
  it("is told by its own program that the server is ready", async () => {
    const program = path.join(folder, "systemd-notify");
    writeFileSync(program, `#!/bin/sh\necho "$@" > ${folder}/told\n`);
    chmodSync(program, 0o755);
    const server = await start(["--in-memory", ...(await clientUrls())], {
      NOTIFY_SOCKET: "/run/none",
      PATH: `${folder}:${process.env["PATH"]}`,
    });
    await server.until("successfully notified init daemon");
    expect(readFileSync(path.join(folder, "told"), "utf8")).toMatch(/^--ready --pid=\d+\n$/);
    await server.stop();
  });

  it("a program that is not there is told of, and the server goes on", async () => {
    const environment = { NOTIFY_SOCKET: "/run/none", PATH: folder };
    const server = await start(["--in-memory", ...(await clientUrls())], environment);
    const log = await server.until("failed to notify systemd for readiness");
    expect(log).toContain("ready to serve client requests");
    expect(await server.stop()).toBe(0);
  });
});

describe("a start script that is made for an etcd (F1, F3)", () => {
  it("bin/etcd, through a link, tells its version in etcd's form", async () => {
    const link = path.join(folder, "etcd");
    symlinkSync(path.join(import.meta.dirname, "../../bin/etcd"), link);
    const { code, stdout } = await run(link, ["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^etcd Version: 3\.\d+\.\d+\nGit SHA: [^\n]+\nGo Version: [^\n]+\nGo OS\/Arch: \w+\/\w+\n$/,
    );
  });

  it("the flags of a kubeadm manifest are taken, and one line names those without effect", async () => {
    const [listen = "", advertise = ""] = await clientUrls();
    const server = await start([
      listen,
      advertise,
      `--data-dir=${folder}/d`,
      "--experimental-initial-corrupt-check=true",
      "--experimental-watch-progress-notify-interval=5s",
      "--initial-advertise-peer-urls=https://10.0.0.1:2380",
      "--initial-cluster=n=https://10.0.0.1:2380",
      "--listen-peer-urls=https://10.0.0.1:2380",
      "--name=n",
      "--peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt",
      "--peer-client-cert-auth=true",
      "--peer-key-file=/etc/kubernetes/pki/etcd/peer.key",
      "--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt",
      "--snapshot-count=10000",
    ]);
    const log = await server.until("serving client traffic");
    expect(log.match(/flags without effect/g)).toHaveLength(1);
    expect(await server.stop()).toBe(0);
  });

  it("a configuration file serves", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const yaml = `name: f\ndata-dir: d\nlisten-client-urls: ${url}\nadvertise-client-urls: ${url}\n`;
    writeFileSync(path.join(folder, "etcd.yml"), yaml);
    const server = await start(["--config-file=etcd.yml"]);
    const log = await server.until(`serving client traffic insecurely`);
    expect(log).toContain("loaded server configuration");
    expect(await server.stop()).toBe(0);
  });

  it("--help tells of every flag", async () => {
    const { stdout } = await run(process.execPath, [await builtServer(), "--help"]);
    for (const flag of ["--cert-file", "--config-file", "--heartbeat-interval", "--cors"]) {
      expect(stdout).toContain(`  ${flag} `);
    }
  });
});
