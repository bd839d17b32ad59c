import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:http2";
import { createInterface } from "node:readline";
import { afterEach, expect, test } from "vitest";
import { builtServer } from "../support/built-server.ts";

/** How the process ends when it is not the quiet way: a fault of our own, an impatient operator. */
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  /** Log lines so far, parsed. */
  readonly lines: Record<string, unknown>[];
  readonly exit: Promise<number | string>;
  /** Resolves with the first line that has this text. */
  logged(text: string): Promise<void>;
}

async function start(...nodeFlags: readonly string[]): Promise<Started> {
  const args = ["--in-memory", "--listen-client-urls=http://127.0.0.1:0"];
  args.push("--advertise-client-urls=http://127.0.0.1:1");
  const child = spawn(process.execPath, [...nodeFlags, await builtServer(), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  const lines: Record<string, unknown>[] = [];
  const waiting: { text: string; found: () => void }[] = [];
  createInterface(child.stderr!).on("line", (line) => {
    const parsed: Record<string, unknown> = JSON.parse(line);
    lines.push(parsed);
    for (const { text, found } of waiting) if (String(parsed["msg"]).includes(text)) found();
  });
  const exit = new Promise<number | string>((resolve) => {
    child.on("close", (code, signal) => resolve(code ?? signal ?? ""));
  });
  const url = await new Promise<string>((resolve) => {
    createInterface(child.stdout!).once("line", (line) => {
      resolve(/is serving ([^,]*),/.exec(line)?.[1] ?? "");
    });
  });
  const logged = (text: string): Promise<void> =>
    new Promise((found) => {
      waiting.push({ text, found });
      if (lines.some((line) => String(line["msg"]).includes(text))) found();
    });
  return { child, url, lines, exit, logged };
}

/** Opens a watch stream, which holds up a drain; resolves once the server has answered on it. */
async function openWatch(url: string): Promise<() => void> {
  const session = connect(url);
  session.on("error", () => {});
  const call = session.request({
    ":method": "POST",
    ":path": "/etcdserverpb.Watch/Watch",
    "content-type": "application/grpc",
    te: "trailers",
  });
  call.on("error", () => {});
  // create_request {key: "a"}, with gRPC's five bytes before it.
  call.write(Buffer.from([0, 0, 0, 0, 5, 0x0a, 3, 0x0a, 1, 0x61]));
  await new Promise((resolve) => call.once("data", resolve));
  return () => session.destroy();
}

test("a fault in the server ends it with 70 and one line that says where", async () => {
  const thrower = "process.once('SIGUSR2',()=>{throw new Error('planted')})";
  const server = await start("--import", `data:text/javascript,${encodeURIComponent(thrower)}`);
  server.child.kill("SIGUSR2");
  expect(await server.exit).toBe(70);
  expect(server.lines.filter((line) => line["level"] === "error")).toEqual([
    expect.objectContaining({
      msg: "stopping: a fault in the server",
      error: expect.stringContaining("Error: planted\n    at "),
    }),
  ]);
});

test("a promise that nobody took care of is a fault too", async () => {
  const thrower = "process.once('SIGUSR2',()=>{Promise.reject(new Error('planted'))})";
  const server = await start("--import", `data:text/javascript,${encodeURIComponent(thrower)}`);
  server.child.kill("SIGUSR2");
  expect(await server.exit).toBe(70);
});

test("the first signal lets streams end, the second one ends at once", async () => {
  const server = await start();
  const close = await openWatch(server.url);
  server.child.kill("SIGINT");
  await server.logged("received signal");
  server.child.kill("SIGTERM");
  expect(await server.exit).toBe(1);
  expect(server.lines.map((line) => line["msg"])).not.toContain("closed");
  close();
});

test("a signal to an idle server ends it with 0, and with a last line", async () => {
  const server = await start();
  server.child.kill("SIGINT");
  expect(await server.exit).toBe(0);
  expect(server.lines.at(-1)).toMatchObject({ level: "info", msg: "closed" });
});

test("the log says what programs around an etcd wait for", async () => {
  const server = await start();
  await server.logged("published local member to cluster");
  await server.logged("enabled capabilities for version");
  await server.logged("ready to serve client requests");
  for (const line of server.lines) {
    expect(Object.keys(line).slice(0, 2)).toEqual(["level", "ts"]);
    expect(line["ts"]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  }
});
