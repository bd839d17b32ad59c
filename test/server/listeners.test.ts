import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect, type ClientHttp2Session } from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseFlags } from "../../src/flags.ts";
import { SILENT } from "../../src/logger.ts";
import { type RunningServer, startServer } from "../../src/server.ts";

/** One server, several places to reach it: ports, Unix sockets, and the one for metrics. */
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "vedette-listen-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function start(...args: readonly string[]): Promise<RunningServer> {
  const flags = ["--in-memory", "--advertise-client-urls=http://127.0.0.1:1", ...args];
  const parsed = parseFlags({ args: flags, environment: {}, dataDirSuffix: "vedette" });
  if (parsed.kind !== "serve") throw new Error(parsed.kind);
  return await startServer(parsed.options, SILENT);
}

/** The status of a GET over a port or a socket. */
function get(where: { port: number } | { socketPath: string }, target: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", ...where, path: target }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** The gRPC status of a put without a key: 3 where KV is served, 12 where it is not. */
async function putStatus(port: number): Promise<string> {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise((resolve, reject) => {
      const call = session.request({
        ":method": "POST",
        ":path": "/etcdserverpb.KV/Put",
        "content-type": "application/grpc",
        te: "trailers",
      });
      call.on("response", (headers) => {
        if (headers["grpc-status"] !== undefined) resolve(String(headers["grpc-status"]));
      });
      call.on("trailers", (headers) => resolve(String(headers["grpc-status"])));
      call.on("error", reject);
      session.on("error", reject);
      call.end(Buffer.alloc(5));
      call.resume();
    });
  } finally {
    session.close();
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

test("a port asked for as 0 is told as the real one", async () => {
  await using server = await start("--listen-client-urls=http://localhost:0");
  const port = Number(/^http:\/\/localhost:(\d+)$/.exec(server.clientUrls[0] ?? "")?.[1]);
  expect(await get({ port }, "/version")).toBe(200);
  expect(await putStatus(port)).toBe("3");
});

test("a Unix socket serves beside a port, and is gone after the close", async () => {
  const socketPath = path.join(folder, "v.sock");
  const server = await start(`--listen-client-urls=http://127.0.0.1:0,unix://${socketPath}`);
  expect(server.clientUrls[1]).toBe(`unix://${socketPath}`);
  expect(await get({ socketPath }, "/version")).toBe(200);
  await server.close();
  expect(existsSync(socketPath)).toBe(false);
});

test("a socket that a killed server left behind is taken over", async () => {
  const socketPath = path.join(folder, "v.sock");
  const left = createServer();
  await new Promise<void>((resolve) => left.listen(socketPath, resolve));
  await using server = await start(`--listen-client-urls=unix://${socketPath}`);
  expect(server.clientUrls).toEqual([`unix://${socketPath}`]);
  expect(await get({ socketPath }, "/health")).toBe(200);
  left.close();
});

test("the URL for metrics serves HTTP and no gRPC", async () => {
  const port = await freePort();
  await using server = await start(
    "--listen-client-urls=http://127.0.0.1:0",
    `--listen-metrics-urls=http://127.0.0.1:${port}`,
  );
  expect(server.clientUrls).toHaveLength(1);
  expect(await get({ port }, "/metrics")).toBe(200);
  expect(await get({ port }, "/health")).toBe(200);
  expect(await putStatus(port)).toBe("12");
});

test("URLs for HTTP take it from the others, which are for gRPC then (G25)", async () => {
  const port = await freePort();
  await using server = await start(
    "--listen-client-urls=http://127.0.0.1:0",
    `--listen-client-http-urls=http://127.0.0.1:${port}`,
  );
  const grpcPort = Number(/(\d+)$/.exec(server.clientUrls[0] ?? "")?.[1]);
  expect(server.clientUrls).toHaveLength(1);
  expect(await putStatus(grpcPort)).toBe("3");
  expect(await get({ port: grpcPort }, "/version")).toBe(404);
  expect(await get({ port }, "/version")).toBe(200);
  expect(await putStatus(port)).toBe("12");
});

test("an address in use leaves nothing open", async () => {
  const first = await start("--listen-client-urls=http://127.0.0.1:0");
  const socketPath = path.join(folder, "v.sock");
  const both = `--listen-client-urls=unix://${socketPath},${first.clientUrls[0]}`;
  await expect(start(both)).rejects.toThrow("EADDRINUSE");
  expect(existsSync(socketPath)).toBe(false);
  await first.close();
});
