import { readFileSync } from "node:fs";
import { request } from "node:https";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, isAvailable, type ServerKind, TestServer } from "../support/servers.ts";
import { type CertificateFiles, TestAuthority } from "../support/test-certificates.ts";

/**
 * Who is let in by TLS (T6): one set of certificates and settings, against real etcds and this
 * server. A port of each is for clients without TLS as well, by which the tests see it is ready.
 */
const KINDS: readonly ServerKind[] = ["etcd-3.4", "etcd-3.5", "vedette"];
const DAY_MS = 24 * 60 * 60 * 1000;

let authority: TestAuthority;
let stranger: TestAuthority;
let own: CertificateFiles;
let revoked: CertificateFiles;
let clients: ReadonlyMap<string, CertificateFiles | undefined>;

beforeAll(() => {
  authority = new TestAuthority();
  stranger = new TestAuthority("stranger");
  own = authority.issue({ commonName: "server" });
  revoked = authority.issue({ commonName: "revoked" });
  clients = new Map([
    ["none", undefined],
    ["good", authority.issue({ commonName: "client" })],
    ["no common name", authority.issue()],
    ["for another host", authority.issue({ dnsNames: ["elsewhere.example"] })],
    ["revoked", revoked],
    ["for clients", authority.issue({ usage: "1.3.6.1.5.5.7.3.2" })],
    ["for servers", authority.issue({ usage: "1.3.6.1.5.5.7.3.1" })],
    ["expired", authority.issue({ notAfterMs: Date.now() - 1000 })],
    ["not valid yet", authority.issue({ notBeforeMs: Date.now() + DAY_MS })],
    ["of a stranger", stranger.issue({ commonName: "client" })],
  ]);
});

afterAll(() => {
  authority.dispose();
  stranger.dispose();
});

function isLetIn(
  port: number,
  client: CertificateFiles | undefined,
  maxVersion: "TLSv1.2" | "TLSv1.3",
): Promise<boolean> {
  return new Promise((resolve) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        path: "/version",
        agent: false,
        maxVersion,
        ca: readFileSync(authority.caFile),
        ...(client && { cert: readFileSync(client.certFile), key: readFileSync(client.keyFile) }),
      },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    sent.on("error", () => resolve(false));
    sent.end();
  });
}

async function letIn(kind: ServerKind, flags: readonly string[]): Promise<string[]> {
  const port = await freePort();
  const securePort = await freePort();
  const urls = `http://127.0.0.1:${port},https://127.0.0.1:${securePort}`;
  const pair = [`--cert-file=${own.certFile}`, `--key-file=${own.keyFile}`];
  const server = await TestServer.start(kind, {
    port,
    flags: [`--listen-client-urls=${urls}`, ...pair, ...flags],
  });
  try {
    const names: string[] = [];
    for (const [name, client] of clients) {
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        if (await isLetIn(securePort, client, version)) names.push(`${name}, ${version}`);
      }
    }
    return names;
  } finally {
    await server.dispose();
  }
}

const both = (...names: string[]): string[] =>
  names.flatMap((name) => [`${name}, TLSv1.2`, `${name}, TLSv1.3`]);

describe.each(KINDS)("%s lets in", (kind) => {
  const isAbsent = !isAvailable(kind);

  it.skipIf(isAbsent)("everybody, when nothing is asked for", async () => {
    expect(await letIn(kind, [])).toEqual(both(...clients.keys()));
  });

  it.skipIf(isAbsent)("whom the authority has signed, with --client-cert-auth", async () => {
    const flags = ["--client-cert-auth", `--trusted-ca-file=${authority.caFile}`];
    const good = both("good", "no common name", "for another host", "revoked", "for clients");
    expect(await letIn(kind, flags)).toEqual(good);
  });

  it.skipIf(isAbsent)("the same with an authority alone", async () => {
    const good = both("good", "no common name", "for another host", "revoked", "for clients");
    expect(await letIn(kind, [`--trusted-ca-file=${authority.caFile}`])).toEqual(good);
  });

  it.skipIf(isAbsent)("nobody who was revoked", async () => {
    const crl = path.join(authority.folder, `${kind}.crl`);
    // The form that both generations of etcd read.
    authority.revoke([revoked.serial], "der", crl);
    const flags = ["--client-cert-auth", `--trusted-ca-file=${authority.caFile}`];
    const good = both("good", "no common name", "for another host", "for clients");
    expect(await letIn(kind, [...flags, `--client-crl-file=${crl}`])).toEqual(good);
  });

  it.skipIf(isAbsent)("only whose certificate is for the allowed host", async () => {
    const flags = [
      `--trusted-ca-file=${authority.caFile}`,
      "--client-cert-allowed-hostname=elsewhere.example",
    ];
    expect(await letIn(kind, flags)).toEqual(both("for another host"));
  });
});
