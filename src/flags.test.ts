import { describe, expect, it } from "vitest";
import { parseFlags } from "./flags.ts";
import { FLAGS } from "./flag-table.ts";
import { nearest, parseDurationMs, parseWhole } from "./flag-values.ts";

function parse(args: readonly string[], environment: Record<string, string> = {}) {
  return parseFlags({ args, environment, dataDirSuffix: "vedette" });
}

function options(args: readonly string[], environment: Record<string, string> = {}) {
  const parsed = parse(args, environment);
  if (parsed.kind !== "serve") throw new Error(`not for serving: ${parsed.kind}`);
  return parsed.options;
}

function remarks(args: readonly string[], environment: Record<string, string> = {}) {
  const parsed = parse(args, environment);
  if (parsed.kind !== "serve") throw new Error(`not for serving: ${parsed.kind}`);
  return parsed.remarks;
}

describe("Go's flag syntax (F1)", () => {
  it("takes one dash or two, a value behind = or as the next argument", () => {
    for (const args of [["-name", "x"], ["--name", "x"], ["-name=x"], ["--name=x"]]) {
      expect(options(args).name).toBe("x");
    }
  });

  it("takes booleans without a value, or behind = only", () => {
    expect(options(["--in-memory"]).dataDir).toBeUndefined();
    expect(options(["--in-memory=true"]).dataDir).toBeUndefined();
    expect(options(["--in-memory=false"]).dataDir).toBe("default.vedette");
    expect(options(["--pre-vote=0"]).name).toBe("default");
  });

  it("the last of several wins, and a value may be empty or hold =", () => {
    expect(options(["--name=a", "--name=b=c"]).name).toBe("b=c");
    expect(options(["--data-dir="]).dataDir).toBe("default.vedette");
  });

  it.each([
    [["--nam=x"], "flag provided but not defined: -nam (did you mean -name?)"],
    [["--qqqqqqqqqqqq"], "flag provided but not defined: -qqqqqqqqqqqq"],
    [["--name"], "flag needs an argument: -name"],
    [["extra"], "'extra' is not a valid flag"],
    [["-"], "'-' is not a valid flag"],
    [["--", "extra"], "'extra' is not a valid flag"],
    [["--name=x", "--", "--name=y"], "'--name=y' is not a valid flag"],
    [["---name=x"], "bad flag syntax: ---name=x"],
    [["--=x"], "bad flag syntax: --=x"],
    [["--in-memory", "false"], "'false' is not a valid flag"],
    [["--in-memory=maybe"], 'invalid boolean value "maybe" for -in-memory'],
    [["--max-txn-ops=-1"], 'invalid value "-1" for flag -max-txn-ops'],
    [["--max-txn-ops=1.5"], 'invalid value "1.5" for flag -max-txn-ops'],
    [["--log-level=loud"], '--log-level: "loud" is none of debug, info, warn, error, panic, fatal'],
    [["--initial-cluster-state=old"], '--initial-cluster-state: "old" is none of new, existing'],
    [
      ["--grpc-keepalive-timeout=20"],
      'invalid value "20" for flag -grpc-keepalive-timeout: a duration is like 5m30s',
    ],
    [
      ["--listen-client-urls=http://127.0.0.1:1"],
      "--advertise-client-urls is required when --listen-client-urls is set",
    ],
    [
      ["--listen-client-urls=ftp://127.0.0.1:1"],
      "--listen-client-urls: URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:1",
    ],
    [
      ["--listen-client-urls=http://127.0.0.1"],
      '--listen-client-urls: URL address does not have the form "host:port": http://127.0.0.1',
    ],
    [
      ["--listen-client-urls=http://127.0.0.1:1/x"],
      "--listen-client-urls: URL must not contain a path: http://127.0.0.1:1/x",
    ],
    [
      ["--listen-client-urls=http://example.com:1", "--advertise-client-urls=http://a:1"],
      "--listen-client-urls: expected IP in URL for binding (http://example.com:1)",
    ],
    [
      ["--listen-client-urls=http://:1", "--advertise-client-urls=http://a:1"],
      "--listen-client-urls: expected IP in URL for binding (http://:1)",
    ],
    [
      ["--listen-client-urls=http://127.0.0.1:65536", "--advertise-client-urls=http://a:1"],
      '--listen-client-urls: URL address does not have the form "host:port": http://127.0.0.1:65536',
    ],
    [
      ["--tls-min-version=TLS1.1"],
      'unexpected TLS version "TLS1.1" (must be one of: TLS1.2, TLS1.3)',
    ],
    [
      ["--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"],
      "min version (TLS1.3) is greater than max version (TLS1.2)",
    ],
    [
      ["--tls-min-version=TLS1.3", "--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
      "cipher suites cannot be configured when only TLS1.3 is enabled",
    ],
    [["--cipher-suites=FOO"], 'unexpected TLS cipher suite "FOO"'],
    [
      ["--client-cert-allowed-cn=a", "--client-cert-allowed-hostname=b"],
      "AllowedCNs and AllowedHostnames are mutually exclusive",
    ],
    [
      ["--listen-client-urls=127.0.0.1:1", "--advertise-client-urls=http://a:1"],
      '--listen-client-urls: "127.0.0.1:1" is not a URL',
    ],
    [
      ["--listen-client-urls=unix://", "--advertise-client-urls=http://a:1"],
      "--listen-client-urls: URL without a path of a socket: unix://",
    ],
    [
      ["--initial-advertise-peer-urls=http://a:1,"],
      '--initial-advertise-peer-urls: "" is not a URL',
    ],
    [["--heartbeat-interval=0"], 'invalid value "0" for flag -heartbeat-interval'],
    [
      ["--initial-cluster=default=http://a:1,other=http://b:1"],
      "--initial-cluster names several members, and this server runs alone",
    ],
    [["--logger=capnslog"], '--logger: "capnslog" is none of zap'],
    [
      ["--election-timeout=100"],
      "--election-timeout[100ms] should be at least as 5 times as --heartbeat-interval[100ms]",
    ],
    [["--election-timeout=50001"], "--election-timeout[50001ms] is too long, at most 50000ms"],
    [
      ["--initial-cluster=other=http://a:1"],
      'couldn\'t find local name "default" in the initial cluster configuration',
    ],
    [
      ["--auto-compaction-retention=soon"],
      '--auto-compaction-retention: "soon" does not fit mode periodic',
    ],
    [
      ["--auto-compaction-mode=revision", "--auto-compaction-retention=1h"],
      '--auto-compaction-retention: "1h" does not fit mode revision',
    ],
  ])("refuses %j with one line", (args, line) => {
    expect(() => parse(args)).toThrow(line);
  });

  it("-- ends the flags", () => {
    expect(options(["--name=x", "--"]).name).toBe("x");
  });

  it("stops at help and version", () => {
    expect(parse(["--help"]).kind).toBe("help");
    expect(parse(["-h"]).kind).toBe("help");
    expect(parse(["--name=x", "--version"]).kind).toBe("version");
  });
});

describe("the environment (F1)", () => {
  it("stands in for a flag, which wins", () => {
    expect(options([], { ETCD_NAME: "e", ETCD_MAX_TXN_OPS: "7" })).toMatchObject({
      name: "e",
      maxTxnOps: 7,
    });
    expect(options(["--name=f"], { ETCD_NAME: "e" }).name).toBe("f");
    expect(options([], { ETCD_NAME: "" }).name).toBe("default");
  });

  it("a variable of a present name counts more than one of the older name, in any order", () => {
    const older = { ETCD_EXPERIMENTAL_WATCH_PROGRESS_NOTIFY_INTERVAL: "1s" };
    const present = { ETCD_WATCH_PROGRESS_NOTIFY_INTERVAL: "2s" };
    const interval = "watchProgressNotifyIntervalMs";
    expect(options([], older)[interval]).toBe(1000);
    expect(options([], { ...older, ...present })[interval]).toBe(2000);
    expect(options([], { ...present, ...older })[interval]).toBe(2000);
    const flag = "--experimental-watch-progress-notify-interval=3s";
    expect(options([flag], present)[interval]).toBe(3000);
  });

  it("a variable beside its flag is told of", () => {
    expect(remarks(["--name=f"], { ETCD_NAME: "e" }).warnings).toEqual([
      "--name shadows ETCD_NAME",
    ]);
  });

  it("variables of an etcd that are no flags are none here either", () => {
    expect(remarks([], { ETCD_UNSUPPORTED_ARCH: "arm64" }).warnings).toEqual([]);
  });

  it("is checked like flags; what is unknown only warns", () => {
    expect(() => parse([], { ETCD_MAX_TXN_OPS: "x" })).toThrow("max-txn-ops");
    expect(remarks([], { ETCD_UNHEARD_OF: "1", HOME: "/" }).warnings).toEqual([
      "unrecognized environment variable ETCD_UNHEARD_OF",
    ]);
  });
});

describe("what flags mean", () => {
  it("everything has etcd's default, on loopback", () => {
    const { listenClientUrls, initialAdvertisePeerUrls, tls, ...rest } = options([]);
    expect(tls).toEqual({
      certFile: undefined,
      keyFile: undefined,
      clientCertAuth: false,
      trustedCaFile: undefined,
      crlFile: undefined,
      allowedHostnames: [],
      allowedCommonNames: [],
      autoTls: false,
      selfSignedYears: 1,
      minVersion: "TLSv1.2",
      maxVersion: "TLSv1.3",
      ciphers: tls.ciphers,
    });
    expect(listenClientUrls).toEqual([
      {
        url: "http://127.0.0.1:2379",
        address: { host: "127.0.0.1", port: 2379 },
        isSecure: false,
      },
    ]);
    expect(initialAdvertisePeerUrls).toEqual(["http://localhost:2380"]);
    expect(rest).toEqual({
      auth: { token: "simple", tokenTtlMs: 300_000, bcryptCost: 10 },
      corsOrigins: ["*"],
      enableGrpcGateway: true,
      hostWhitelist: ["*"],
      name: "default",
      dataDir: "default.vedette",
      advertiseClientUrls: [],
      listenClientHttpUrls: [],
      listenMetricsUrls: [],
      initialClusterToken: "etcd-cluster",
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1000,
      maxRequestBytes: 1572864,
      maxTxnOps: 128,
      quotaBytes: 2147483648,
      maxConcurrentStreams: 4294967295,
      keepaliveMinTimeMs: 5000,
      keepaliveIntervalMs: 7_200_000,
      keepaliveTimeoutMs: 20_000,
      watchProgressNotifyIntervalMs: 600_000,
      autoCompaction: { mode: "off" },
      logLevel: "info",
      logFormat: "json",
      logOutputs: ["default"],
    });
  });

  it.each([
    ["0", 2147483648],
    ["16777216", 16_777_216],
    ["-1", -1],
  ])("a quota of %s is %i bytes, negative being none (M20)", (given, quotaBytes) => {
    expect(options([`--quota-backend-bytes=${given}`])).toMatchObject({ quotaBytes });
  });

  it.each([
    [[], { mode: "off" }],
    [["1"], { mode: "periodic", retentionMs: 3_600_000 }],
    [["1h30m"], { mode: "periodic", retentionMs: 5_400_000 }],
    [["500", "revision"], { mode: "revision", retention: 500 }],
    [["0", "revision"], { mode: "off" }],
  ])("auto compaction %j (K66)", ([retention, mode], expected) => {
    const args = retention === undefined ? [] : [`--auto-compaction-retention=${retention}`];
    if (mode !== undefined) args.push(`--auto-compaction-mode=${mode}`);
    expect(options(args).autoCompaction).toEqual(expected);
  });

  it.each([
    ["http://127.0.0.1:80", { host: "127.0.0.1", port: 80 }],
    ["http://localhost:2379", { host: "127.0.0.1", port: 2379 }],
    ["http://[::1]:0", { host: "::1", port: 0 }],
    ["http://0.0.0.0:2379", { host: "0.0.0.0", port: 2379 }],
    ["unix:///run/v.sock", { path: "/run/v.sock" }],
    ["unix://v.sock", { path: "v.sock" }],
    ["unix:/run/v.sock", { path: "/run/v.sock" }],
    ["https://127.0.0.1:2379", { host: "127.0.0.1", port: 2379 }, true],
    ["unixs:///run/v.sock", { path: "/run/v.sock" }, true],
  ])("listens at %s", (url, address, isSecure = false) => {
    const args = [`--listen-client-urls=http://127.0.0.1:1, ${url}`];
    args.push("--advertise-client-urls=http://a:1");
    expect(options(args).listenClientUrls[1]).toEqual({ url, address, isSecure });
    const metrics = options([`--listen-metrics-urls=${url}`]).listenMetricsUrls;
    expect(metrics).toEqual([{ url, address, isSecure }]);
  });

  it("URLs for others stay as they were written: ids are made from their letters (C4)", () => {
    const urls = "http://Example.com:80,https://10.0.0.1:443";
    const parsed = options([
      `--advertise-client-urls=${urls}`,
      `--initial-advertise-peer-urls=${urls}`,
    ]);
    expect(parsed.advertiseClientUrls).toEqual(urls.split(","));
    expect(parsed.initialAdvertisePeerUrls).toEqual(urls.split(","));
  });

  it("empty lists of URLs are those that were not given", () => {
    const args = ["--listen-client-urls=", "--advertise-client-urls="];
    expect(options(args)).toEqual(options([]));
  });

  it("limits of 0 are etcd's: none for streams, nothing may pass for the others", () => {
    const none = options(["--max-concurrent-streams=0", "--max-txn-ops=0"]);
    expect(none).toMatchObject({ maxConcurrentStreams: 4294967295, maxTxnOps: 0 });
  });

  it("cipher suites have Go's names, most wanted first, and those of TLS 1.3 stay on (T6)", () => {
    const suites = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_RSA_WITH_AES_128_GCM_SHA256";
    expect(
      options([`--cipher-suites=${suites}`])
        .tls.ciphers.split(":")
        .slice(3),
    ).toEqual(["ECDHE-RSA-AES256-GCM-SHA384", "AES128-GCM-SHA256"]);
    expect(options([]).tls.ciphers).toMatch(/^TLS_AES_128_GCM_SHA256:/);
  });

  it("the names that flags had as experiments are taken, with one warning each (F3)", () => {
    const args = ["--experimental-memory-mlock", "--experimental-corrupt-check-time=1h"];
    expect(remarks(args).idleFlags).toEqual(["memory-mlock", "corrupt-check-time"]);
    expect(remarks(args).warnings).toHaveLength(2);
  });

  it("a very large request limit is warned of", () => {
    expect(remarks(["--max-request-bytes=10485760"]).warnings).toEqual([]);
    expect(remarks(["--max-request-bytes=10485761"]).warnings).toHaveLength(1);
  });

  it("the data folder is named after the member, and after etcd under etcd's name (F2)", () => {
    expect(options(["--name=n1"]).dataDir).toBe("n1.vedette");
    const parsed = parseFlags({ args: ["--name=n1"], environment: {}, dataDirSuffix: "etcd" });
    expect(parsed).toMatchObject({ options: { dataDir: "n1.etcd" } });
  });

  it("progress has a floor of 100 ms and an older name (W50)", () => {
    const flag = "watch-progress-notify-interval";
    expect(options([`--${flag}=5s`]).watchProgressNotifyIntervalMs).toBe(5000);
    expect(options([`--${flag}=1ms`]).watchProgressNotifyIntervalMs).toBe(100);
    expect(remarks([`--${flag}=1ms`]).warnings).toHaveLength(1);
    const older = [`--experimental-${flag}=2s`];
    expect(options(older).watchProgressNotifyIntervalMs).toBe(2000);
    expect(remarks(older).warnings).toHaveLength(1);
    expect(options([...older, `--${flag}=3s`]).watchProgressNotifyIntervalMs).toBe(3000);
    expect(remarks([...older]).warnings).toEqual([
      `--experimental-${flag} is an older name of --${flag}`,
    ]);
  });

  it("those without effect are checked, and remarked on", () => {
    expect(remarks(["--snapshot-count=5", "--name=x"]).idleFlags).toEqual(["snapshot-count"]);
    expect(() => parse(["--snapshot-count=x"])).toThrow("snapshot-count");
  });

  it("every default passes its own check, and every name is there once", () => {
    const environment = Object.fromEntries(
      FLAGS.filter((flag) => flag.preset !== "").map((flag) => [
        `ETCD_${flag.name.toUpperCase().replaceAll("-", "_")}`,
        flag.preset,
      ]),
    );
    environment["ETCD_ADVERTISE_CLIENT_URLS"] = "http://127.0.0.1:2379";
    expect(options([], environment).name).toBe("default");
    expect(new Set(FLAGS.map((flag) => flag.name)).size).toBe(FLAGS.length);
  });
});

describe("values", () => {
  it.each([
    ["0", 0],
    ["1s", 1000],
    ["1.5h", 5_400_000],
    ["2m3s4ms", 123_004],
    ["1us", 0.001],
    ["-5s", -5000],
    ["5", undefined],
    ["", undefined],
    ["s", undefined],
    ["1 s", undefined],
  ])("the duration %j is %j ms", (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each([
    ["0", 0],
    ["100", 100],
    ["+7", 7],
    ["-7", -7],
    ["0x64", 100],
    ["0X6_4", 100],
    ["0b1100100", 100],
    ["0o144", 100],
    ["0144", 100],
    ["1_000", 1000],
    ["_1", undefined],
    ["1__0", undefined],
    ["1_", undefined],
    ["1e3", undefined],
    ["09", undefined],
    ["0x", undefined],
    ["0b2", undefined],
    ["", undefined],
    [" 1", undefined],
    ["1.0", undefined],
    ["1001", undefined],
    ["-1001", undefined],
  ])("the whole number %j is %j", (text, value) => {
    expect(parseWhole(text, -1000, 1000)).toBe(value);
  });

  it("the nearest name is only named when it is near", () => {
    expect(nearest("data-dri", ["data-dir", "name"])).toBe("data-dir");
    expect(nearest("zzz", ["data-dir", "name"])).toBeUndefined();
  });
});
