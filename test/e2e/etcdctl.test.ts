import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PEER_KINDS, TestServer, etcdBinary, isAvailable } from "../support/servers.ts";
import { EtcdctlWatch, normalise, runEtcdctl } from "./etcdctl.ts";

/**
 * The same etcdctl commands, one after the other, against a real etcd and ours: outputs, errors and
 * exit codes must be equal. Each etcdctl is tried, with the etcd of its own version beside it.
 */
type Command = readonly [args: string, input?: string];

const COMMANDS: readonly Command[] = [
  ["put a 1"],
  ["put a 2 --prev-kv"],
  ["put a 3 -w json"],
  ["put a 4 -w fields --prev-kv"],
  ["put dir/x", "from standard input"],
  ["put dir/y why"],
  ["put dir/z zet"],
  ["put dirt other"],
  ["put empty --", ""],
  ["put a --ignore-value"],
  ["put a --ignore-lease 5"],
  ["put nobody --ignore-value"],
  ["put a 5 --lease=1234"],
  ["get a"],
  ["get nobody"],
  ["get a -w json"],
  ["get a -w fields"],
  ["get a --print-value-only"],
  ["get a --hex"],
  ["get dir/ --prefix"],
  ["get dir/ --prefix --limit=2"],
  ["get dir/ --prefix --limit=2 -w json"],
  ["get dir/ --prefix --keys-only"],
  ["get dir/ --prefix --count-only"],
  ["get dir/ --prefix --count-only -w fields"],
  ["get dir/ --prefix --sort-by=MODIFY --order=DESCEND"],
  ["get dir/ --prefix --sort-by=CREATE --order=ASCEND"],
  ["get dir/ --prefix --sort-by=VALUE"],
  ["get dir/ --prefix --sort-by=KEY --order=DESCEND"],
  ["get dir/ --prefix --sort-by=VERSION --order=ASCEND --keys-only"],
  ["get dir/x dir/z"],
  ["get dir/y --from-key"],
  ["get  --from-key --keys-only"],
  ["get --prefix --keys-only --", ""],
  ["get a --rev=2"],
  ["get a --rev=3 -w json"],
  ["get a --rev=1"],
  ["get a --rev=1000"],
  ["get a --consistency=s"],
  ["txn", 'value("a") = "4"\n\nput a txn\nget a\n\nget nobody\n\n'],
  ["txn", 'mod("a") > "100"\n\nput a no\n\nget a\nget dir/ --prefix\n\n'],
  ["txn -w json", 'create("fresh") = "0"\n\nput fresh 1\nput fresher "2 words"\n\n\n'],
  ["txn", "\nput same 1\nput same 2\n\n\n"],
  ["txn", 'version("a") < "100"\nlease("a") = "0"\n\ndel fresh --prev-kv\n\nget a\n\n'],
  ["del fresher --prev-kv"],
  ["del nobody"],
  ["del dir/x dir/y"],
  ["del dir/ --prefix --prev-kv"],
  ["del dirt -w json"],
  ["put last 1"],
  ["del last --from-key"],
  ["get --from-key --keys-only --", ""],
  ["compaction 5"],
  ["get a --rev=4"],
  ["compaction 5"],
  ["compaction 1000"],
  ["compaction 7 --physical"],
  ["compaction abc"],
  ["endpoint health"],
  ["endpoint health -w json"],
  ["endpoint hashkv"],
  ["endpoint hashkv --rev=9 -w json"],
  ["member list"],
  ["member list -w json"],
  ["member list -w fields"],
  ["member remove 1234"],
  ["member update 1234 --peer-urls=http://127.0.0.1:1"],
  ["member promote 1234"],
  ["member add x --learner --peer-urls=nonsense"],
  ["move-leader 1234"],
  ["alarm list"],
  ["alarm disarm"],
  ["alarm disarm -w json"],
  ["defrag"],
  ["defrag -w json"],
  ["put"],
  ["get"],
  ["frobnicate"],
];

/** `get  --from-key`: an empty word between two spaces is an empty argument. */
function words(args: string): string[] {
  return args.split(" ");
}

/** Members come by id, which has the time in it. */
function membersSorted(output: string): string {
  return output.replace(/(?<=ETCD_INITIAL_CLUSTER=")[^"]*/, (list) => {
    return list.split(",").toSorted().join(",");
  });
}

for (const version of PEER_KINDS) {
  describe.skipIf(!isAvailable(version))(`etcdctl of ${version}`, () => {
    etcdctlTests(version);
  });
}

function etcdctlTests(version: (typeof PEER_KINDS)[number]): void {
  const binary = etcdBinary(version, "etcdctl") ?? "";
  let peer: TestServer;
  let ours: TestServer;
  beforeAll(async () => {
    const audited = TestServer.start("vedette", { audit: true });
    [peer, ours] = await Promise.all([TestServer.start(version), audited]);
  });
  afterAll(async () => {
    await Promise.all([peer.dispose(), ours.dispose()]);
    // The audit has judged the watches of all tests below.
    expect(ours.audit?.report().streams).toBeGreaterThanOrEqual(3);
  });

  async function both(args: readonly string[], input?: string): Promise<[string, string]> {
    const results = await Promise.all(
      [ours, peer].map(async (server) => {
        const { exitCode, stdout, stderr } = await runEtcdctl(binary, server, args, input);
        return normalise(`exit ${exitCode}\n${stdout}\n${stderr}`, server);
      }),
    );
    return [results[0] ?? "", results[1] ?? ""];
  }

  test(`prints the same for ${COMMANDS.length} commands`, async () => {
    const differences: string[] = [];
    for (const [args, input] of COMMANDS) {
      const [got, expected] = await both(words(args), input);
      if (got !== expected) differences.push(`${args}\nours:\n${got}\netcd's:\n${expected}`);
    }
    expect(differences).toEqual([]);
  });

  test("a learner is listed, and can be updated and removed", async () => {
    const outputs = await Promise.all(
      [ours, peer].map(async (server) => {
        const run = async (...args: string[]): Promise<string> => {
          const { exitCode, stdout, stderr } = await runEtcdctl(binary, server, args);
          return normalise(`exit ${exitCode}\n${stdout}\n${stderr}`, server);
        };
        const added = [
          await run("member", "add", "x", "--learner", "--peer-urls=http://127.0.0.1:1"),
          await run("member", "add", "y", "--learner", "--peer-urls=http://127.0.0.1:2"),
        ];
        const { stdout } = await runEtcdctl(binary, server, ["member", "list"]);
        const learner = /^([0-9a-f]+), unstarted, , \S+, , true$/m.exec(stdout)?.[1] ?? "";
        return [
          ...added.map(membersSorted),
          await run("member", "promote", learner),
          await run("member", "update", learner, "--peer-urls=http://127.0.0.1:3"),
          await run("member", "remove", learner),
          await run("member", "remove", learner),
          await run("member", "list"),
        ];
      }),
    );
    expect(outputs[0]).toEqual(outputs[1]);
    expect(outputs[0]?.[4]).toContain("removed from cluster");
  });

  test("a store at its quota refuses puts until it has been compacted, defragmented, disarmed", async () => {
    const outputs = await Promise.all(
      ([version, "vedette"] as const).map(async (kind) => {
        const server = await TestServer.start(kind, { flags: ["--quota-backend-bytes=900000"] });
        const run = async (args: string, input?: string): Promise<string> => {
          const { exitCode, stdout, stderr } = await runEtcdctl(
            binary,
            server,
            args.split(" "),
            input,
          );
          return normalise(`exit ${exitCode}\n${stdout}\n${stderr}`, server);
        };
        try {
          const value = "x".repeat(100_000);
          let filled = "exit 0";
          for (let i = 0; i < 12 && filled.startsWith("exit 0"); i++) {
            filled = await run("put big", value);
          }
          const { stdout } = await runEtcdctl(binary, server, ["get", "big", "-w", "json"]);
          const { header } = JSON.parse(stdout) as { header: { revision: number } };
          return [
            filled,
            await run("put small 1"),
            await run("del small"),
            await run("alarm list"),
            await run("endpoint health"),
            (await run(`compaction ${header.revision} --physical`)).replaceAll(/\d+/g, "N"),
            await run("defrag"),
            await run("put small 1"),
            await run("alarm disarm"),
            await run("put small 1"),
            await run("alarm list"),
          ];
        } finally {
          await server.dispose();
        }
      }),
    );
    expect(outputs[1]).toEqual(outputs[0]);
    expect(outputs[0]?.[0]).toContain("database space exceeded");
    expect(outputs[0]?.[3]).toContain("NOSPACE");
    expect(outputs[0]?.[9]).toContain("OK");
  });

  test("the endpoint's status names version, leader and a revision's worth of raft", async () => {
    const { stdout, exitCode } = await runEtcdctl(binary, ours, [
      "endpoint",
      "status",
      "-w",
      "json",
    ]);
    expect(exitCode).toBe(0);
    const [{ Status: status }] = JSON.parse(stdout) as [{ Status: Record<string, unknown> }];
    expect(status["version"]).toMatch(/^3\.\d+\.\d+$/);
    expect(status["leader"]).toBeGreaterThan(0);
    expect(status["raftTerm"]).toBeGreaterThan(1);
    expect(status["raftIndex"]).toBeGreaterThan(1);
  });

  test("watch prints history and what another client writes meanwhile", async () => {
    const outputs = await Promise.all(
      [ours, peer].map(async (server) => {
        await runEtcdctl(binary, server, ["put", "w/1", "old"]);
        const { stdout } = await runEtcdctl(binary, server, ["get", "w/1", "-w", "json"]);
        const parsed = JSON.parse(stdout) as { header: { revision: number } };
        const rev = `--rev=${parsed.header.revision}`;
        const watch = new EtcdctlWatch(binary, server, ["w/", "--prefix", rev, "--prev-kv"]);
        try {
          await watch.output(3);
          await runEtcdctl(binary, server, ["put", "w/1", "new"]);
          await runEtcdctl(binary, server, ["put", "other", "unseen"]);
          await runEtcdctl(binary, server, ["put", "w/2", "second"]);
          await runEtcdctl(binary, server, ["del", "w/", "--prefix"]);
          return await watch.output(3 + 5 + 3 + 8);
        } finally {
          await watch.stop();
        }
      }),
    );
    expect(outputs[0]).toBe(outputs[1]);
    expect(outputs[0]).toContain("PUT\nw/1\nold\nw/1\nnew\n");
    expect(outputs[0]).toContain("DELETE\nw/1\nnew\nw/1\n");
  });

  test("watch from a compacted revision says so and ends", async () => {
    const [got, expected] = await both(["watch", "a", "--rev=2"]);
    expect(got).toBe(expected);
    expect(got).toContain("compacted");
  });

  test("a watch on a key prints json as etcd's does", async () => {
    const outputs = await Promise.all(
      [ours, peer].map(async (server) => {
        await runEtcdctl(binary, server, ["put", "j", "1"]);
        const { stdout } = await runEtcdctl(binary, server, ["get", "j", "-w", "json"]);
        const { kvs } = JSON.parse(stdout) as { kvs: [{ mod_revision: number }] };
        const rev = `--rev=${kvs[0].mod_revision}`;
        const watch = new EtcdctlWatch(binary, server, ["j", rev, "-w", "json"]);
        try {
          return normalise(await watch.output(1), server);
        } finally {
          await watch.stop();
        }
      }),
    );
    expect(outputs[0]).toBe(outputs[1]);
  });

  test("what was put before a restart is got after it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "vedette-test-"));
    try {
      const first = await TestServer.start("vedette", { dataDir: folder });
      await runEtcdctl(binary, first, ["put", "kept", "1"]);
      expect(await first.stop()).toBe(true);
      const again = await TestServer.start("vedette", { dataDir: folder });
      const { stdout } = await runEtcdctl(binary, again, ["get", "kept", "--print-value-only"]);
      expect(stdout).toBe("1\n");
      await again.stop();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
