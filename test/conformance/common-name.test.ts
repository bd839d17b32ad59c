import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  etcdBinary,
  freePort,
  isAvailable,
  type ServerKind,
  TestServer,
} from "../support/servers.ts";
import { type CertificateFiles, TestAuthority } from "../support/test-certificates.ts";

/**
 * The common name of a client's certificate as its user (T6), against real etcds: it counts where
 * the server asks for certificates by --client-cert-auth, and no token or password was given.
 */
const KINDS: readonly ServerKind[] = ["etcd-3.4", "etcd-3.5", "vedette"];
const ETCDCTL = etcdBinary("etcd-3.5", "etcdctl") ?? etcdBinary("etcd-3.4", "etcdctl");

let authority: TestAuthority;

beforeAll(() => {
  authority = new TestAuthority();
});

afterAll(() => authority.dispose());

function etcdctl(args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const env = { ...process.env, ETCDCTL_API: "3" };
    execFile(ETCDCTL ?? "", args, { env, timeout: 20_000 }, (_, stdout, stderr) => {
      // Newer clients log each attempt before they tell the outcome.
      const lines = `${stdout}${stderr}`.split("\n").filter((line) => !line.startsWith("{"));
      resolve(lines.join("\n").trim());
    });
  });
}

/** The body and the status of a POST that asks for the key a. */
function curl(client: CertificateFiles, url: string): Promise<string> {
  const files = ["--cacert", authority.caFile, "--cert", client.certFile, "--key", client.keyFile];
  const asked = ["-d", '{"key":"YQ=="}', "-w", " %{http_code}", url];
  return new Promise((resolve) => {
    execFile("curl", ["-s", ...files, ...asked], { timeout: 20_000 }, (_, stdout) => {
      resolve(stdout.replace("\n", ""));
    });
  });
}

describe.each(KINDS)("with %s", (kind) => {
  const isAbsent = !isAvailable(kind) || ETCDCTL === undefined;

  it.skipIf(isAbsent)(
    "a certificate stands for the user whose name it bears",
    async () => {
      const own = authority.issue({ commonName: "server" });
      const port = await freePort();
      const secure = `https://127.0.0.1:${await freePort()}`;
      const plain = `http://127.0.0.1:${port}`;
      const server = await TestServer.start(kind, {
        port,
        flags: [
          `--listen-client-urls=${plain},${secure}`,
          `--cert-file=${own.certFile}`,
          `--key-file=${own.keyFile}`,
          "--client-cert-auth",
          `--trusted-ca-file=${authority.caFile}`,
        ],
      });
      try {
        const admin = (...args: string[]): Promise<string> =>
          etcdctl([`--endpoints=${plain}`, ...args]);
        await admin("user", "add", "root:r");
        await admin("user", "grant-role", "root", "root");
        await admin("user", "add", "alice:a");
        await admin("role", "add", "letters");
        await admin("role", "grant-permission", "letters", "readwrite", "a", "c");
        await admin("user", "grant-role", "alice", "letters");
        expect(await admin("auth", "enable")).toContain("Authentication Enabled");
        const as = (client: CertificateFiles, ...args: string[]): Promise<string> =>
          etcdctl([
            `--endpoints=${secure}`,
            `--cacert=${authority.caFile}`,
            `--cert=${client.certFile}`,
            `--key=${client.keyFile}`,
            ...args,
          ]);
        const alice = authority.issue({ commonName: "alice" });
        const nobody = authority.issue({ commonName: "nobody" });
        const nameless = authority.issue();
        expect(await as(alice, "put", "a", "1")).toBe("OK");
        expect(await as(alice, "get", "b", "c")).toBe("");
        expect(await as(alice, "put", "z", "1")).toBe("Error: etcdserver: permission denied");
        expect(await as(alice, "user", "list")).toBe("Error: etcdserver: permission denied");
        expect(await as(nobody, "put", "a", "1")).toBe("Error: etcdserver: permission denied");
        expect(await as(nameless, "put", "a", "1")).toBe("Error: etcdserver: permission denied");
        // Who says a password is whom the password is of.
        expect(await as(alice, "--user=root:r", "put", "z", "1")).toBe("OK");
        expect(await as(nobody, "--user=alice:a", "get", "a")).toBe("a\n1");
        expect(await admin("put", "a", "2")).toBe("Error: etcdserver: user name is empty");
        // The gateway calls for everybody, so a certificate would say nothing of who asks (A18).
        expect(await curl(alice, `${secure}/v3/kv/range`)).toBe(
          "CommonName of client sending a request against gateway will be ignored and not used as " +
            "expected 400",
        );
        expect(await curl(nameless, `${secure}/v3/kv/range`)).toContain("user name is empty");
      } finally {
        await server.dispose();
      }
    },
    60_000,
  );
});
