import { FastConnection } from "../support/fast-client.ts";
import { type Answer, methodFact } from "../support/rpc-client.ts";
import { decodeMessage, encodeMessage, type Message } from "../support/wire-codec.ts";
import {
  type Attack,
  type AttackWorld,
  type Finding,
  finding,
  type Outcome,
  outcomeOf,
} from "./attack.ts";

/** Limit of watchers on one stream, as the server has it. */
const WATCHERS_MAX = 100_000;
const OPS_MAX = 128;
const INT64_MAX = 2n ** 63n - 1n;

const bytesOf = (text: string): Buffer => Buffer.from(text);

/** One field with a length in front, as protobuf writes it. */
function field(number: number, body: Uint8Array): Buffer {
  const head = [number * 8 + 2];
  let rest = body.length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) head.push((rest % 128) | 0x80);
  head.push(rest);
  return Buffer.concat([Buffer.from(head), body]);
}

/** A txn in the success branch of a txn, and so on. */
function nestedTxn(depth: number): Buffer {
  let txn: Buffer = Buffer.alloc(0);
  for (let i = 1; i < depth; i++) txn = field(2, field(4, txn));
  return txn;
}

async function deepTxns(world: AttackWorld): Promise<Outcome> {
  const { path } = methodFact("Txn");
  const found: Finding[] = [];
  const codes: string[] = [];
  for (const depth of [100, 5_000]) {
    const { code } = await world.rpc.raw(path, nestedTxn(depth));
    codes.push(`depth ${depth}: code ${code}`);
    // What cannot be decoded is Internal, as in grpc-go.
    found.push(finding(`depth ${depth}`, code === 3 || code === 13 ? "refused" : code, "refused"));
  }
  const put = { request_put: { key: bytesOf("many"), value: bytesOf("") } };
  const ops = Array.from({ length: OPS_MAX + 1 }, (_, i) => ({
    request_put: { ...put.request_put, key: bytesOf(`many${i}`) },
  }));
  const many = await world.rpc.call("Txn", { success: ops });
  codes.push(`${ops.length} ops: code ${many.code}`);
  found.push(finding("too many ops", many.code, 3));
  return outcomeOf("txns 100 and 5,000 deep, 129 ops", codes.join(", "), found);
}

/** A watch stream that only counts, on a connection of its own. */
async function countingStream(
  world: AttackWorld,
  seen: (response: Message, count: number) => boolean,
): Promise<{
  readonly send: (request: Message) => void;
  readonly done: Promise<string>;
  close(): void;
}> {
  const connection = await FastConnection.open(world.server.port);
  let count = 0;
  let resolve: (how: string) => void = () => {};
  const done = new Promise<string>((settle) => (resolve = settle));
  const stream = connection.stream("/etcdserverpb.Watch/Watch", {
    message: (bytes) => {
      if (seen(decodeMessage("WatchResponse", bytes), ++count)) resolve("kept");
    },
    ended: ({ code }) => resolve(`ended with code ${code}`),
  });
  return {
    send: (request) => stream.send(encodeMessage("WatchRequest", request)),
    done,
    close: () => connection.close(),
  };
}

async function manyWatches(world: AttackWorld): Promise<Outcome> {
  let refused = 0;
  const reasons = new Set<string>();
  const over = 100;
  const stream = await countingStream(world, (response, count) => {
    if (response["canceled"] === true) {
      refused++;
      reasons.add(String(response["cancel_reason"]));
    }
    // A refused create is answered as created and canceled, in one response or in two.
    return count >= WATCHERS_MAX + over && refused >= over;
  });
  for (let i = 0; i < WATCHERS_MAX + over; i++) {
    stream.send({ create_request: { key: bytesOf(`w${i}`) } });
    // The kernel and the server get their turn.
    if (i % 5_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const kept = await stream.done;
  stream.close();
  return outcomeOf(
    `${WATCHERS_MAX + over} creates on a stream`,
    `${refused} refused: ${[...reasons].join()}; stream ${kept}`,
    [finding("stream", kept, "kept"), finding("refused", refused, over)],
  );
}

async function idSpam(world: AttackWorld): Promise<Outcome> {
  const count = 10_000;
  let duplicates = 0;
  const stream = await countingStream(world, (response) => {
    if (String(response["cancel_reason"] ?? "").includes("duplicate")) duplicates++;
    // The answer to the progress request that is sent last.
    return duplicates === count && response["watch_id"] === -1 && response["canceled"] !== true;
  });
  const create = { create_request: { key: bytesOf("w"), watch_id: 7 } };
  stream.send(create);
  for (let i = 0; i < count; i++) {
    stream.send(create);
    stream.send({ cancel_request: { watch_id: 1_000 + i } });
  }
  stream.send({ progress_request: {} });
  const kept = await stream.done;
  stream.close();
  const sent = `${count} creates of one id, ${count} cancels of none`;
  return outcomeOf(sent, `${duplicates} refused; stream ${kept}`, [
    finding("stream", kept, "kept"),
  ]);
}

async function fillMegabytes(world: AttackWorld): Promise<void> {
  const value = Buffer.alloc(1_000_000, 1);
  for (let i = 0; i < world.sizes.megabytes; i++) {
    await world.rpc.call("Put", { key: bytesOf(`large/${i}`), value });
  }
}

async function wholeRanges(world: AttackWorld): Promise<Outcome> {
  const request = encodeMessage("RangeRequest", {
    key: bytesOf("large/"),
    range_end: bytesOf("large0"),
  });
  const { path } = methodFact("Range");
  const answers = await Promise.all(Array.from({ length: 4 }, () => world.rpc.raw(path, request)));
  const least = world.sizes.megabytes * 1_000_000;
  const whole = answers.filter(({ bytes }) => (bytes?.length ?? 0) >= least).length;
  const codes = answers.map(({ code }) => code).join(" ");
  return outcomeOf(`4 ranges of ${world.sizes.megabytes} MB`, `${whole} whole`, [
    finding(`whole of codes ${codes}`, whole, 4),
  ]);
}

/** Writes `count` keys with a prefix, 128 a txn, some txns at a time. */
async function fillKeys(world: AttackWorld, prefix: string, rest: Message = {}): Promise<void> {
  const txns: Message[] = [];
  for (let i = 0; i < world.sizes.keys; i += OPS_MAX) {
    const ops = Array.from({ length: Math.min(OPS_MAX, world.sizes.keys - i) }, (_, k) => ({
      request_put: { key: bytesOf(`${prefix}${i + k}`), value: bytesOf("v"), ...rest },
    }));
    txns.push({ success: ops });
  }
  for (let i = 0; i < txns.length; i += 16) {
    const answers = await Promise.all(
      txns.slice(i, i + 16).map((txn) => world.rpc.call("Txn", txn)),
    );
    const failed = answers.find(({ code }) => code !== 0);
    if (failed !== undefined) throw new Error(`keys cannot be written: ${failed.text}`);
  }
}

async function deleteAll(world: AttackWorld): Promise<Outcome> {
  const answer = await world.rpc.call("DeleteRange", {
    key: bytesOf("dear/"),
    range_end: bytesOf("dear0"),
  });
  const deleted = answer.message?.["deleted"];
  return outcomeOf(`delete of ${world.sizes.keys} keys`, `${deleted} deleted`, [
    finding(`deleted (code ${answer.code})`, deleted, world.sizes.keys),
  ]);
}

async function compactAll(world: AttackWorld): Promise<Outcome> {
  const head = await world.rpc.call("Range", { key: bytesOf("none") });
  const revision = (head.message?.["header"] as Message | undefined)?.["revision"] ?? 0;
  const answer = await world.rpc.call("Compact", { revision, physical: true });
  return outcomeOf(`compaction of ${String(revision)} revisions`, "done", [
    finding("code", answer.code, 0),
  ]);
}

async function revokeAll(world: AttackWorld): Promise<Outcome> {
  const answer = await world.rpc.call("LeaseRevoke", { ID: 4711 });
  const left = await world.rpc.call("Range", {
    key: bytesOf("leased/"),
    range_end: bytesOf("leased0"),
    count_only: true,
  });
  return outcomeOf(`revoke of a lease with ${world.sizes.keys} keys`, "all gone", [
    finding("code", answer.code, 0),
    finding("left", left.message?.["count"] ?? 0, 0),
  ]);
}

const ODD_KEYS: readonly Buffer[] = [
  bytesOf("__proto__"),
  bytesOf("constructor"),
  bytesOf("toString"),
  bytesOf("a\0b"),
  Buffer.from("ff00fe", "hex"),
  Buffer.from("c0af", "hex"),
  // A lone surrogate, as if it could be UTF-8.
  Buffer.from("eda080", "hex"),
];

async function oddKeys(world: AttackWorld): Promise<Outcome> {
  const found: Finding[] = [];
  for (const key of ODD_KEYS) {
    const name = JSON.stringify(key.toString("latin1"));
    await world.rpc.call("Put", { key, value: key });
    const read = await world.rpc.call("Range", { key });
    const kvs = (read.message?.["kvs"] ?? []) as Message[];
    found.push(
      finding(name, Buffer.from((kvs[0]?.["value"] ?? []) as Uint8Array).equals(key), true),
    );
    const json = await askGateway(world, "/v3/kv/range", { key: key.toString("base64") });
    const told = (json as { kvs?: { value?: string }[] }).kvs?.[0]?.value;
    found.push(finding(`${name} as JSON`, told, key.toString("base64")));
  }
  const odd = `{"__proto__": {"polluted": 1}, "constructor": 2, "key": "YQ==", "value": "Yg=="}`;
  await askGateway(world, "/v3/kv/put", odd);
  const health = await askGateway(world, "/v3/maintenance/status", {});
  found.push(finding("field out of nothing", "polluted" in Object(health), false));
  return outcomeOf(`${ODD_KEYS.length} odd keys by gRPC and JSON`, "equal bytes", found);
}

async function askGateway(world: AttackWorld, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${world.server.port}${path}`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: world.rpc.token === undefined ? {} : { authorization: world.rpc.token },
  });
  return JSON.parse(await response.text()) as unknown;
}

async function edgeNumbers(world: AttackWorld): Promise<Outcome> {
  const found: Finding[] = [];
  const expectCode = async (name: string, request: Message, code: number): Promise<Answer> => {
    const answer = await world.rpc.call(name, request);
    const what = Object.entries(request).map(([key, value]) => `${key}=${String(value)}`);
    found.push(finding(`${name} ${what.join(" ")}`, answer.code, code));
    return answer;
  };
  const anyId = await expectCode("LeaseGrant", { TTL: 60, ID: 0 }, 0);
  found.push(finding("an id was made", (anyId.message?.["ID"] ?? 0) !== 0, true));
  for (const ID of [-1n, INT64_MAX]) {
    const granted = await expectCode("LeaseGrant", { TTL: 60, ID }, 0);
    found.push(finding("id", BigInt(Number(granted.message?.["ID"] ?? 0)), BigInt(Number(ID))));
    await expectCode("LeaseRevoke", { ID }, 0);
  }
  for (const TTL of [0, -1]) await expectCode("LeaseGrant", { TTL }, 0);
  for (const TTL of [9_000_000_001, INT64_MAX]) await expectCode("LeaseGrant", { TTL }, 11);
  const revision = 2n ** 53n + 1n;
  await expectCode("Range", { key: bytesOf("a"), revision }, 11);
  await expectCode("Compact", { revision }, 11);
  return outcomeOf(`${found.length} edges of leases and revisions`, "as etcd", found);
}

export const REQUEST_ATTACKS: readonly Attack[] = [
  { row: "8", name: "deep and long txns", isRepeatable: true, run: deepTxns },
  { row: "9a", name: "watches without end", run: manyWatches },
  { row: "9b", name: "watch ids", isRepeatable: true, run: idSpam },
  {
    row: "10",
    name: "range of everything",
    prepare: fillMegabytes,
    isRepeatable: true,
    run: wholeRanges,
  },
  {
    row: "11a",
    name: "delete of a prefix",
    prepare: (world) => fillKeys(world, "dear/"),
    run: deleteAll,
  },
  { row: "11b", name: "compaction", run: compactAll },
  {
    row: "11c",
    name: "lease with many keys",
    prepare: async (world): Promise<void> => {
      await world.rpc.call("LeaseGrant", { TTL: 3_600, ID: 4711 });
      await fillKeys(world, "leased/", { lease: 4711 });
    },
    run: revokeAll,
  },
  { row: "12", name: "odd keys", isRepeatable: true, run: oddKeys },
  { row: "13", name: "edges of numbers", isRepeatable: true, run: edgeNumbers },
];
