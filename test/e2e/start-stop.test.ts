import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { builtServer } from "../support/built-server.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { freePort, TestServer } from "../support/servers.ts";

let folder: string;
let toDispose: (() => Promise<unknown>)[];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "vedette-start-"));
  toDispose = [];
});

afterEach(async () => {
  for (const dispose of toDispose.reverse()) await dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the program to its end. */
async function run(args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [await builtServer(), ...args], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stderr };
}

async function serveFlags(dataDir: string): Promise<string[]> {
  const url = `http://127.0.0.1:${await freePort()}`;
  return ["--data-dir", dataDir, "--listen-client-urls", url, "--advertise-client-urls", url];
}

async function started(options: Parameters<typeof TestServer.start>[1] = {}): Promise<TestServer> {
  const server = await TestServer.start("vedette", options);
  toDispose.push(() => server.dispose());
  return server;
}

describe("stopping", () => {
  it("SIGTERM drains, ends with 0, and what was written is there at the next start", async () => {
    const first = await started();
    const client = new RpcClient(first.endpoint);
    await client.call("Put", { key: "a", value: "1" });
    client.close();
    expect(await first.stop()).toBe(true);
    expect(first.log).toContain('"msg":"closed"');
    const second = await started({ dataDir: first.dataDir });
    const again = new RpcClient(second.endpoint);
    const answer = await again.call("Range", { key: "a" });
    again.close();
    expect(answer.message?.["count"]).toBe(1);
  });

  it("a data folder in memory is none", async () => {
    const server = await started({ flags: ["--in-memory"] });
    expect(readdirSync(server.dataDir)).toEqual([]);
  });
});

describe("a start that cannot be", () => {
  it("a second server on the same folder is refused by one line, and the first is unharmed", async () => {
    const server = await started();
    const { code, stderr } = await run(await serveFlags(server.dataDir));
    expect(code).toBe(1);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain(`process ${server.pid}`);
    const client = new RpcClient(server.endpoint);
    expect((await client.call("Put", { key: "a", value: "1" })).code).toBe(0);
    client.close();
  });

  it("a port in use is refused by one line", async () => {
    const blocker: Server = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
    toDispose.push(() => new Promise((resolve) => blocker.close(resolve)));
    const address = blocker.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const url = `http://127.0.0.1:${port}`;
    const flags = ["--data-dir", path.join(folder, "d"), "--listen-client-urls", url];
    const { code, stderr } = await run([...flags, "--advertise-client-urls", url]);
    expect(code).toBe(1);
    expect(stderr).toBe(`vedette: listen tcp 127.0.0.1:${port}: address already in use\n`);
    // The folder was made and given up again: the next start has it.
    expect((await run([...flags, "--advertise-client-urls", url])).stderr).toBe(stderr);
  });

  it("the folder of a real etcd, or of anything else, is refused and left alone", async () => {
    mkdirSync(path.join(folder, "etcd/member"), { recursive: true });
    mkdirSync(path.join(folder, "other"));
    writeFileSync(path.join(folder, "other/letters.txt"), "dear");
    for (const name of ["etcd", "other"]) {
      const dataDir = path.join(folder, name);
      const before = readdirSync(dataDir);
      const { code, stderr } = await run(await serveFlags(dataDir));
      expect(code).toBe(1);
      expect(stderr).toContain(dataDir);
      expect(readdirSync(dataDir)).toEqual(before);
    }
  });

  it("a folder that cannot be is refused by one line", async () => {
    writeFileSync(path.join(folder, "file"), "");
    const { code, stderr } = await run(await serveFlags(path.join(folder, "file")));
    expect(code).toBe(1);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    chmodSync(folder, 0o700);
  });

  it("a bad flag ends with 2 and makes nothing", async () => {
    const { code, stderr } = await run(["--data-dri", "x"]);
    expect(code).toBe(2);
    expect(stderr.split("\n")[0]).toContain("did you mean");
    expect(existsSync(path.join(folder, "x"))).toBe(false);
  });
});
