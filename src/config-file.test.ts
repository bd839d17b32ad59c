import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseFlags } from "./flags.ts";
import type { ServerOptions } from "./server-options.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "vedette-config-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function parse(
  yaml: string,
  args: readonly string[] = [],
  environment: Record<string, string> = {},
) {
  const file = path.join(folder, "etcd.yml");
  writeFileSync(file, yaml);
  const all = ["--config-file", file, ...args];
  const parsed = parseFlags({ args: all, environment, dataDirSuffix: "vedette" });
  if (parsed.kind !== "serve") throw new Error(parsed.kind);
  return parsed;
}

function options(yaml: string): ServerOptions {
  return parse(yaml).options;
}

describe("a configuration file (F1)", () => {
  it("says with the names of flags what flags would", () => {
    const yaml = `
name: 'n1'
data-dir: /data
listen-client-urls: http://127.0.0.1:1,http://127.0.0.1:2
max-txn-ops: 7
quota-backend-bytes: 0
initial-cluster:
initial-cluster-state: 'new'
auto-compaction-mode: periodic
auto-compaction-retention: "1"
log-level: debug
log-outputs: [stderr, /tmp/log]
cipher-suites: [
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
]
tls-max-version: 'TLS1.3'
`;
    const { tls, listenClientUrls, ...rest } = options(yaml);
    expect(rest).toMatchObject({
      name: "n1",
      dataDir: "/data",
      maxTxnOps: 7,
      advertiseClientUrls: [],
      autoCompaction: { mode: "periodic", retentionMs: 3_600_000 },
      logLevel: "debug",
      logOutputs: ["stderr", "/tmp/log"],
    });
    expect(listenClientUrls.map(({ url }) => url)).toEqual([
      "http://127.0.0.1:1",
      "http://127.0.0.1:2",
    ]);
    expect(tls.ciphers).toContain("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384");
  });

  it("durations are whole nanoseconds, or texts in Go's form", () => {
    const yaml = "grpc-keepalive-min-time: 3000000000\ngrpc-keepalive-interval: 1h\n";
    expect(options(yaml)).toMatchObject({
      keepaliveMinTimeMs: 3000,
      keepaliveIntervalMs: 3_600_000,
    });
  });

  it("TLS for clients and for peers stands in groups", () => {
    const yaml = `
client-transport-security:
  cert-file: a
  key-file: b
  client-cert-auth: true
  trusted-ca-file: c
  auto-tls: false
  allowed-cn: [x, y]
peer-transport-security:
  cert-file: p
  client-cert-auth: true
`;
    expect(options(yaml).tls).toMatchObject({
      certFile: "a",
      keyFile: "b",
      clientCertAuth: true,
      trustedCaFile: "c",
      autoTls: false,
      allowedCommonNames: ["x", "y"],
    });
    expect(parse(yaml).remarks.idleFlags).toEqual(["peer-cert-file", "peer-client-cert-auth"]);
  });

  it("makes flags and the environment count for nothing, and says so of flags", () => {
    const parsed = parse("name: file\n", ["--name=flag", "--max-txn-ops=1"], {
      ETCD_NAME: "variable",
      ETCD_MAX_TXN_OPS: "2",
    });
    expect(parsed.options).toMatchObject({ name: "file", maxTxnOps: 128 });
    expect(parsed.remarks.warnings).toEqual([
      "with --config-file other flags are ignored: name, max-txn-ops",
    ]);
  });

  it("may be named by ETCD_CONFIG_FILE", () => {
    const file = path.join(folder, "by-variable.yml");
    writeFileSync(file, "name: file\n");
    const environment = { ETCD_CONFIG_FILE: file };
    const parsed = parseFlags({ args: [], environment, dataDirSuffix: "vedette" });
    expect(parsed).toMatchObject({ options: { name: "file" }, remarks: { configFile: file } });
  });

  it("keys that mean nothing are told, wherever they stand", () => {
    const yaml = "nmae: x\nclient-transport-security:\n  crt-file: y\nconfig-file: z\n";
    expect(parse(yaml).remarks.warnings).toEqual([
      "unrecognized key in --config-file: nmae",
      "unrecognized key in --config-file: client-transport-security.crt-file",
      "unrecognized key in --config-file: config-file",
    ]);
  });

  it("older names are taken, with a warning (F3)", () => {
    const { remarks, options: read } = parse("experimental-watch-progress-notify-interval: 5s\n");
    expect(read.watchProgressNotifyIntervalMs).toBe(5000);
    expect(remarks.warnings).toHaveLength(1);
  });

  it("an empty one is as good as no flags", () => {
    for (const yaml of ["", "# nothing\n", "client-transport-security:\n"]) {
      expect(options(yaml).name).toBe("default");
    }
  });

  it.each([
    ["a: [", "--config-file: "],
    ["- a\n- b\n", "--config-file: invalid the file: it is no map"],
    ["client-transport-security: 5\n", "--config-file: invalid client-transport-security"],
    ["name:\n  a: b\n", "--config-file: name: a map is no value"],
    ["name: x\nname: y\n", "--config-file: Map keys must be unique"],
    ["max-txn-ops: seven\n", 'invalid value "seven" for flag -max-txn-ops'],
    ["pre-vote: maybe\n", 'invalid boolean value "maybe" for -pre-vote'],
    ["listen-client-urls: http://example.com:1\n", "expected IP in URL for binding"],
    ["name: n\ninitial-cluster: other=http://a:1\n", 'couldn\'t find local name "n"'],
  ])("refuses %j with one line", (yaml, text) => {
    expect(() => parse(yaml)).toThrow(text);
    try {
      parse(yaml);
    } catch (error) {
      expect(String(error)).not.toContain("\n");
    }
  });

  it("that is not there is refused", () => {
    const args = [`--config-file=${path.join(folder, "none.yml")}`];
    expect(() => parseFlags({ args, environment: {}, dataDirSuffix: "vedette" })).toThrow(
      "--config-file: ENOENT",
    );
  });
});
