import { SeededRandom } from "../support/random.ts";
import { type Answer, RpcClient, methodFact } from "../support/rpc-client.ts";
import { type ServerKind, TestServer } from "../support/servers.ts";
import { printMessage } from "../support/text-format.ts";
import type { Message } from "../support/wire-codec.ts";
import { comparable, RandomAdmin } from "./random-admin.ts";
import { type RandomCall, RandomRequests } from "./random-requests.ts";

export interface DifferentialOptions {
  readonly left: ServerKind;
  readonly right: ServerKind;
  readonly seed: number;
  readonly calls: number;
  /** HashKV is compared after every so many calls. */
  readonly hashEvery: number;
}

export interface DifferentialReport {
  readonly calls: number;
  /** Answers by gRPC code: a run in which nothing succeeds proves nothing. */
  readonly codes: Readonly<Record<number, number>>;
  readonly hashesCompared: number;
  /** The first difference in words; the run ends there. */
  readonly difference: string | undefined;
}

/** The same random calls to two servers, in the same order: codes, texts and payloads must agree. */
export async function runDifferential(options: DifferentialOptions): Promise<DifferentialReport> {
  const servers = await Promise.all([
    TestServer.start(options.left),
    TestServer.start(options.right),
  ]);
  const clients = servers.map((server) => new RpcClient(server.endpoint));
  try {
    return await compare(options, clients);
  } finally {
    for (const client of clients) client.close();
    for (const server of servers) await server.dispose();
  }
}

async function compare(
  { left, right, seed, calls, hashEvery }: DifferentialOptions,
  clients: readonly RpcClient[],
): Promise<DifferentialReport> {
  const random = new SeededRandom(seed);
  const requests = new RandomRequests(random);
  const admin = new RandomAdmin(random, right);
  const codes: Record<number, number> = {};
  let revision = 1;
  let compacted = 0;
  let hashesCompared = 0;
  for (let i = 0; i < calls; i++) {
    const call = nextCall(random, requests, admin, { revision, compacted });
    const answers = await Promise.all(
      clients.map((client) => client.call(call.method, call.request)),
    );
    const [first, second] = answers;
    if (first === undefined || second === undefined) throw new Error("there are two clients");
    codes[first.code] = (codes[first.code] ?? 0) + 1;
    const report = (what: readonly string[]): DifferentialReport => ({
      calls: i,
      codes,
      hashesCompared,
      difference: [`seed ${seed}, call ${i}: ${shown(call)}`, ...what].join("\n"),
    });
    const texts = answers.map((answer) => printed(call, answer));
    if (texts[0] !== texts[1]) return report([`${left}: ${texts[0]}`, `${right}: ${texts[1]}`]);
    revision = Math.max(revision, headerRevision(first));
    if (call.method === "Compact" && first.code === 0) {
      compacted = Number(call.request["revision"] ?? 0);
    }
    if (i % hashEvery !== hashEvery - 1) continue;
    // At a revision that was compacted to, etcd 3.5 answers a hash from before that compaction; and
    // because revision 0 can be compacted to, it must be asked for the present one by number (K70).
    if (revision === compacted || !(await hasOlderKey(clients, revision))) continue;
    const hashes = await Promise.all(clients.map((client) => client.call("HashKV", { revision })));
    const pairs = hashes.map(
      ({ message }) => `${message?.["hash"]} ${message?.["compact_revision"]}`,
    );
    if (pairs[0] !== pairs[1]) return report([`HashKV differs: ${pairs.join(" and ")}`]);
    hashesCompared++;
  }
  return { calls, codes, hashesCompared, difference: undefined };
}

/** One call in five is not about keys. */
function nextCall(
  random: SeededRandom,
  requests: RandomRequests,
  admin: RandomAdmin,
  { revision, compacted }: { readonly revision: number; readonly compacted: number },
): RandomCall {
  const due = admin.due();
  if (due !== undefined) return due;
  for (;;) {
    const call = random.chance(0.2) ? admin.next() : requests.next(revision, compacted);
    if (admin.allows(call)) return call;
  }
}

/**
 * With no key alive but those of the newest revision, etcd's HashKV hashes records that it otherwise
 * leaves out, and its versions do not agree on which (K70, V3).
 */
async function hasOlderKey(clients: readonly RpcClient[], revision: number): Promise<boolean> {
  const all = Buffer.from([0]);
  const request = { key: all, range_end: all, max_mod_revision: Math.max(1, revision - 1) };
  const answer = await clients[0]?.call("Range", request);
  return answer?.message?.["kvs"] !== undefined;
}

function headerRevision(answer: Answer): number {
  const header = answer.message?.["header"] as Message | undefined;
  return Number(header?.["revision"] ?? 0);
}

function shown(call: RandomCall): string {
  return `${call.method} ${printMessage(methodFact(call.method).request, call.request)}`;
}

function printed(call: RandomCall, answer: Answer): string {
  if (answer.message === undefined) return `error ${answer.code} ${answer.text}`;
  const type = methodFact(call.method).response;
  sortTies(call.request, answer.message);
  return printMessage(type, comparable(call.method, answer.message));
}

/**
 * etcd leaves the order of equal keys open where something else is sorted by (K13, D10): compared
 * is then what was sorted by, and which keys came only when none was cut off. A txn's responses are
 * treated like the requests they answer.
 */
function sortTies(request: Message, response: Message): void {
  for (const [list, wanted] of [
    ["success", true],
    ["failure", false],
  ] as const) {
    if (!("responses" in response) || (response["succeeded"] === true) !== wanted) continue;
    const ops = (request[list] as Message[] | undefined) ?? [];
    (response["responses"] as Message[]).forEach((one, i) => {
      const op = ops[i] ?? {};
      if ("response_range" in one) {
        sortTies(op["request_range"] as Message, one["response_range"] as Message);
      }
      if ("response_txn" in one) {
        sortTies(op["request_txn"] as Message, one["response_txn"] as Message);
      }
    });
  }
  const target = Number(request["sort_target"] ?? 0);
  const field = [undefined, "version", "create_revision", "mod_revision", "value"][target];
  if (field === undefined || !("kvs" in response)) return;
  const kvs = response["kvs"] as Message[];
  if (response["more"] === true) {
    // keys_only has taken away what VALUE sorts by: then only their number can be compared.
    response["kvs"] = kvs.map((kv) => (field in kv ? { [field]: kv[field] as number } : {}));
    return;
  }
  const keyOf = (kv: Message): string => Buffer.from(kv["key"] as Uint8Array).toString("latin1");
  if (field === "value" && request["keys_only"] === true) {
    response["kvs"] = kvs.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    return;
  }
  const rank = (kv: Message): string => {
    const value = kv[field];
    return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value ?? 0);
  };
  const groups = new Map<string, Message[]>();
  for (const kv of kvs) groups.set(rank(kv), [...(groups.get(rank(kv)) ?? []), kv]);
  response["kvs"] = [...groups.values()].flatMap((group) =>
    group.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
  );
}
