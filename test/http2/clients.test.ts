import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { connect as connectHttp2 } from "node:http2";
import { request as requestHttp1 } from "node:http";
import { connect as connectTcp } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, type ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DummyServer } from "./dummy-server.ts";
import { message } from "./grpc.ts";

/** Clients that others wrote, on the one port that serves HTTP/2 and HTTP/1.1. */
let server: DummyServer;
let origin: string;
beforeAll(async () => {
  server = await DummyServer.start();
  origin = `${server.address.host}:${server.address.port}`;
});
afterAll(async () => await server.stop());

function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
}

/** What a program printed, once it has ended well; at most 40 s. */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  const child: ChildProcess = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
  const timer = setTimeout(() => child.kill(), 40_000);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  const output = Buffer.concat(chunks).toString("latin1");
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${output}`);
  return output;
}

describe.skipIf(!isInstalled("curl"))("curl", () => {
  test("HTTP/2 with prior knowledge", async () => {
    const output = await run("curl", "-sv", "--http2-prior-knowledge", `http://${origin}/a?b`);
    expect(output).toContain("hello from the dummy server");
    expect(output).toMatch(/HTTP\/2 200/);
    expect(output).toContain("x-target: /a?b");
  });

  test("HTTP/1.1 on the same port", async () => {
    const output = await run("curl", "-sv", "--http1.1", `http://${origin}/a?b`);
    expect(output).toMatch(/HTTP\/1\.1 200/);
    expect(output).toContain("hello from the dummy server");
  });

  test("a body over either protocol comes back", async () => {
    const body = "x".repeat(200_000);
    const folder = mkdtempSync(join(tmpdir(), "body-"));
    const path = join(folder, "body");
    writeFileSync(path, body);
    for (const version of ["--http2-prior-knowledge", "--http1.1"]) {
      const output = await run(
        "curl",
        "-s",
        version,
        "--data-binary",
        `@${path}`,
        `http://${origin}/`,
      );
      expect(output === body).toBe(true);
    }
    rmSync(folder, { recursive: true });
  });

  test("an upgrade from HTTP/1.1 is not taken, and answered all the same", async () => {
    const output = await run("curl", "-sv", "--http2", `http://${origin}/`);
    expect(output).toMatch(/HTTP\/1\.1 200/);
  });
});

describe.skipIf(!isInstalled("nghttp"))("nghttp", () => {
  test("GET with its tree of priorities", async () => {
    const output = await run("nghttp", "-v", `http://${origin}/x`);
    expect(output).toContain(":status: 200");
    expect(output).toContain("hello from the dummy server");
  });

  test("several requests, padding and a small window", async () => {
    const args = ["-v", "-m", "20", "-b", "100", "-w", "8", "-W", "10"];
    const output = await run("nghttp", ...args, `http://${origin}/x`);
    expect(output.match(/:status: 200/g)).toHaveLength(20);
  });

  test("a continuation of a header block", async () => {
    const output = await run("nghttp", "-v", "--continuation", `http://${origin}/x`);
    expect(output).toContain(":status: 200");
  });
});

describe.skipIf(!isInstalled("h2load"))("h2load", () => {
  async function load(...args: readonly string[]): Promise<string> {
    return await run("h2load", ...args);
  }

  test("20,000 GETs on 4 connections, 100 streams each", async () => {
    const output = await load("-n20000", "-c4", "-m100", `http://${origin}/`);
    expect(output).toMatch(/20000 total, .*20000 succeeded, 0 failed, 0 errored/);
    expect(output).toContain("20000 2xx");
  });

  test("20,000 unary calls with 100 at once", async () => {
    const folder = mkdtempSync(join(tmpdir(), "call-"));
    const path = join(folder, "message");
    writeFileSync(path, message(Buffer.from("from h2load")));
    const fields = ["-H", "content-type: application/grpc", "-H", "te: trailers", "-d", path];
    const output = await load(
      "-n20000",
      "-c2",
      "-m100",
      ...fields,
      `http://${origin}/test.Dummy/Echo`,
    );
    expect(output).toMatch(/20000 total, .*20000 succeeded, 0 failed, 0 errored/);
    rmSync(folder, { recursive: true });
  });

  test("HTTP/1.1 under load", async () => {
    const output = await load("-n2000", "-c4", "--h1", `http://${origin}/`);
    expect(output).toMatch(/2000 total, .*2000 succeeded, 0 failed, 0 errored/);
  });
});

describe("Node's own clients", () => {
  test("http2: 500 requests at once, bodies and all", async () => {
    const session = connectHttp2(`http://${origin}`);
    const bodies = await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        const stream = session.request({ ":method": "POST", ":path": `/${i}` });
        stream.end(`body ${i}`);
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks).toString();
      }),
    );
    expect(bodies).toEqual(Array.from({ length: 500 }, (_, i) => `body ${i}`));
    await new Promise<void>((resolve) => session.close(resolve));
  });

  test("http2: HEAD has no body", async () => {
    const session = connectHttp2(`http://${origin}`);
    const stream = session.request({ ":method": "HEAD", ":path": "/" });
    let bytes = 0;
    for await (const chunk of stream) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(0);
    session.destroy();
  });

  test("http: a chunked body and keep-alive", async () => {
    const { host, port } = server.address;
    const text = await new Promise<string>((resolve, reject) => {
      const outgoing = requestHttp1({ host, port, method: "POST", path: "/c" }, (incoming) => {
        let body = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (part: string) => (body += part));
        incoming.on("end", () => resolve(`${incoming.statusCode} ${body}`));
      });
      outgoing.on("error", reject);
      outgoing.write("one ");
      outgoing.end("two");
    });
    expect(text).toBe("200 one two");
  });
});

describe("HTTP/1.1 from a bare socket", () => {
  async function exchange(request: string): Promise<string> {
    const socket = connectTcp(server.address.port, server.address.host);
    socket.write(request, "latin1");
    let text = "";
    for await (const chunk of socket) text += (chunk as Buffer).toString("latin1");
    return text;
  }

  test("a malformed header is answered with 400", async () => {
    const text = await exchange("GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n");
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  });

  test("headers without end are answered with 431", async () => {
    const text = await exchange(`GET / HTTP/1.1\r\nhost: x\r\nlong: ${"v".repeat(100_000)}`);
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
  });

  test("a body of single-byte chunks comes back whole", async () => {
    const body = "1\r\nx\r\n".repeat(5000);
    const head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked";
    const text = await exchange(`${head}\r\n\r\n${body}0\r\n\r\n`);
    expect(text.endsWith("x".repeat(5000))).toBe(true);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("a body above the limit is answered with 413", async () => {
    const head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n";
    const text = await exchange(`${head}${"x".repeat(2_200_000)}`);
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
  });
});

const identity = (bytes: Buffer): Buffer => bytes;

describe("@grpc/grpc-js", () => {
  let grpc: Client;
  beforeAll(() => {
    grpc = new Client(origin, credentials.createInsecure());
  });
  afterAll(() => grpc.close());

  async function unary(path: string, request: Buffer, deadlineMs = 10_000): Promise<Buffer> {
    return await new Promise<Buffer>((resolve, reject) => {
      const options = { deadline: Date.now() + deadlineMs };
      grpc.makeUnaryRequest(
        path,
        identity,
        identity,
        request,
        new Metadata(),
        options,
        (error, value) => {
          if (error !== null) reject(error);
          else resolve(value!);
        },
      );
    });
  }

  test("1,000 unary calls at once", async () => {
    const calls = Array.from({ length: 1000 }, async (_, i) => {
      return String(await unary("/test.Dummy/Echo", Buffer.from(`call ${i}`)));
    });
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 1000 }, (_, i) => `call ${i}`));
  });

  test("a large message both ways", async () => {
    const big = Buffer.alloc(2_000_000, 6);
    expect((await unary("/test.Dummy/Echo", big)).equals(big)).toBe(true);
  });

  test("a failure's code and text", async () => {
    const request = Buffer.concat([Buffer.of(9), Buffer.from("ungültig: 100 %")]);
    await expect(unary("/test.Dummy/Fail", request)).rejects.toMatchObject({
      code: 9,
      details: "ungültig: 100 %",
    });
  });

  test("E81: an unknown method", async () => {
    await expect(unary("/test.Dummy/None", Buffer.alloc(0))).rejects.toMatchObject({
      code: 12,
      details: "unknown method None for service test.Dummy",
    });
  });

  test("E80: a message over the limit", async () => {
    await expect(unary("/test.Dummy/Echo", Buffer.alloc(3_000_000))).rejects.toMatchObject({
      code: 8,
      details: "grpc: received message larger than max (3000000 vs. 2097152)",
    });
  });

  test("a stream both ways, then half-close", async () => {
    const stream: ClientDuplexStream<Buffer, Buffer> = grpc.makeBidiStreamRequest(
      "/test.Dummy/EchoStream",
      identity,
      identity,
    );
    const received: string[] = [];
    stream.on("data", (bytes: Buffer) => {
      received.push(bytes.toString());
      if (received.length < 200) stream.write(Buffer.from(`message ${received.length}`));
      else stream.end();
    });
    const status = new Promise<number>((resolve) => {
      stream.on("status", ({ code }: { code: number }) => resolve(code));
    });
    stream.write(Buffer.from("message 0"));
    expect(await status).toBe(0);
    expect(received).toEqual(Array.from({ length: 200 }, (_, i) => `message ${i}`));
  });

  test("a cancelled stream", async () => {
    server.streams.length = 0;
    const stream = grpc.makeBidiStreamRequest("/test.Dummy/Held", identity, identity);
    stream.on("error", () => undefined);
    stream.write(Buffer.from("first"));
    await server.until("the message", () => server.streams[0]?.messages.length === 1);
    stream.cancel();
    await server.until("the cancel", () => server.streams[0]!.isCancelled);
  });
});
