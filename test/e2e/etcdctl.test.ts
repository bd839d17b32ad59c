import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PEER_KINDS, TestServer, etcdBinary, isAvailable } from "../support/servers.ts";
import { EtcdctlWatch, normalise, runEtcdctl } from "./etcdctl.ts";

/** Members come by id, which has the time in it. */
function membersSorted(output: string): string {
  return output.replace(/(?<=ETCD_INITIAL_CLUSTER=")[^"]*/, (list) => {
    return list.split(",").toSorted().join(",");
  });
}

/**
 * What etcdctl does over time, against a real etcd of its version and ours; test/etcdctl compares
 * what each of its commands prints.
 */
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
          let puts = 0;
          // etcd knows its size of the last commit, which comes every 100 ms: until then it takes
          // what is put. Ours counts what it has taken.
          while (filled.startsWith("exit 0") && puts < (kind === "vedette" ? 9 : 200)) {
            filled = await run("put big", value);
            puts++;
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
    await both(["put", "counted", "1"]);
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
    for (const value of ["1", "2", "3"]) await both(["put", "a", value]);
    await both(["compaction", "3"]);
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
