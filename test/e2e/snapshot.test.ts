import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BoltReader } from "../../src/storage/bolt/reader.ts";
import { RandomRequests } from "../conformance/random-requests.ts";
import { builtServer } from "../support/built-server.ts";
import { SeededRandom } from "../support/random.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { etcdBinary, isAvailable, PEER_KINDS, TestServer } from "../support/servers.ts";
import { decodeMessage, encodeMessage, type Message } from "../support/wire-codec.ts";

/**
 * The same random history goes to a real etcd and to ours, a snapshot is taken of each, and each is
 * restored into the other: nothing may be missing and nothing else may be there.
 */
const run = promisify(execFile);
const CALLS = 100;
const LEASES = [7n, 1234n, 0x7fff_ffff_ffff_fff0n];
const BLOB_BYTES_MAX = 32 * 1024;
const HASH_BYTES = 32;

let folder: string;
let cli: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "vedette-snapshots-"));
  cli = await builtServer();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function ask(client: RpcClient, method: string, request: Message): Promise<Message> {
  const answer = await client.call(method, request);
  expect(`${method}: ${answer.text}`).toBe(`${method}: `);
  return answer.message ?? {};
}

/** A history that meets everything a snapshot holds, compacted at a put: a tombstone there is V3. */
async function write(clients: readonly RpcClient[], seed: number): Promise<void> {
  const both = async (method: string, request: Message): Promise<void> => {
    for (const client of clients) await ask(client, method, request);
  };
  const requests = new RandomRequests(new SeededRandom(seed));
  let revision = 1;
  let compacted = 0;
  const apply = async (calls: number, mayCompact: boolean): Promise<void> => {
    for (let i = 0; i < calls; i++) {
      const call = requests.next(revision, compacted);
      if (call.method === "Compact" && !mayCompact) continue;
      const answers = await Promise.all(clients.map((one) => one.call(call.method, call.request)));
      const header = answers[0]?.message?.["header"] as Message | undefined;
      revision = Math.max(revision, Number(header?.["revision"] ?? 0));
      const isCompacted = call.method === "Compact" && answers[0]?.code === 0;
      if (isCompacted) compacted = Number(call.request["revision"] ?? 0);
    }
  };
  await apply(CALLS, true);
  for (const id of LEASES) await both("LeaseGrant", { ID: id, TTL: 5000 });
  for (const id of LEASES) await both("Put", { key: bytes(`leased/${id}`), lease: id });
  await both("LeaseRevoke", { ID: LEASES[0] as bigint });
  await both("Put", { key: bytes("large"), value: Buffer.alloc(20_000, "large ") });
  await both("UserAdd", { name: "root", options: { no_password: true } });
  await both("UserAdd", { name: "ann", options: { no_password: true } });
  await both("UserAdd", { name: "with-password", password: "opens" });
  await both("UserGrantRole", { user: "root", role: "root" });
  await both("RoleAdd", { name: "reader" });
  const perm = { permType: 2, key: bytes("a"), range_end: bytes("c") };
  await both("RoleGrantPermission", { name: "reader", perm });
  await both("UserGrantRole", { user: "ann", role: "reader" });
  const alarm = { action: 1, memberID: 99n, alarm: 2 };
  await both("Put", { key: bytes("last/compacted"), value: bytes("1") });
  const head = await ask(clients[0] as RpcClient, "Range", { key: bytes("x"), count_only: true });
  const at = Number((head["header"] as Message)["revision"]);
  await both("Compact", { revision: at, physical: true });
  await apply(CALLS, false);
  await both("Alarm", alarm);
}

function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** Takes a snapshot by the RPC itself, and checks what a client may rely on (M40). */
async function save(client: RpcClient, name: string): Promise<string> {
  const path = "/etcdserverpb.Maintenance/Snapshot";
  const { code, all } = await client.collect(path, encodeMessage("SnapshotRequest", {}));
  expect(code).toBe(0);
  const messages = all.map((one) => decodeMessage("SnapshotResponse", one));
  const blobs = messages.map((one) => one["blob"] as Uint8Array);
  const body = Buffer.concat(blobs.slice(0, -1));
  let remaining = body.length;
  for (const [i, message] of messages.entries()) {
    if (i < messages.length - 1) remaining -= blobs[i]?.length ?? 0;
    expect(Number(message["remaining_bytes"] ?? 0)).toBe(remaining);
    expect(blobs[i]?.length).toBeLessThanOrEqual(BLOB_BYTES_MAX);
  }
  const hash = Buffer.from(blobs[blobs.length - 1] ?? []);
  expect(hash.equals(createHash("sha256").update(body).digest())).toBe(true);
  const file = join(folder, name);
  writeFileSync(file, Buffer.concat([body, hash]));
  return file;
}

/** A bucket's entries as text. */
function bucket(file: string, name: string): string[] {
  const content = readFileSync(file).subarray(0, -HASH_BYTES);
  const reader = new BoltReader({
    size: content.length,
    read: (position, target) => content.copy(target, 0, position, position + target.length),
  });
  return [...reader.entries(bytes(name))].map(
    ({ key, value }) =>
      `${Buffer.from(key).toString("latin1")}=${Buffer.from(value).toString("latin1")}`,
  );
}

/** Bytes are dear to compare one by one, and there are many. */
function digest(message: unknown): string {
  const text = JSON.stringify(message, (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
  return createHash("sha256")
    .update(text ?? "")
    .digest("hex");
}

/** All that clients can see that a snapshot carries. */
async function seen(client: RpcClient): Promise<unknown> {
  const all = { key: Buffer.of(0), range_end: Buffer.of(0) };
  const now = await ask(client, "Range", all);
  const revision = Number((now["header"] as Message)["revision"]);
  const hash = await ask(client, "HashKV", { revision });
  const compacted = Number(hash["compact_revision"]);
  const revisions = Array.from({ length: revision - compacted + 1 }, (_, i) => compacted + i);
  const reads = revisions.map((at) => ask(client, "Range", { ...all, revision: at }));
  const states = (await Promise.all(reads)).map((answer) => digest(answer["kvs"]));
  const below = await client.call("Range", { ...all, revision: compacted - 1 });
  const leases: unknown[] = [];
  for (const ID of LEASES) {
    const lease = await ask(client, "LeaseTimeToLive", { ID, keys: true });
    leases.push([String(lease["ID"]), Number(lease["grantedTTL"] ?? 0), lease["keys"]]);
  }
  return {
    revision,
    compacted,
    hash: hash["hash"],
    states,
    below: below.text,
    leases,
    users: (await ask(client, "UserList", {}))["users"],
    roles: (await ask(client, "UserGet", { name: "ann" }))["roles"],
    perm: (await ask(client, "RoleGet", { role: "reader" }))["perm"],
    alarms: (await ask(client, "Alarm", {}))["alarms"],
  };
}

/** A password that was set on one server opens the other. */
async function expectLogin(client: RpcClient): Promise<void> {
  await ask(client, "AuthEnable", {});
  const name = "with-password";
  const refused = await client.call("Authenticate", { name, password: "does not" });
  expect(refused.text).toContain("authentication failed");
  const { message } = await client.call("Authenticate", { name, password: "opens" });
  expect(String(message?.["token"])).toMatch(/^[A-Za-z]{16}\./);
}

/** What is seen of a server that is started on a folder. */
async function seenOn(
  kind: "vedette" | "etcd-3.4" | "etcd-3.5",
  dataDir: string,
): Promise<unknown> {
  const server = await TestServer.start(kind, { dataDir });
  const client = new RpcClient(server.endpoint);
  try {
    const found = await seen(client);
    await expectLogin(client);
    return found;
  } finally {
    client.close();
    await server.dispose();
  }
}

async function restoreHere(file: string, dataDir: string, ...flags: string[]): Promise<string> {
  const args = [cli, "restore", file, "--data-dir", dataDir, "--name", "t", ...flags];
  return (await run(process.execPath, args)).stdout;
}

async function restoreThere(
  kind: "etcd-3.4" | "etcd-3.5",
  file: string,
  dataDir: string,
): Promise<void> {
  const tool = etcdBinary(kind, kind === "etcd-3.4" ? "etcdctl" : "etcdutl") ?? "";
  const cluster = ["--initial-cluster", "t=http://localhost:2380", "--name", "t"];
  const peer = ["--initial-advertise-peer-urls", "http://localhost:2380"];
  const args = ["snapshot", "restore", file, "--data-dir", dataDir, ...cluster, ...peer];
  await run(tool, args, { env: { ...process.env, ETCDCTL_API: "3" } });
}

async function status(kind: "etcd-3.4" | "etcd-3.5", file: string): Promise<Message> {
  const tool = etcdBinary(kind, kind === "etcd-3.4" ? "etcdctl" : "etcdutl") ?? "";
  const env = { ...process.env, ETCDCTL_API: "3" };
  const { stdout } = await run(tool, ["snapshot", "status", file, "-w", "json"], { env });
  for (const format of kind === "etcd-3.4" ? ["json", "simple", "table"] : ["json", "simple"]) {
    const there = await run(tool, ["snapshot", "status", file, "-w", format], { env });
    const here = await run(process.execPath, [cli, "snapshot", "status", file, "-w", format]);
    expect(here.stdout).toBe(there.stdout);
  }
  return JSON.parse(stdout) as Message;
}

/** Takes a snapshot by the tool that people use. */
async function saveByTool(kind: "etcd-3.4" | "etcd-3.5", server: TestServer): Promise<Buffer> {
  const file = join(folder, `tool-${kind}.db`);
  const args = [`--endpoints=http://${server.endpoint}`, "snapshot", "save", file];
  const env = { ...process.env, ETCDCTL_API: "3" };
  await run(etcdBinary(kind, "etcdctl") ?? "", args, { env });
  return readFileSync(file);
}

describe.each(PEER_KINDS)("snapshots to and from %s (M40-M42)", (kind) => {
  const seed = kind === "etcd-3.4" ? 3401 : 3502;

  it.skipIf(!isAvailable(kind))(
    "carry all of a random history both ways",
    async () => {
      const servers = [await TestServer.start("vedette"), await TestServer.start(kind)] as const;
      const clients = servers.map((server) => new RpcClient(server.endpoint));
      const [ours, theirs] = clients as [RpcClient, RpcClient];
      try {
        await write(clients, seed);
        const expected = await seen(ours);
        expect(await seen(theirs)).toEqual(expected);

        const file = await save(ours, `ours-${kind}.db`);
        expect((await saveByTool(kind, servers[0])).equals(readFileSync(file))).toBe(true);
        const etcdFile = await save(theirs, `theirs-${kind}.db`);
        for (const name of ["key", "lease", "authUsers", "authRoles", "auth", "alarm"]) {
          // A password's hash is salted, so it is another one on each server.
          const [here, there] = [file, etcdFile].map((one) =>
            bucket(one, name).filter((entry) => !entry.startsWith("with-password=")),
          );
          expect(here, name).toEqual(there);
        }
        const records = bucket(file, "key");
        expect(records.length).toBeGreaterThan(40);
        expect(records.filter((one) => one[17] === "t").length).toBeGreaterThan(8);
        const own = await status(kind, file);
        const peer = await status(kind, etcdFile);
        expect(own["revision"]).toBe(peer["revision"]);
        // An etcd of 3.4 keeps neither the term nor the voters in its database.
        const known = kind === "etcd-3.4" ? 2 : 0;
        expect(own["totalKey"]).toBe(Number(peer["totalKey"]) + known);

        const there = join(folder, `there-${kind}`);
        await restoreThere(kind, file, there);
        expect(await seenOn(kind, there)).toEqual(expected);
        const here = join(folder, `here-${kind}`);
        await restoreHere(etcdFile, here);
        expect(await seenOn("vedette", here)).toEqual(expected);
        const again = join(folder, `again-${kind}`);
        await restoreHere(file, again);
        expect(await seenOn("vedette", again)).toEqual(expected);

        await servers[1].stop();
        const copied = join(servers[1].dataDir, "member/snap/db");
        await expect(restoreHere(copied, join(folder, "no"))).rejects.toThrow("--skip-hash-check");
        const line = await restoreHere(copied, join(folder, `copied-${kind}`), "--skip-hash-check");
        const { revision, compacted } = expected as { revision: number; compacted: number };
        expect(line).toContain(`: revision ${revision}, compacted at ${compacted}, `);
      } finally {
        for (const client of clients) client.close();
        for (const server of servers) await server.dispose();
      }
    },
    60_000,
  );
});
