import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HttpStream, postJson } from "../support/http-stream.ts";
import { TestServer } from "../support/servers.ts";

/** What clients that know nothing but the gateway do with it, from beginning to end. */
let server: TestServer;
let port: number;

beforeEach(async () => {
  server = await TestServer.start("vedette", { flags: ["--in-memory", "--bcrypt-cost=4"] });
  port = server.port;
});

afterEach(() => server.dispose());

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** An answer that must be good. */
async function call(path: string, message: unknown): Promise<Record<string, unknown>> {
  const { status, body } = await postJson(port, path, message);
  expect([path, status, status === 200 ? "" : body]).toEqual([path, 200, ""]);
  return body;
}

test("Patroni elects a leader, keeps it by its lease, and sees it go", async () => {
  const leader = base64("/service/demo/leader");
  const members = base64("/service/demo/members/n1");
  const lease = String((await call("/v3/lease/grant", { TTL: 30 }))["ID"]);
  await call("/v3/kv/put", { key: members, value: base64("{}"), lease });
  const range = { key: base64("/service/demo/"), range_end: base64("/service/demo0") };
  const cluster = await call("/v3/kv/range", { ...range, serializable: true });
  expect((cluster["kvs"] as Record<string, unknown>[])[0]).toMatchObject({ key: members, lease });

  const watch = new HttpStream(port, "/v3/watch");
  const start = (cluster["header"] as Record<string, string>)["revision"];
  watch.send({ create_request: { ...range, start_revision: start, filters: [] } });
  watch.end();
  await watch.json();
  await watch.json();

  const acquire = (name: string): Promise<Record<string, unknown>> =>
    call("/v3/kv/txn", {
      compare: [{ target: "CREATE", create_revision: "0", key: leader }],
      success: [{ request_put: { key: leader, value: base64(name), lease } }],
    });
  expect((await acquire("n1"))["succeeded"]).toBe(true);
  expect((await acquire("n2"))["succeeded"]).toBeUndefined();
  const won = (await watch.json())["result"] as { events: { kv: Record<string, string> }[] };
  const { mod_revision } = won.events[0]?.kv ?? {};
  const kept = await call("/v3/lease/keepalive", { ID: lease });
  expect(kept["result"]).toMatchObject({ ID: lease, TTL: "30" });

  const gone = await call("/v3/kv/txn", {
    compare: [{ target: "MOD", mod_revision, key: leader }],
    success: [{ request_delete_range: { key: leader } }],
  });
  expect(gone["succeeded"]).toBe(true);
  expect((await watch.json())["result"]).toMatchObject({
    events: [{ type: "DELETE", kv: { key: leader } }],
  });
  await call("/v3/lease/revoke", { ID: lease });
  expect((await watch.json())["result"]).toMatchObject({
    events: [{ type: "DELETE", kv: { key: members } }],
  });
  const expired = await call("/v3/lease/keepalive", { ID: lease });
  expect(expired["result"]).not.toHaveProperty("TTL");
  const late = await postJson(port, "/v3/kv/put", { key: leader, value: "", lease });
  const text = "etcdserver: requested lease not found";
  expect(late).toMatchObject({ status: 404, body: { code: 5, message: text, error: text } });
  watch.close();
});

test("users come by the token that they are given, and nobody comes without (G9)", async () => {
  await call("/v3/auth/user/add", { name: "root", password: "secret" });
  await call("/v3/auth/role/add", { name: "root" });
  await call("/v3/auth/user/grant", { user: "root", role: "root" });
  await call("/v3/auth/enable", {});
  const token = String(
    (await call("/v3/auth/authenticate", { name: "root", password: "secret" }))["token"],
  );
  const range = async (headers: Record<string, string>): Promise<[number, unknown]> => {
    const body = JSON.stringify({ key: base64("a") });
    const url = `http://127.0.0.1:${port}/v3/kv/range`;
    const response = await fetch(url, { method: "POST", headers, body });
    return [response.status, ((await response.json()) as { message?: string }).message];
  };
  expect(await range({})).toEqual([400, "etcdserver: user name is empty"]);
  expect(await range({ authorization: token })).toEqual([200, undefined]);
  expect(await range({ authorization: `Bearer ${token}` })).toEqual([200, undefined]);
  expect(await range({ "grpc-metadata-token": token })).toEqual([200, undefined]);
  expect(await range({ authorization: "made-up" })).toEqual([
    401,
    "etcdserver: invalid auth token",
  ]);
  const watch = new HttpStream(port, "/v3/watch", { headers: { authorization: "made-up" } });
  watch.send({ create_request: { key: base64("a") } });
  expect(JSON.stringify(await watch.json())).toMatch(/invalid auth token|permission denied/);
  watch.close();
});

test("a snapshot comes in lines, with its SHA-256 at the end (M40)", async () => {
  await call("/v3/kv/put", { key: base64("a"), value: base64("b".repeat(100_000)) });
  const stream = new HttpStream(port, "/v3/maintenance/snapshot");
  stream.send({});
  const blobs: Buffer[] = [];
  for (let line = await stream.line(); line !== undefined; line = await stream.line()) {
    const { result } = JSON.parse(line) as { result: { blob: string } };
    blobs.push(Buffer.from(result.blob, "base64"));
  }
  const file = Buffer.concat(blobs);
  const hash = createHash("sha256").update(file.subarray(0, -32)).digest();
  expect(blobs.length).toBeGreaterThan(3);
  expect(file.subarray(-32)).toEqual(hash);
});

test("a lock waits for as long as it takes, and goes with its holder", async () => {
  const [first, second] = await Promise.all(
    [60, 60].map(async (TTL) => String((await call("/v3/lease/grant", { TTL }))["ID"])),
  );
  const name = base64("mutex");
  const { key } = await call("/v3/lock/lock", { name, lease: first });
  let isLocked = false;
  const waiting = call("/v3/lock/lock", { name, lease: second }).then((answer) => {
    isLocked = true;
    return answer;
  });
  await call("/v3/kv/range", { key: name });
  expect(isLocked).toBe(false);
  await call("/v3/lock/unlock", { key });
  expect(await waiting).toHaveProperty("key");
});
