import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { RpcClient, type WatchStream } from "../support/rpc-client.ts";
import { TestServer } from "../support/servers.ts";
import { latin1, listOf } from "../support/watch-truth.ts";
import type { Message } from "../support/wire-codec.ts";

/** Watches that outlive the proof of who asked for them, or do not, on a whole server. */
const KEY = Buffer.from("k");
/** Far more, and more messages, than a client that does not read has room for. */
const LARGE_BYTES = 200_000;
const LARGE_PUTS = 60;

let server: TestServer;
let root: RpcClient;
let client: RpcClient;
const streams: WatchStream[] = [];

async function start(...flags: readonly string[]): Promise<void> {
  server = await TestServer.start("vedette", {
    flags: ["--in-memory", "--bcrypt-cost", "4", ...flags],
    audit: true,
  });
  root = new RpcClient(server.endpoint);
  client = new RpcClient(server.endpoint);
}

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.cancel();
  for (const one of [root, client]) one.close();
  await server.dispose();
});

async function call(on: RpcClient, method: string, request: Message = {}): Promise<Message> {
  const { code, text, message } = await on.call(method, request);
  if (message === undefined) throw new Error(`${method}: ${code} ${text}`);
  return message;
}

async function login(on: RpcClient, name: string): Promise<void> {
  on.token = undefined;
  on.token = String((await call(on, "Authenticate", { name, password: name }))["token"]);
}

/** Root, and ann who may read `k`; their passwords are their names. */
async function addUsers(): Promise<void> {
  for (const name of ["root", "ann"]) await call(root, "UserAdd", { name, password: name });
  await call(root, "UserGrantRole", { user: "root", role: "root" });
  await call(root, "RoleAdd", { name: "reader" });
  await call(root, "RoleGrantPermission", { name: "reader", perm: { key: KEY } });
  await call(root, "UserGrantRole", { user: "ann", role: "reader" });
}

async function put(value: string | Buffer): Promise<void> {
  await call(root, "Put", { key: KEY, value: Buffer.from(value) });
}

/** A stream that watches `k` with the values before, created. */
async function watch(): Promise<WatchStream> {
  const stream = client.openWatch();
  streams.push(stream);
  stream.send({ create_request: { key: KEY, prev_kv: true } });
  expect(await stream.next()).toMatchObject({ created: true });
  return stream;
}

/** The value of the one event that comes next, and the one before it. */
async function nextValues(stream: WatchStream): Promise<readonly string[]> {
  const [event = {}] = listOf(await stream.next(), "events");
  const { kv, prev_kv: before } = event as { kv?: Message; prev_kv?: Message };
  return [latin1(kv?.["value"]), latin1(before?.["value"])];
}

test("a watch outlives its token, and not its user (W20, W21, A17, D14)", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-jwt-"));
  const keys = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const [secret, known] = [join(folder, "private.pem"), join(folder, "public.pem")];
  writeFileSync(secret, keys.privateKey);
  writeFileSync(known, keys.publicKey);
  // A signed token is renewed by nothing: asking whether it still counts does not prolong it.
  const token = `jwt,pub-key=${known},priv-key=${secret},sign-method=RS256,ttl=2s`;
  await start("--auth-token", token);
  rmSync(folder, { recursive: true });
  await addUsers();
  await call(root, "AuthEnable");
  await login(client, "ann");
  const stream = await watch();
  let refusal = "";
  while (refusal === "") refusal = (await client.call("Range", { key: KEY })).text;
  expect(refusal).toBe("etcdserver: invalid auth token");

  await login(root, "root");
  await put("1");
  expect(await nextValues(stream)).toEqual(["1", ""]);
  // Users that change have everybody judged again, whose tokens are old now as well.
  await call(root, "UserAdd", { name: "bob", password: "bob" });
  await login(root, "root");
  await put("2");
  expect(await nextValues(stream)).toEqual(["2", "1"]);

  await call(root, "UserDelete", { name: "ann" });
  await login(root, "root");
  await put("3");
  expect(await stream.next()).toMatchObject({
    canceled: true,
    cancel_reason: "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
  });
  stream.send({ create_request: { key: KEY } });
  expect(await stream.next()).toMatchObject({
    created: true,
    canceled: true,
    cancel_reason: "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
  });
}, 60_000);

test("auth that is switched on ends an anonymous watch, with all that it has not read (D14)", async () => {
  await start();
  await addUsers();
  const [reading, slow] = [await watch(), await watch()];
  slow.paused = true;
  for (let i = 0; i < LARGE_PUTS; i++) await put(Buffer.alloc(LARGE_BYTES, i));
  for (let i = 0; i < LARGE_PUTS; i++) await reading.next();
  await call(root, "AuthEnable");
  await login(root, "root");
  await put("secret");
  slow.paused = false;
  const end = {
    canceled: true,
    cancel_reason: "rpc error: code = InvalidArgument desc = etcdserver: user name is empty",
  };
  expect(await reading.next()).toMatchObject(end);
  let response = await slow.next();
  let events = 0;
  for (; response["canceled"] !== true; response = await slow.next()) {
    events += listOf(response, "events").length;
  }
  expect(response).toMatchObject(end);
  expect(events).toBeLessThan(LARGE_PUTS);
  // The next answer on each stream is that to the next request: no event came behind the cancel.
  for (const stream of [reading, slow]) {
    stream.send({ create_request: { key: KEY } });
    expect(await stream.next()).toMatchObject({ ...end, created: true });
  }
}, 60_000);
