import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { Etcd3 } from "etcd3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { etcdBinary, freePort, PEER_KINDS, TestServer } from "../support/servers.ts";
import { type CertificateFiles, TestAuthority } from "../support/test-certificates.ts";

/** T6 with the clients that people have: each asks the real server over TLS, both ways. */
let authority: TestAuthority;
let client: CertificateFiles;
let server: TestServer;
let secureUrl: string;

beforeAll(async () => {
  authority = new TestAuthority();
  client = authority.issue({ commonName: "client" });
  const own = authority.issue({ commonName: "server" });
  const port = await freePort();
  const securePort = await freePort();
  secureUrl = `https://127.0.0.1:${securePort}`;
  server = await TestServer.start("vedette", {
    port,
    flags: [
      `--listen-client-urls=http://127.0.0.1:${port},${secureUrl}`,
      `--cert-file=${own.certFile}`,
      `--key-file=${own.keyFile}`,
      "--client-cert-auth",
      `--trusted-ca-file=${authority.caFile}`,
    ],
  });
});

afterAll(async () => {
  await server.dispose();
  authority.dispose();
});

function run(file: string, args: readonly string[]): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, ETCDCTL_API: "3" };
    execFile(file, args, { env, timeout: 20_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, out: `${stdout}${stderr}` });
    });
  });
}

describe.each(PEER_KINDS)("etcdctl of %s", (kind) => {
  const binary = etcdBinary(kind, "etcdctl");

  it.skipIf(binary === undefined)("with --cacert, --cert and --key", async () => {
    const flags = [`--endpoints=${secureUrl}`, `--cacert=${authority.caFile}`];
    const whole = [...flags, `--cert=${client.certFile}`, `--key=${client.keyFile}`];
    const etcdctl = (...args: string[]) => run(binary ?? "", [...whole, ...args]);
    expect(await etcdctl("put", kind, "v")).toEqual({ code: 0, out: "OK\n" });
    expect(await etcdctl("get", kind)).toEqual({ code: 0, out: `${kind}\nv\n` });
    expect((await etcdctl("endpoint", "health")).out).toContain("is healthy");
    const bare = [...flags, "--dial-timeout=1s", "--command-timeout=1s", "get", kind];
    expect((await run(binary ?? "", bare)).code).not.toBe(0);
  });
});

describe("curl", () => {
  const curl = "/usr/bin/curl";
  it.skipIf(!existsSync(curl)).each(["--http2", "--http1.1", "--no-alpn"])("%s", async (flag) => {
    const pair = ["--cert", client.certFile, "--key", client.keyFile];
    const args = ["-s", flag, "--cacert", authority.caFile, `${secureUrl}/version`];
    expect((await run(curl, [...pair, ...args])).out).toContain("etcdserver");
    expect((await run(curl, args)).code).not.toBe(0);
  });
});

it("grpc-js", async () => {
  const secure = credentials.createSsl(
    readFileSync(authority.caFile),
    readFileSync(client.keyFile),
    readFileSync(client.certFile),
  );
  const same = (bytes: Buffer): Buffer => bytes;
  const Health = makeGenericClientConstructor(
    {
      check: {
        path: "/grpc.health.v1.Health/Check",
        requestStream: false,
        responseStream: false,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    "Health",
  );
  const health = new Health(secureUrl.replace("https://", ""), secure);
  const answer = await new Promise<Buffer>((resolve, reject) => {
    health["check"]?.(Buffer.alloc(0), (error: Error | null, bytes: Buffer) => {
      if (error === null) resolve(bytes);
      else reject(error);
    });
  });
  health.close();
  expect(answer).toEqual(Buffer.of(0x08, 1));
});

it("npm etcd3", async () => {
  const etcd = new Etcd3({
    hosts: secureUrl,
    credentials: {
      rootCertificate: readFileSync(authority.caFile),
      privateKey: readFileSync(client.keyFile),
      certChain: readFileSync(client.certFile),
    },
  });
  const watcher = await etcd.watch().prefix("n/").create();
  const seen = new Promise<string>((resolve) => {
    watcher.once("put", (kv) => resolve(kv.value.toString()));
  });
  await etcd.put("n/a").value("1");
  expect(await seen).toBe("1");
  expect(await etcd.get("n/a").string()).toBe("1");
  await watcher.cancel();
  etcd.close();
});
