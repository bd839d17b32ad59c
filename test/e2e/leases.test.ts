import { Etcd3 } from "etcd3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { etcdBinary, isAvailable, PEER_KINDS, TestServer } from "../support/servers.ts";
import { EtcdctlWatch, normalise, runEtcdctl } from "./etcdctl.ts";

/** Leases, locks and elections by the clients that people use. */
for (const version of PEER_KINDS) {
  describe.skipIf(!isAvailable(version))(`etcdctl of ${version}`, () => {
    etcdctlTests(version, etcdBinary(version, "etcdctl") ?? "");
  });
}

function etcdctlTests(version: (typeof PEER_KINDS)[number], binary: string): void {
  let peer: TestServer;
  let ours: TestServer;
  beforeAll(async () => {
    [peer, ours] = await Promise.all([TestServer.start(version), TestServer.start("vedette")]);
  });
  afterAll(() => Promise.all([peer.dispose(), ours.dispose()]));

  test("prints the same for the life of a lease", async () => {
    const [got, expected] = await Promise.all([ours, peer].map((server) => life(binary, server)));
    expect(got).toEqual(expected);
    expect(got?.join("\n")).toContain("granted with TTL(60s)");
  });

  test("holds a lock while a command runs, and then lets go of it", async () => {
    const outputs = await Promise.all(
      [ours, peer].map(async (server) => {
        const get = `${binary} --endpoints=http://${server.endpoint} get l --prefix --keys-only`;
        const command = ["sh", "-c", get];
        const held = await runEtcdctl(binary, server, ["lock", "l", "--", ...command]);
        const after = await runEtcdctl(binary, server, ["get", "l", "--prefix"]);
        return normalise(`${held.exitCode} ${held.stdout} then ${after.stdout}`, server);
      }),
    );
    expect(outputs[0]).toBe(outputs[1]);
    expect(outputs[0]).toMatch(/^0 l\/ID/);
  });

  test("is elected, and the next one when it is gone", async () => {
    const first = new EtcdctlWatch(binary, ours, ["e", "one"], "elect");
    await first.output(2);
    const listener = new EtcdctlWatch(binary, ours, ["--listen", "e"], "elect");
    expect(await listener.output(2)).toMatch(/^e\/[0-9a-f]+\none\n$/);
    const second = new EtcdctlWatch(binary, ours, ["e", "two"], "elect");
    await first.stop("SIGINT");
    expect(await second.output(2)).toMatch(/^e\/[0-9a-f]+\ntwo\n$/);
    expect(await listener.output(4)).toMatch(/one\ne\/[0-9a-f]+\ntwo\n$/);
    await Promise.all([second.stop(), listener.stop()]);
  });
}

/** What etcdctl says to each step; the id of the lease is found out by the first. */
async function life(binary: string, server: TestServer): Promise<string[]> {
  const said: string[] = [];
  const run = async (command: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await runEtcdctl(binary, server, command.split(" "));
    const text = normalise(`${command}\n${exitCode}\n${stdout}\n${stderr}`, server);
    said.push(text.replaceAll(/remaining\(\d+s\)|"ttl":5\d/g, "REMAINING"));
    return stdout;
  };
  const id = /lease ([0-9a-f]+) granted/.exec(await run("lease grant 60"))?.[1] ?? "";
  await run(`put k v --lease=${id}`);
  await run(`put other v --lease=${id}`);
  await run("get k -w fields");
  await run(`lease timetolive ${id} --keys`);
  await run(`lease timetolive ${id} -w json`);
  await run("lease list");
  await run(`lease keep-alive ${id} --once`);
  await run("put other v");
  await run(`lease revoke ${id}`);
  await run("get --prefix o");
  await run("get k");
  await run(`lease timetolive ${id}`);
  await run(`lease keep-alive ${id} --once`);
  await run(`lease revoke ${id}`);
  await run("put k v --lease=1234");
  await run("lease grant 9000000001");
  const decimal = String(BigInt(`0x${id}`));
  return said.map((text) => text.replaceAll(id, "ID").replaceAll(decimal, "ID"));
}

describe("npm etcd3", () => {
  let server: TestServer;
  let client: Etcd3;
  let other: Etcd3;
  beforeAll(async () => {
    server = await TestServer.start("vedette");
    client = new Etcd3({ hosts: `http://${server.endpoint}` });
    other = new Etcd3({ hosts: `http://${server.endpoint}` });
  });
  afterAll(async () => {
    client.close();
    other.close();
    await server.dispose();
  });

  test("a lease keeps its keys until it is revoked", async () => {
    const lease = client.lease(60);
    await lease.put("leased").value("1");
    const { TTL } = await lease.keepaliveOnce();
    expect(Number(TTL)).toBe(60);
    const id = await lease.grant();
    const { leases } = await client.leaseClient.leaseLeases();
    expect(leases.map((one) => one.ID)).toContain(id);
    const left = await client.leaseClient.leaseTimeToLive({ ID: id, keys: true });
    expect(left.keys.map(String)).toEqual(["leased"]);
    expect(left.grantedTTL).toBe("60");
    await lease.revoke();
    expect(await client.get("leased").string()).toBeNull();
  });

  test("a lease that is not kept alive is lost, and says so", async () => {
    const lease = client.lease(2, { autoKeepAlive: false });
    await lease.put("short").value("1");
    const watcher = await client.watch().key("short").create();
    const gone = new Promise((resolve) => watcher.once("delete", resolve));
    await gone;
    await expect(lease.keepaliveOnce()).rejects.toThrow(/lease/i);
    await watcher.cancel();
  });

  test("a lock has one holder", async () => {
    const lock = client.lock("resource");
    await lock.acquire();
    await expect(other.lock("resource").acquire()).rejects.toThrow(/lock/i);
    await lock.release();
    await other.lock("resource").do(async () => {
      await expect(client.lock("resource").acquire()).rejects.toThrow(/lock/i);
    });
    await client.lock("resource").do(() => Promise.resolve());
  });

  test("an election has one leader after the other", async () => {
    const election = client.election("chair", 60);
    const campaign = election.campaign("one");
    const elected = new Promise((resolve) => campaign.once("elected", resolve));
    await elected;
    const observer = await other.election("chair", 60).observe();
    expect(observer.leader()).toBe("one");
    // In between there may be no leader.
    const changed = new Promise<void>((resolve) => {
      observer.on("change", (value) => value === "two" && resolve());
    });
    const next = other.election("chair", 60).campaign("two");
    const nextElected = new Promise((resolve) => next.once("elected", resolve));
    await campaign.resign();
    await nextElected;
    await changed;
    expect(observer.leader()).toBe("two");
    await observer.cancel();
    await next.resign();
  });
});
