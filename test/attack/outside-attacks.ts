import { readdirSync, readFileSync, statSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { RpcClient } from "../support/rpc-client.ts";
import { httpGet } from "../support/servers.ts";
import {
  type Attack,
  type AttackWorld,
  type Finding,
  finding,
  type Outcome,
  outcomeOf,
} from "./attack.ts";

/** The only page that may ask, and the only name that the server has: what the flags say. */
export const GOOD_ORIGIN = "https://good.example";
export const SERVER_FLAGS: readonly string[] = [
  "--cors",
  GOOD_ORIGIN,
  "--host-whitelist",
  "127.0.0.1",
  "--max-concurrent-streams",
  "1000",
  "--log-level",
  "debug",
];
const CANARY = "canary-in-the-mine";
const USER = "root";

interface Ask {
  readonly what: string;
  readonly method?: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly wanted: number;
}

const SOCKET_HEADERS = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

const ASKS: readonly Ask[] = [
  { what: "name", path: "/health", headers: { host: "evil.example" }, wanted: 421 },
  {
    what: "name of a call",
    method: "POST",
    path: "/v3/kv/range",
    headers: { host: "evil.example" },
    wanted: 421,
  },
  {
    what: "page",
    method: "POST",
    path: "/v3/kv/put",
    headers: { origin: "https://evil.example" },
    wanted: 403,
  },
  { what: "page null", path: "/metrics", headers: { origin: "null" }, wanted: 403 },
  {
    what: "preflight",
    method: "OPTIONS",
    path: "/v3/kv/put",
    headers: { origin: "https://evil.example" },
    wanted: 403,
  },
  {
    what: "WebSocket of a page",
    path: "/v3/watch",
    headers: { ...SOCKET_HEADERS, origin: "https://evil.example" },
    wanted: 403,
  },
  {
    what: "WebSocket by a name",
    path: "/v3/watch",
    headers: { ...SOCKET_HEADERS, host: "evil.example" },
    wanted: 421,
  },
  { what: "good page", path: "/health", headers: { origin: GOOD_ORIGIN }, wanted: 200 },
];

async function strangePages(world: AttackWorld): Promise<Outcome> {
  const found: Finding[] = [];
  for (const each of ASKS) {
    found.push(finding(each.what, await statusOf(world.server.port, each), each.wanted));
  }
  const got = found.map((each) => `${each.what} ${each.got}`).join(", ");
  return outcomeOf(`${ASKS.length} requests of names and pages`, got, found);
}

function statusOf(port: number, { path, headers, method = "GET" }: Ask): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: "127.0.0.1", port, path, method, headers, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    asked.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode ?? 0);
    });
    asked.on("error", reject);
    asked.end(method === "POST" ? "{}" : undefined);
  });
}

/** Requests of HTTP/1.1 on one connection, sent without waiting for any answer. */
async function pipelined(world: AttackWorld): Promise<Outcome> {
  const count = world.sizes.streams;
  const socket = connect(world.server.port, "127.0.0.1");
  let text = "";
  let answers = 0;
  const all = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`closed after ${answers} answers`)));
    socket.on("data", (bytes: Buffer) => {
      const lines = (text + bytes.toString("latin1")).split("HTTP/1.1 200 OK");
      answers += lines.length - 1;
      text = lines.at(-1)?.slice(-20) ?? "";
      if (answers === count) resolve();
    });
  });
  socket.write("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(count));
  await all;
  socket.destroy();
  return outcomeOf(`${count} requests`, `${answers} answers`, [finding("answers", answers, count)]);
}

/** Switches auth on; the clients of the script show root's token from then on. */
async function enableAuth(world: AttackWorld): Promise<void> {
  const { rpc } = world;
  if (rpc.token !== undefined) return;
  await rpc.call("UserAdd", { name: USER, password: CANARY });
  await rpc.call("RoleAdd", { name: "root" });
  await rpc.call("UserGrantRole", { user: USER, role: "root" });
  await rpc.call("AuthEnable", {});
  const login = await rpc.call("Authenticate", { name: USER, password: CANARY });
  if (login.code !== 0) throw new Error(`root cannot log in: ${login.text}`);
  rpc.token = String(login.message?.["token"]);
}

async function guess(client: RpcClient, name: string, i: number): Promise<[string, number]> {
  const from = performance.now();
  const answer = await client.call("Authenticate", { name, password: `${CANARY}-${i}` });
  return [`${answer.code} ${answer.text}`, performance.now() - from];
}

async function guesses(world: AttackWorld): Promise<Outcome> {
  const client = new RpcClient(world.server.endpoint);
  const median = (times: number[]): number => times.sort((a, b) => a - b)[2] ?? 0;
  const known = { said: new Set<string>(), times: [] as number[] };
  const unknown = { said: new Set<string>(), times: [] as number[] };
  for (let i = 0; i < 5; i++) {
    for (const [name, seen] of [
      [USER, known],
      [`nobody-${performance.now()}`, unknown],
    ] as const) {
      const [said, ms] = await guess(client, name, i);
      seen.said.add(said);
      seen.times.push(ms);
    }
  }
  const from = performance.now();
  const many = await Promise.all(
    Array.from({ length: world.sizes.guesses }, (_, i) => guess(client, USER, i)),
  );
  const seconds = (performance.now() - from) / 1000;
  client.close();
  const slowed = many.filter(([said]) => !known.said.has(said)).length;
  const compared = many.length - slowed;
  const entered = many.filter(([said]) => said.startsWith("0 ")).length;
  const ratio = (median(unknown.times) / median(known.times)).toFixed(2);
  const did = `none entered, ${slowed} refused unheard; unknown user takes ${ratio} of the time`;
  return outcomeOf(`${world.sizes.guesses + 10} wrong passwords`, did, [
    finding("entered", entered, 0),
    finding(`compared ${compared} in ${seconds} s`, compared <= 5 + 5 * seconds + 1, true),
    finding("answers differ", [...unknown.said].join(), [...known.said].join()),
  ]);
}

/** Passwords and tokens go through every door; nobody may find them anywhere afterwards. */
async function secrets(world: AttackWorld): Promise<Outcome> {
  const { rpc, server } = world;
  await rpc.call("UserAdd", { name: "canary", password: `${CANARY}-2` });
  await rpc.call("UserAdd", { name: "canary", password: `${CANARY}-2` });
  await rpc.call("UserChangePassword", { name: "nobody", password: `${CANARY}-3` });
  const body = JSON.stringify({ name: "canary", password: `${CANARY}-4`, bad: CANARY.length });
  for (const path of ["/v3/auth/authenticate", "/v3/auth/user/add", "/v3/auth/nothing"]) {
    await fetch(`http://127.0.0.1:${server.port}${path}`, { method: "POST", body });
  }
  const broken = `{"name": "canary", "password": "${CANARY}`;
  const said = await fetch(`http://127.0.0.1:${server.port}/v3/auth/authenticate`, {
    method: "POST",
    body: broken,
  });
  const places = new Map<string, string>([["JSON error", await said.text()]]);
  for (const page of ["/metrics", "/health", "/version", "/debug/vars", "/vedette/watchers"]) {
    places.set(page, (await httpGet(server.port, page)).body);
  }
  places.set("log", readFileSync(world.logFile, "latin1"));
  places.set("output", server.log);
  for (const name of readdirSync(server.dataDir, { recursive: true, encoding: "utf8" })) {
    const file = join(server.dataDir, name);
    if (statSync(file).isFile()) places.set(name, readFileSync(file, "latin1"));
  }
  const token = rpc.token ?? "no token";
  const found = [...places].flatMap(([place, text]) => [
    finding(`password in ${place}`, text.includes(CANARY), false),
    finding(`token in ${place}`, text.includes(token), false),
  ]);
  found.push(finding("log is empty", places.get("log") === "", false));
  return outcomeOf("passwords, right and wrong", `0 hits in ${places.size} places`, found);
}

/** What comes from outside of the protocol; the last ones switch auth on and leave it so. */
export const OUTSIDE_ATTACKS: readonly Attack[] = [
  { row: "14", name: "names and pages", isRepeatable: true, run: strangePages },
  { row: "17", name: "pipelined HTTP/1.1", isRepeatable: true, run: pipelined },
  { row: "15", name: "guessed passwords", prepare: enableAuth, run: guesses },
  { row: "16", name: "secrets", prepare: enableAuth, run: secrets },
];
