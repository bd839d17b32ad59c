import { spawn } from "node:child_process";
import { connect } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseFlags } from "../../src/flags.ts";
import { SILENT } from "../../src/logger.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { exchangeRaw, HttpStream, postJson } from "../support/http-stream.ts";

/** The gateway as browsers, curl and clients without gRPC use it. */
let server: RunningServer;
let port: number;

beforeAll(async () => {
  server = await start();
  port = portOf(server);
});

afterAll(() => server.close());

async function start(...args: readonly string[]): Promise<RunningServer> {
  const flags = [
    "--in-memory",
    "--advertise-client-urls=http://127.0.0.1:1",
    "--listen-client-urls=http://127.0.0.1:0",
    ...args,
  ];
  const parsed = parseFlags({ args: flags, environment: {}, dataDirSuffix: "vedette" });
  if (parsed.kind !== "serve") throw new Error(parsed.kind);
  return await startServer(parsed.options, SILENT);
}

function portOf({ clientUrls }: RunningServer): number {
  return Number(/(\d+)$/.exec(clientUrls[0] ?? "")?.[1]);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

async function put(key: string, value: string): Promise<number> {
  const { body } = await postJson(port, "/v3/kv/put", { key: base64(key), value: base64(value) });
  return Number((body["header"] as Record<string, string>)["revision"]);
}

interface Result {
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly watch_id?: string;
  readonly header: Readonly<Record<string, string>>;
  readonly events?: readonly { readonly kv: Readonly<Record<string, string>> }[];
}

function resultOf(line: unknown): Result {
  return (line as { readonly result: Result }).result;
}

function valuesOf({ events = [] }: Result): string[] {
  return events.map(({ kv }) => Buffer.from(kv["value"] ?? "", "base64").toString());
}

describe("a watch over HTTP/1.1", () => {
  test("goes on while its body brings creates, progress requests and cancels (G4, G5)", async () => {
    const watch = new HttpStream(port, "/v3/watch");
    watch.send({ create_request: { key: base64("w1") } });
    expect(resultOf(await watch.json())).toMatchObject({ created: true });
    const revision = await put("w1", "one");
    const first = resultOf(await watch.json());
    expect([valuesOf(first), first.header["revision"]]).toEqual([["one"], String(revision)]);
    watch.send('\n{"progress_');
    watch.send('request":{}}{"createRequest":{"key":"');
    expect(resultOf(await watch.json())).toMatchObject({ watch_id: "-1" });
    watch.send(`${base64("w2")}","watchId":"5"}}`);
    expect(resultOf(await watch.json())).toMatchObject({ created: true, watch_id: "5" });
    watch.send({ cancel_request: { watch_id: 5 } });
    expect(resultOf(await watch.json())).toMatchObject({ canceled: true, watch_id: "5" });
    // The end of the body is the end of the requests, not of the watch (W35).
    watch.end();
    await put("w1", "two");
    expect(valuesOf(resultOf(await watch.json()))).toEqual(["two"]);
    watch.close();
  });

  test("stays when JSON behind its first request cannot be read", async () => {
    const watch = new HttpStream(port, "/v3/watch");
    watch.send(`{"create_request":{"key":"${base64("w3")}"}} {"create_request":]`);
    await watch.json();
    await put("w3", "still");
    expect(valuesOf(resultOf(await watch.json()))).toEqual(["still"]);
    watch.close();
  });

  test("is told what is wrong when its first request cannot be read", async () => {
    const watch = new HttpStream(port, "/v3/watch");
    watch.send('{"create_request":{"key":5}}');
    expect((await watch.response).statusCode).toBe(400);
    const text = "proto: (line 1:26): invalid value for bytes field key: 5";
    expect(await watch.json()).toEqual({
      error: { code: 3, message: text, grpc_code: 3, http_code: 400, http_status: "Bad Request" },
    });
    expect(await watch.line()).toBeUndefined();
  });

  test("ends with its deadline, and says so in the last line (G9)", async () => {
    const headers = { "grpc-timeout": "20m" };
    const watch = new HttpStream(port, "/v3/watch", { headers });
    watch.send({ create_request: { key: base64("w4") } });
    expect(resultOf(await watch.json())).toMatchObject({ created: true });
    expect(await watch.json()).toMatchObject({ error: { code: 4, http_code: 504 } });
    expect(await watch.line()).toBeUndefined();
  });

  test("that is not read costs a cursor, and reads everything once it does", async () => {
    const watch = new HttpStream(port, "/v3/watch");
    watch.send({ create_request: { key: base64("big") } });
    await watch.json();
    await watch.pause(true);
    const value = "x".repeat(200_000);
    for (let i = 0; i < 100; i++) await put("big", `${i}:${value}`);
    expect(await victims()).toBe(1);
    await watch.pause(false);
    const seen: string[] = [];
    while (seen.length < 100) seen.push(...valuesOf(resultOf(await watch.json())));
    expect(seen.map((text) => Number(text.split(":")[0]))).toEqual([...Array(100).keys()]);
    watch.close();
  });

  test("is gone from the server when its client leaves", async () => {
    while ((await watchers()) > 0) await put("w5", "x");
    const watch = new HttpStream(port, "/v3/watch");
    watch.send({ create_request: { key: base64("w5") } });
    await watch.json();
    expect(await watchers()).toBe(1);
    watch.close();
    while ((await watchers()) > 0) await put("w5", "x");
  });
});

async function metric(pattern: RegExp): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(pattern.exec(text)?.[1]);
}

function victims(): Promise<number> {
  return metric(/^etcd_debugging_mvcc_slow_watcher_total (\d+)$/m);
}

function watchers(): Promise<number> {
  return metric(/^etcd_debugging_mvcc_watcher_total (\d+)$/m);
}

describe("Server-Sent Events", () => {
  async function next(stream: HttpStream): Promise<{ id: number; result: Result }> {
    const id = Number((await stream.line())?.replace(/^id: /, ""));
    const data = (await stream.line())?.replace(/^data: /, "") ?? "";
    return { id, result: resultOf(JSON.parse(data)) };
  }

  const accept = "text/event-stream";

  test("carry a watch by GET, which Last-Event-ID takes up where it was", async () => {
    const path = `/v3/watch?key=${encodeURIComponent(base64("s"))}&prev_kv=true`;
    const first = new HttpStream(port, path, { method: "GET", headers: { accept } });
    expect((await first.response).headers["content-type"]).toBe(accept);
    const created = await next(first);
    const revision = await put("s", "1");
    expect(created).toMatchObject({ id: revision - 1, result: { created: true } });
    expect(await next(first)).toMatchObject({ id: revision });
    first.close();
    await put("s", "2");
    await put("s", "3");
    const headers = { accept, "last-event-id": String(revision) };
    const again = new HttpStream(port, path, { method: "GET", headers });
    expect(await next(again)).toMatchObject({ id: revision, result: { created: true } });
    const { id, result } = await next(again);
    expect([id, valuesOf(result)]).toEqual([revision + 2, ["2", "3"]]);
    again.close();
  });

  test("carry any stream by POST", async () => {
    const stream = new HttpStream(port, "/v3/lease/keepalive", { headers: { accept } });
    stream.send({ ID: 5 });
    stream.end();
    expect(await stream.line()).toMatch(/^data: \{"result":\{"header":.*"ID":"5"\}\}$/);
    expect(await stream.line()).toBeUndefined();
  });

  test("end with a failure", async () => {
    const path = "/v3/watch?create_request.key=!";
    const stream = new HttpStream(port, path, { method: "GET", headers: { accept } });
    expect((await stream.response).statusCode).toBe(400);
    expect(await stream.line()).toBe("event: failure");
    expect(await stream.line()).toMatch(/^data: \{"error":\{"code":3,/);
  });
});

/** Opens a WebSocket by Node's own client, sends these messages, and prints what it hears. */
const PEER = `
const socket = new WebSocket(process.argv[1], process.argv[3] ? JSON.parse(process.argv[3]) : []);
const [path, ...messages] = JSON.parse(process.argv[2]);
socket.onopen = () => { console.log("open " + socket.protocol); next(); };
const next = () => { const m = messages.shift(); if (m !== undefined) socket.send(m); };
socket.onmessage = ({ data }) => { console.log(data); if (messages.length > 0) next();
  else if (path === "close") socket.close(1000, "done"); };
socket.onerror = () => console.log("error");
socket.onclose = ({ code }) => { console.log("closed " + code); process.exit(0); };
`;

function webSocket(path: string, ...sent: readonly string[]): Promise<string[]> {
  return speak([`ws://127.0.0.1:${port}${path}`, JSON.stringify(sent)]);
}

function speak(args: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const node = ["--experimental-websocket", "--no-warnings", "-e", PEER, ...args];
    const child = spawn(process.execPath, node, { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (piece: Buffer) => {
      text += piece.toString();
    });
    child.on("error", reject);
    child.on("exit", () => resolve(text.trim().split("\n")));
  });
}

describe("WebSocket, spoken by Node's own client (G12)", () => {
  test("carries a watch: requests and answers are messages, and the client closes", async () => {
    await put("ws", "1");
    const create = (id: number): string =>
      JSON.stringify({ create_request: { key: base64(`ws${id}`), watch_id: id } });
    const heard = await webSocket("/v3/watch", "close", create(7), create(8));
    expect(heard[0]).toBe("open ");
    expect(heard.slice(1, 3).map((line) => resultOf(JSON.parse(line)))).toMatchObject([
      { created: true, watch_id: "7" },
      { created: true, watch_id: "8" },
    ]);
    expect(heard.slice(3)).toEqual(["closed 1000"]);
  });

  test("carries a unary call, and is closed behind the answer", async () => {
    const heard = await webSocket("/v3/kv/range", "", JSON.stringify({ key: base64("none") }));
    expect(heard).toMatchObject(["open ", expect.stringMatching(/^\{"header":/), "closed 1000"]);
  });

  test("tells an error in a message", async () => {
    const heard = await webSocket("/v3/kv/range", "", "{}");
    expect(JSON.parse(heard[1] ?? "")).toMatchObject({ code: 3 });
  });

  test("takes the user's token from the subprotocol", async () => {
    const url = `ws://127.0.0.1:${port}/v3/kv/range`;
    const sent = JSON.stringify(["", JSON.stringify({ key: base64("none") })]);
    const heard = await speak([url, sent, JSON.stringify(["Bearer", "token-of-a-user"])]);
    expect(heard[0]).toBe("open Bearer");
  });

  test("is refused in plain HTTP where there is no such path", async () => {
    expect((await webSocket("/v3/nothing", ""))[0]).toBe("error");
    const answer = await exchangeRaw(port, handshake("/v3/nothing"));
    expect(answer).toMatch(/^HTTP\/1.1 404 Not Found\r\n.*"code":5/s);
  });

  test("is refused when the handshake is wrong", async () => {
    const wrong = handshake("/v3/watch").replace("Version: 13", "Version: 8");
    expect(await exchangeRaw(port, wrong)).toMatch(/^HTTP\/1.1 400 .*sec-websocket-version: 13/s);
  });

  test("is no reason for a page outside of the gateway to be one", async () => {
    const asked = handshake("/version").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    expect(await exchangeRaw(port, asked)).toMatch(/^HTTP\/1.1 200 OK\r\n.*"etcdserver"/s);
  });
});

function handshake(path: string): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
  );
}

describe("other ways in", () => {
  test("a POST that asks for HTTP/2 by Upgrade is answered in HTTP/1.1", async () => {
    const body = JSON.stringify({ key: base64("none") });
    const head = `POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n`;
    const upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n";
    const answer = exchangeRaw(port, `${head}${upgrade}\r\n${body}GET / HTTP/1.0\r\n\r\n`);
    expect(await answer).toMatch(/^HTTP\/1.1 200 OK\r\n.*"raft_term":"2"\}\}HTTP\/1.1 404 /s);
  });

  test("calls and watches go over HTTP/2 as well", async () => {
    const session = connect(`http://127.0.0.1:${port}`);
    const ask = (path: string, body: string, lines: number): Promise<string> =>
      new Promise((resolve, reject) => {
        const call = session.request({ ":method": "POST", ":path": path });
        let text = "";
        call.on("data", (piece: Buffer) => {
          text += piece.toString();
          if (text.split("\n").length <= lines) return;
          resolve(text);
          call.close();
        });
        call.on("end", () => resolve(text));
        call.on("error", reject);
        call.end(body);
      });
    const revision = await put("h2", "v");
    const key = base64("h2");
    const read = await ask("/v3/kv/range", `{"key":"${key}"}`, 9);
    expect(JSON.parse(read)).toMatchObject({ count: "1" });
    const create = `{"create_request":{"key":"${key}","start_revision":"${revision}"}}`;
    const lines = (await ask("/v3/watch", create, 2)).trim().split("\n");
    expect(lines.map((line) => valuesOf(resultOf(JSON.parse(line))))).toEqual([[], ["v"]]);
    const alone = await ask("/v3/watch", '{"create_request":{"key":5}}', 1);
    expect(JSON.parse(alone)).toMatchObject({ error: { code: 3 } });
    session.close();
  });

  test("JSON that is longer than any message is refused before it has all come", async () => {
    const head = "POST /v3/kv/put HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n";
    const answer = await exchangeRaw(port, `${head}{"key":"${"A".repeat(9_000_000)}`);
    expect(answer).toMatch(/^HTTP\/1.1 429 .*"code":8/s);
  });

  test("calls by HTTP are counted like those by gRPC (G14)", async () => {
    const pattern = /grpc_server_handled_total\{grpc_code="OK",grpc_method="Put",.*\} (\d+)/;
    const before = await metric(pattern);
    await put("counted", "1");
    expect(await metric(pattern)).toBe(before + 1);
  });
});

describe("who may come", () => {
  test("pages of other origins are refused where --cors names some (G10)", async () => {
    await using guarded = await start("--cors=https://good.example");
    const url = `http://127.0.0.1:${portOf(guarded)}`;
    const ask = async (path: string, origin: string): Promise<[number, string | null]> => {
      const method = path === "/version" ? "GET" : "POST";
      const response = await fetch(`${url}${path}`, { method, headers: { origin } });
      return [response.status, response.headers.get("access-control-allow-origin")];
    };
    expect(await ask("/version", "https://good.example")).toEqual([200, "https://good.example"]);
    expect(await ask("/version", "https://bad.example")).toEqual([403, null]);
    expect(await ask("/v3/kv/range", "https://bad.example")).toEqual([403, null]);
    expect(await ask("/v3/kv/range", "https://good.example")).toEqual([
      400,
      "https://good.example",
    ]);
    expect(await ask("/v3/kv/range", url)).toEqual([400, null]);
    const page = "\r\nOrigin: https://bad.example\r\nUpgrade: ";
    const socket = handshake("/v3/watch").replace("\r\nUpgrade: ", page);
    expect(await exchangeRaw(portOf(guarded), socket)).toMatch(/^HTTP\/1.1 403 /);
  });

  test("other names than those of --host-whitelist are misdirected (G11)", async () => {
    await using guarded = await start("--host-whitelist=good.example,127.0.0.1");
    const ask = (path: string, host: string): Promise<string> => {
      const head = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      return exchangeRaw(portOf(guarded), head);
    };
    expect(await ask("/version", "good.example:80")).toMatch(/^HTTP\/1.1 200 /);
    expect(await ask("/version", "bad.example")).toMatch(/^HTTP\/1.1 421 .*"bad.example"/s);
    expect(await ask("/v3/kv/range", "bad.example")).toMatch(/^HTTP\/1.1 421 /);
    expect(await ask("/v3/kv/range", "good.example")).toMatch(/^HTTP\/1.1 501 /);
  });

  test("nobody finds the gateway where it is off, and the pages are there (G13)", async () => {
    await using without = await start("--enable-grpc-gateway=false");
    const url = `http://127.0.0.1:${portOf(without)}`;
    const response = await fetch(`${url}/v3/kv/range`, { method: "POST", body: "{}" });
    expect([response.status, await response.text()]).toEqual([404, "404 page not found\n"]);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });
});
