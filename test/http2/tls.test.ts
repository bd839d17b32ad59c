import { readFileSync } from "node:fs";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { cipherList } from "../../src/transport/tls/cipher-suites.ts";
import { TlsAcceptor } from "../../src/transport/tls/tls-acceptor.ts";
import { TlsFiles } from "../../src/transport/tls/tls-files.ts";
import { type CertificateFiles, TestAuthority } from "../support/test-certificates.ts";
import { DummyServer } from "./dummy-server.ts";

let authority: TestAuthority;
let own: CertificateFiles;
let server: DummyServer | undefined;
let sessions: ClientHttp2Session[] = [];
let reasons: string[] = [];

beforeAll(() => {
  authority = new TestAuthority();
  own = authority.issue({ commonName: "server" });
});

afterAll(() => authority.dispose());

afterEach(async () => {
  for (const session of sessions) session.destroy();
  sessions = [];
  reasons = [];
  await server?.stop();
  server = undefined;
});

async function start(asks: boolean, commonNameIsUser = asks): Promise<DummyServer> {
  const files = new TlsFiles({
    keyPair: { kind: "files", ...own },
    trustedCaFile: authority.caFile,
    crlFile: undefined,
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.3",
    ciphers: cipherList([]),
  });
  const tls = new TlsAcceptor({
    files,
    policy: {
      requireCertificate: asks,
      commonNameIsUser,
      allowedCommonNames: [],
      allowedHostnames: [],
    },
    rejected: ({ reason }) => void reasons.push(reason),
    filesFailed: (error) => {
      throw error;
    },
  });
  server = await DummyServer.start({ tls });
  return server;
}

function open(to: DummyServer, client?: CertificateFiles): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${to.address.port}`, {
    ca: readFileSync(authority.caFile),
    ...(client && { cert: readFileSync(client.certFile), key: readFileSync(client.keyFile) }),
    settings: { initialWindowSize: 8 * 1024 * 1024 },
  });
  session.on("connect", () => session.setLocalWindowSize(64 * 1024 * 1024));
  sessions.push(session);
  return session;
}

function call(session: ClientHttp2Session, method: string): ReturnType<typeof session.request> {
  const request = session.request({
    ":method": "POST",
    ":path": `/test.Dummy/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  request.on("error", () => {});
  request.resume();
  return request;
}

describe("the common name of a client's certificate (T6)", () => {
  it.each([
    ["stands for the user where certificates do", true, "alice", "alice"],
    ["does not, where an authority is asked only", false, "alice", undefined],
    ["is empty in a certificate without one", true, undefined, ""],
  ])("%s", async (_, isUser, commonName, expected) => {
    const to = await start(true, isUser);
    const client = authority.issue(commonName === undefined ? {} : { commonName });
    const session = open(to, client);
    call(session, "Hold").end(Buffer.alloc(5));
    await to.until("the call", () => to.held.length === 1);
    expect(to.held[0]?.peerCommonName).toBe(expected);
    call(session, "Held").write(Buffer.alloc(5));
    await to.until("the stream", () => to.streams.length === 1);
    expect(to.streams[0]?.call.peerCommonName).toBe(expected);
  });
});

describe("a TLS socket under load", () => {
  it("a client that lies still is told no, and takes all that waits once it reads", async () => {
    const to = await start(false);
    const session = open(to);
    const request = call(session, "Held");
    request.pause();
    request.write(Buffer.alloc(5));
    await to.until("the stream", () => to.streams.length === 1);
    const [held] = to.streams;
    const body = Buffer.alloc(64 * 1024, 1);
    let offered = 0;
    // Many turns of the event loop, each of which may hand something to the socket.
    for (let turn = 0; turn < 200; turn++) {
      while (offered < 2000 && held?.call.offer(Buffer.alloc(0), 0, body) === true) offered++;
      await new Promise(setImmediate);
    }
    expect(offered).toBeGreaterThan(0);
    expect(offered * body.length).toBeLessThan(40 * 1024 * 1024);
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.resume();
    await to.until("the rest", () => bytes === offered * (body.length + 5));
    await to.until("drained", () => (held?.drainedCount ?? 0) > 0);
  });

  it("an open connection is counted once, and no more when it is gone", async () => {
    const to = await start(false);
    const session = open(to);
    call(session, "Hold").end(Buffer.alloc(5));
    await to.until("the call", () => to.held.length === 1);
    expect(to.listener.counters.connectionsOpen).toBe(1);
    session.destroy();
    await to.until("its end", () => to.listener.counters.connectionsOpen === 0);
  });
});

describe("handshakes that take too long (T6)", () => {
  it.each([
    ["nothing", Buffer.alloc(0), []],
    ["the beginning of a record", Buffer.of(0x16, 3, 1, 2), ["tls: handshake timeout"]],
  ])("a client that sends %s is closed after 5 s", async (_, bytes, expected) => {
    const to = await start(false);
    const socket = connectTcp(to.address.port, "127.0.0.1");
    await new Promise((resolve) => socket.write(bytes.length === 0 ? "" : bytes, resolve));
    const ended = socket.toArray();
    call(open(to), "Hold").end(Buffer.alloc(5));
    await to.until("a call behind it", () => to.held.length === 1);
    to.time.advance(4999);
    expect(to.listener.counters.connectionsOpen).toBe(2);
    to.time.advance(2);
    expect(await ended).toEqual([]);
    await to.until("its end", () => to.listener.counters.connectionsOpen === 1);
    expect(reasons).toEqual(expected);
  });

  it("a stop does not wait for them, though no time passes", async () => {
    const to = await start(false);
    const silent = connectTcp(to.address.port, "127.0.0.1");
    const half = connectTcp(to.address.port, "127.0.0.1");
    await new Promise((resolve) => half.write(Buffer.of(0x16, 3, 1, 2), resolve));
    const ends = Promise.all([silent.toArray(), half.toArray()]);
    await to.until("both", () => to.listener.counters.connectionsOpen === 2);
    await to.listener.drain(1000);
    expect(await ends).toEqual([[], []]);
  });

  it("a client without ALPN that says nothing after its handshake is closed, too", async () => {
    const to = await start(false);
    const ca = readFileSync(authority.caFile);
    const socket = connect({ host: "127.0.0.1", port: to.address.port, ca });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    call(open(to), "Hold").end(Buffer.alloc(5));
    await to.until("a call behind it", () => to.held.length === 1);
    to.time.advance(10_001);
    expect(await socket.toArray()).toEqual([]);
  });
});
