import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseFlags } from "../../src/flags.ts";
import type { LogFields, Logger } from "../../src/logger.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { freePort } from "../support/servers.ts";
import { type CertificateFiles, TestAuthority } from "../support/test-certificates.ts";

let authority: TestAuthority;
let stranger: TestAuthority;
let own: CertificateFiles;
let folder: string;
let lines: { readonly message: string; readonly fields: LogFields }[];
let running: RunningServer[];

beforeAll(() => {
  authority = new TestAuthority();
  stranger = new TestAuthority("stranger");
  own = authority.issue({ commonName: "server" });
});

afterAll(() => {
  authority.dispose();
  stranger.dispose();
});

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "vedette-secure-"));
  lines = [];
  running = [];
});

afterEach(async () => {
  for (const server of [...running]) await stop(server);
  rmSync(folder, { recursive: true, force: true });
});

function logger(): Logger {
  const note = (message: string, fields: LogFields = {}): void => {
    lines.push({ message, fields });
  };
  return { debug: note, info: note, warn: note, error: note };
}

function rejections(): unknown[] {
  return lines
    .filter(({ message }) => message === "rejected connection on client endpoint")
    .map(({ fields }) => fields["error"]);
}

async function start(...args: readonly string[]): Promise<RunningServer> {
  const flags = ["--advertise-client-urls=http://127.0.0.1:1", ...args];
  if (!args.some((arg) => arg.startsWith("--data-dir"))) flags.push("--in-memory");
  const parsed = parseFlags({ args: flags, environment: {}, dataDirSuffix: "vedette" });
  if (parsed.kind !== "serve") throw new Error(parsed.kind);
  const server = await startServer(parsed.options, logger());
  running.push(server);
  return server;
}

async function stop(server: RunningServer): Promise<void> {
  running.splice(running.indexOf(server), 1);
  await server.close();
}

const ANY = "--listen-client-urls=https://127.0.0.1:0";

function pair({ certFile, keyFile }: CertificateFiles = own): string[] {
  return [`--cert-file=${certFile}`, `--key-file=${keyFile}`];
}

function portOf(server: RunningServer, index = 0): number {
  return Number(/(\d+)$/.exec(server.clientUrls[index] ?? "")?.[1]);
}

function asClient(files: CertificateFiles): ConnectionOptions {
  return { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
}

/** The status of GET /version over TLS, or the code of what went wrong. */
function get(
  place: { readonly port: number } | { readonly socketPath: string },
  options: ConnectionOptions = {},
): Promise<number | string> {
  return new Promise((resolve) => {
    const ca = readFileSync(authority.caFile);
    const sent = httpsRequest(
      { host: "127.0.0.1", path: "/version", agent: false, ca, ...place, ...options },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    sent.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    sent.end();
  });
}

function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(authority.caFile);
    const socket = connect({ host: "127.0.0.1", port, ca, ...options }, () => resolve(socket));
    socket.on("error", reject);
  });
}

/** The gRPC status of a Put without a key over HTTP/2: 3 where KV is served. */
function putStatus(port: number, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(authority.caFile);
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, ...options });
    session.on("error", reject);
    const call = session.request({
      ":method": "POST",
      ":path": "/etcdserverpb.KV/Put",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const done = (headers: Record<string, unknown>): void => {
      if (headers["grpc-status"] === undefined) return;
      resolve(String(headers["grpc-status"]));
      session.close();
    };
    call.on("response", done);
    call.on("trailers", done);
    call.on("error", reject);
    call.end(Buffer.alloc(5));
    call.resume();
  });
}

describe("the protocols of a TLS port (T6, G25)", () => {
  it("h2 and http/1.1 by ALPN, and by the first bytes without it", async () => {
    const server = await start(ANY, ...pair());
    const port = portOf(server);
    expect(await putStatus(port)).toBe("3");
    expect(await get({ port })).toBe(200);
    const bare = await handshake(port);
    expect(bare.alpnProtocol).toBe(false);
    bare.write("GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    const [answer] = await bare.toArray();
    expect(String(answer)).toMatch(/^HTTP\/1.1 200/);
    const both = await handshake(port, { ALPNProtocols: ["http/1.1", "h2"] });
    expect(both.alpnProtocol).toBe("h2");
    both.destroy();
  });

  it("one port may be for both kinds of clients, as in etcd", async () => {
    const port = await freePort();
    const urls = `https://127.0.0.1:${port},http://127.0.0.1:${port}`;
    const server = await start(`--listen-client-urls=${urls}`, ...pair());
    expect(server.clientUrls).toEqual(urls.split(","));
    expect(await get({ port })).toBe(200);
    expect(await plainGet(port)).toBe("200 ");
    expect(lines.map(({ message }) => message)).toContain(
      "scheme is http or unix while key and cert files are present; ignoring key and cert files",
    );
  });

  it("a client without TLS is told so on a port that is for TLS only", async () => {
    const server = await start(ANY, ...pair());
    expect(await plainGet(portOf(server))).toMatch(/^400 Client sent an HTTP request to an HTTPS/);
    const raw = connectTcp(portOf(server), "127.0.0.1");
    raw.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    expect(await raw.toArray()).toEqual([]);
    expect(rejections()).toEqual([NOT_TLS, NOT_TLS]);
  });

  it("unixs:// and the URLs for metrics speak TLS too", async () => {
    const socketPath = path.join(folder, "v.sock");
    const [port, plainPort] = [await freePort(), await freePort()];
    await start(
      `--listen-client-urls=unixs://${socketPath}`,
      `--listen-metrics-urls=https://127.0.0.1:${port},http://127.0.0.1:${plainPort}`,
      ...pair(),
    );
    expect(await plainGet(plainPort)).toBe("200 ");
    expect(lines.filter(({ message }) => message.startsWith("scheme is http"))).toEqual([]);
    expect(await get({ socketPath }, { servername: "localhost" })).toBe(200);
    expect(await get({ port })).toBe(200);
    expect(await putStatus(port)).toBe("12");
  });

  it("large answers come whole", async () => {
    const server = await start(ANY, ...pair());
    const ca = readFileSync(authority.caFile);
    const session = connectHttp2(`https://127.0.0.1:${portOf(server)}`, { ca });
    const value = Buffer.alloc(1_000_000, "v");
    await send(session, "Put", message(field(1, Buffer.from("k")), field(2, value)));
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => send(session, "Range", message(field(1, Buffer.from("k"))))),
    );
    for (const answer of answers) {
      expect(answer.length).toBeGreaterThan(value.length);
      expect(answer.includes(value)).toBe(true);
    }
    session.close();
  });
});

const NOT_TLS = "tls: first record does not look like a TLS handshake";

function plainGet(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: "127.0.0.1", port, path: "/version", agent: false }, (got) => {
      let body = "";
      got.on("data", (chunk: Buffer) => (body += chunk.toString()));
      got.on("end", () => resolve(`${got.statusCode} ${got.statusCode === 200 ? "" : body}`));
    });
    sent.on("error", reject);
    sent.end();
  });
}

function field(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 127; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
  return Buffer.concat([Buffer.of((number << 3) | 2, ...length, rest), bytes]);
}

function message(...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

function send(
  session: ReturnType<typeof connectHttp2>,
  method: string,
  body: Buffer,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const call = session.request({
      ":method": "POST",
      ":path": `/etcdserverpb.KV/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const chunks: Buffer[] = [];
    call.on("data", (chunk: Buffer) => chunks.push(chunk));
    call.on("trailers", (headers) => {
      if (headers["grpc-status"] === "0") resolve(Buffer.concat(chunks));
      else reject(new Error(String(headers["grpc-message"])));
    });
    call.on("error", reject);
    call.end(body);
  });
}

describe("versions and suites (T6)", () => {
  it("TLS 1.1 is refused, 1.2 and 1.3 are spoken", async () => {
    const server = await start(ANY, ...pair());
    const port = portOf(server);
    const old: ConnectionOptions = { minVersion: "TLSv1", maxVersion: "TLSv1.1" };
    expect(await get({ port }, { ...old, ciphers: "DEFAULT@SECLEVEL=0" })).not.toBe(200);
    expect(rejections()).toEqual(["tls: client offered only unsupported versions"]);
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = await handshake(port, { minVersion: version, maxVersion: version });
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
  });

  it("the flags bound them", async () => {
    const only12 = await start(ANY, ...pair(), "--tls-max-version=TLS1.2");
    expect(await get({ port: portOf(only12) }, { minVersion: "TLSv1.3" })).not.toBe(200);
    const only13 = await start(ANY, ...pair(), "--tls-min-version=TLS1.3");
    expect(await get({ port: portOf(only13) }, { maxVersion: "TLSv1.2" })).not.toBe(200);
    expect(await get({ port: portOf(only13) })).toBe(200);
  });

  it("only the suites that were chosen, and no weak one without a choice", async () => {
    const suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    const server = await start(ANY, ...pair(), `--cipher-suites=${suite}`);
    const port = portOf(server);
    const socket = await handshake(port, { maxVersion: "TLSv1.2" });
    expect(socket.getCipher().name).toBe("ECDHE-ECDSA-AES256-GCM-SHA384");
    socket.destroy();
    const others = { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" } as const;
    expect(await get({ port }, others)).not.toBe(200);
    expect(rejections()).toEqual(["tls: no cipher suite supported by both client and server"]);
    const usual = await start(ANY, ...pair());
    const weak = { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" } as const;
    expect(await get({ port: portOf(usual) }, weak)).not.toBe(200);
  });
});

const NO_CERTIFICATE = "tls: client didn't provide a certificate";
const UNKNOWN = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
const EXPIRED =
  "tls: failed to verify certificate: x509: certificate has expired or is not yet valid";
const DENIED = "client certificate authentication failed";

describe("the certificates of clients, on every listener (T6)", () => {
  const DAY_MS = 24 * 60 * 60 * 1000;
  const serial = Buffer.of(0x12, 0x34, 0x56);
  const cases: readonly (readonly [
    name: string,
    certificate: (() => CertificateFiles) | undefined,
    reason: string | undefined,
  ])[] = [
    ["none", undefined, NO_CERTIFICATE],
    ["one of another authority", () => stranger.issue({ commonName: "c" }), UNKNOWN],
    ["one that has expired", () => authority.issue({ notAfterMs: Date.now() - 1000 }), EXPIRED],
    ["one not valid yet", () => authority.issue({ notBeforeMs: Date.now() + DAY_MS }), EXPIRED],
    [
      "one that was revoked",
      () => authority.issue({ serial }),
      "transport: certificate serial 123456 revoked",
    ],
    [
      "one for servers",
      () => authority.issue({ usage: "1.3.6.1.5.5.7.3.1" }),
      "tls: failed to verify certificate: x509: certificate specifies an incompatible key usage",
    ],
    ["a good one", () => authority.issue({ commonName: "c" }), undefined],
    ["a good one without a common name", () => authority.issue(), undefined],
  ];

  it.each(cases)("%s", async (_, certificate, reason) => {
    const crl = authority.revoke([serial], "pem", path.join(folder, "crl.pem"));
    const metricsPort = await freePort();
    const socketPath = path.join(folder, "v.sock");
    const server = await start(
      `${ANY},unixs://${socketPath}`,
      `--listen-metrics-urls=https://127.0.0.1:${metricsPort}`,
      "--client-cert-auth",
      `--trusted-ca-file=${authority.caFile}`,
      `--client-crl-file=${crl}`,
      ...pair(),
    );
    const options = certificate === undefined ? {} : asClient(certificate());
    const places = [
      { port: portOf(server) },
      { port: metricsPort },
      { socketPath, servername: "localhost" },
    ];
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      for (const place of places) {
        const status = await get(place, { ...options, maxVersion });
        if (reason === undefined) expect(status).toBe(200);
        else expect(status).not.toBe(200);
      }
    }
    expect(rejections()).toEqual(reason === undefined ? [] : Array(6).fill(reason));
  });

  it("of several authorities in the file, each may have signed", async () => {
    const bundle = path.join(folder, "bundle.pem");
    const files = [authority.caFile, stranger.caFile];
    writeFileSync(bundle, files.map((file) => readFileSync(file, "latin1")).join(""));
    const server = await start(ANY, ...pair(), `--trusted-ca-file=${bundle}`);
    for (const signer of [authority, stranger]) {
      expect(await get({ port: portOf(server) }, asClient(signer.issue()))).toBe(200);
    }
  });

  it("an authority alone asks for a certificate, too", async () => {
    const server = await start(ANY, ...pair(), `--trusted-ca-file=${authority.caFile}`);
    expect(await get({ port: portOf(server) })).not.toBe(200);
    expect(await get({ port: portOf(server) }, asClient(authority.issue()))).toBe(200);
    expect(rejections()).toEqual([NO_CERTIFICATE]);
  });

  it.each([
    ["--client-cert-allowed-cn=a,b", { commonName: "b" }, true],
    ["--client-cert-allowed-cn=a,b", { commonName: "c" }, false],
    ["--client-cert-allowed-cn=a,b", {}, false],
    ["--client-cert-allowed-hostname=a.example", { dnsNames: ["a.example"] }, true],
    ["--client-cert-allowed-hostname=a.b.example", { dnsNames: ["*.b.example"] }, true],
    ["--client-cert-allowed-hostname=127.0.0.1", { dnsNames: [] }, true],
    ["--client-cert-allowed-hostname=a.example", { dnsNames: ["b.example"] }, false],
    [
      "--client-cert-allowed-hostname=a.example",
      { commonName: "a.example", dnsNames: ["b.example"] },
      false,
    ],
  ])("%s with %j: let in %s", async (flag, certificate, isLetIn) => {
    const ca = `--trusted-ca-file=${authority.caFile}`;
    const server = await start(ANY, ...pair(), ca, flag);
    const status = await get({ port: portOf(server) }, asClient(authority.issue(certificate)));
    expect(status === 200).toBe(isLetIn);
    expect(rejections()).toEqual(isLetIn ? [] : [DENIED]);
  });
});

describe("files that change while the server runs (T6)", () => {
  it("the next handshake has the new certificate; a connection that is open goes on", async () => {
    const [certFile, keyFile] = [path.join(folder, "s.pem"), path.join(folder, "s.key")];
    authority.issueInto(certFile, keyFile, { commonName: "first" });
    const server = await start(ANY, ...pair({ certFile, keyFile, serial: Buffer.of(0) }));
    const port = portOf(server);
    const first = await handshake(port);
    expect(first.getPeerCertificate().subject.CN).toBe("first");
    authority.issueInto(certFile, keyFile, { commonName: "second" });
    const second = await handshake(port);
    expect(second.getPeerCertificate().subject.CN).toBe("second");
    first.write("GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    expect(String((await first.toArray())[0])).toMatch(/^HTTP\/1.1 200/);
    second.destroy();
  });

  it("what cannot be used is said once, and the certificate before goes on", async () => {
    const [certFile, keyFile] = [path.join(folder, "s.pem"), path.join(folder, "s.key")];
    authority.issueInto(certFile, keyFile, { commonName: "first" });
    const server = await start(ANY, ...pair({ certFile, keyFile, serial: Buffer.of(0) }));
    writeFileSync(certFile, readFileSync(own.certFile));
    for (let i = 0; i < 2; i++) {
      const socket = await handshake(portOf(server));
      expect(socket.getPeerCertificate().subject.CN).toBe("first");
      socket.destroy();
    }
    const failures = lines.filter(({ message }) => message.startsWith("failed to load"));
    expect(failures.map(({ fields }) => fields["error"])).toEqual([
      `tls: private key does not match public key (${keyFile}, ${certFile})`,
    ]);
    writeFileSync(keyFile, readFileSync(own.keyFile));
    const socket = await handshake(portOf(server));
    expect(socket.getPeerCertificate().subject.CN).toBe("server");
    socket.destroy();
  });

  it("no session is taken up again, past what has changed meanwhile", async () => {
    const port = portOf(await start(ANY, ...pair()));
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const first = await handshake(port, { maxVersion });
      first.write("GET /version HTTP/1.1\r\nhost: x\r\n\r\n");
      // Tickets, if there were any, would come before the answer.
      await new Promise((resolve) => first.once("data", resolve));
      const session = first.getSession();
      first.destroy();
      const again = await handshake(port, { maxVersion, ...(session && { session }) });
      expect(again.isSessionReused()).toBe(false);
      again.destroy();
    }
  });

  it("a certificate that is revoked comes in no more, nor by a session of before", async () => {
    const crl = authority.revoke([], "der", path.join(folder, "crl"));
    const client = authority.issue({ commonName: "c" });
    const ca = `--trusted-ca-file=${authority.caFile}`;
    const server = await start(ANY, ...pair(), ca, `--client-crl-file=${crl}`);
    const port = portOf(server);
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      authority.revoke([], "der", crl);
      const first = await handshake(port, { ...asClient(client), maxVersion });
      const session = first.getSession();
      first.destroy();
      authority.revoke([client.serial], "der", crl);
      const again = { ...asClient(client), maxVersion, ...(session && { session }) };
      expect(await get({ port }, again)).not.toBe(200);
    }
    // A client that leaves as soon as it may can look like one that never came in.
    const told = rejections().filter((reason) => String(reason).endsWith("revoked"));
    expect(told).toHaveLength(2);
  });
});

describe("a certificate of our own (T6)", () => {
  it("--auto-tls makes one in the data folder, and uses it again", async () => {
    const dataDir = path.join(folder, "data");
    const flags = [ANY, "--auto-tls", `--data-dir=${dataDir}`];
    const certFile = path.join(dataDir, "fixtures/client/cert.pem");
    const first = await start(...flags);
    const certificate = readFileSync(certFile, "latin1");
    expect(statSync(path.join(dataDir, "fixtures/client/key.pem")).mode & 0o777).toBe(0o600);
    expect(await get({ port: portOf(first) }, { ca: certificate })).toBe(200);
    await stop(first);
    const second = await start(...flags);
    expect(readFileSync(certFile, "latin1")).toBe(certificate);
    expect(await get({ port: portOf(second) }, { ca: certificate })).toBe(200);
  });

  it("in memory it is made as well, and nothing is written", async () => {
    const server = await start(ANY, "--auto-tls", "--self-signed-cert-validity=3");
    const socket = await handshake(portOf(server), { rejectUnauthorized: false });
    const { subject, valid_from: from, valid_to: to } = socket.getPeerCertificate();
    expect(subject.O).toBe("etcd");
    const years = (Date.parse(to) - Date.parse(from)) / (365 * 24 * 60 * 60 * 1000);
    expect(years).toBe(3);
    socket.destroy();
    expect(existsSync("fixtures")).toBe(false);
  });

  it("gives way to one that was given", async () => {
    const server = await start(ANY, "--auto-tls", ...pair());
    expect(await get({ port: portOf(server) })).toBe(200);
    expect(lines.map(({ message }) => message)).toContain(
      "ignoring client auto TLS since certs given",
    );
  });
});

describe("a start that cannot be, in etcd's words (T6)", () => {
  const url = "https://127.0.0.1:0";
  it("without a certificate, with half of one, or with files that are not there or do not fit", async () => {
    const bad = path.join(folder, "bad.pem");
    writeFileSync(bad, "bad");
    const other = authority.issue();
    const ca = (file: string): string[] => [...pair(), `--trusted-ca-file=${file}`];
    const cases: readonly (readonly [string[], string])[] = [
      [
        [],
        `TLS key/cert (--cert-file, --key-file) must be provided for client url ${url} with HTTPS scheme`,
      ],
      [
        [`--cert-file=${own.certFile}`],
        `KeyFile and CertFile must both be present[key: , cert: ${own.certFile}]`,
      ],
      [["--cert-file=nope", `--key-file=${own.keyFile}`], "open nope: no such file or directory"],
      [
        [`--cert-file=${own.certFile}`, `--key-file=${other.keyFile}`],
        `tls: private key does not match public key (${other.keyFile}, ${own.certFile})`,
      ],
      [[`--cert-file=${bad}`, `--key-file=${own.keyFile}`], `tls: ${bad}: `],
      [[`--cert-file=${own.certFile}`, `--key-file=${bad}`], `tls: ${bad}: `],
      [ca("nope"), "open nope: no such file or directory"],
      [ca(folder), `open ${folder}: is a directory`],
      [ca(bad), `tls: ${bad}: `],
      [[...pair(), `--client-crl-file=${bad}`], `tls: ${bad}: malformed`],
    ];
    for (const [flags, text] of cases) {
      await expect(start(ANY, ...flags), text).rejects.toThrow(text);
    }
  });
});

describe("clients that are not let in (T6)", () => {
  it("a storm of rejected clients is counted, not told one by one", async () => {
    const server = await start(ANY, ...pair());
    for (let i = 0; i < 25; i++) await plainGet(portOf(server));
    expect(rejections().length).toBeLessThan(25);
    expect(rejections().length).toBeGreaterThanOrEqual(10);
  });
});
