import { dataFrame, FrameType, headersFrame, PREFACE } from "../http2/frames.ts";
import { grpcFields, openCall } from "../http2/grpc.ts";
import { block } from "../http2/hpack.ts";
import { RawClient } from "../http2/raw-client.ts";
import { type Attack, type AttackWorld, type Outcome, outcomeOf, finding } from "./attack.ts";

const PUT = "/etcdserverpb.KV/Put";
/** What the server may be late by, on a machine that has more to do. */
const GRACE_MS = 3_000;

interface Patience {
  /** Sooner, the server closed for another reason than its patience. */
  readonly fromMs: number;
  readonly withinMs: number;
  /** Whether settings are exchanged before. */
  readonly isOpened?: boolean;
}

/** Connections that each say the same and then no more: all have to be closed in time. */
async function silence(
  world: AttackWorld,
  said: Buffer,
  { fromMs, withinMs, isOpened = false }: Patience,
): Promise<Outcome> {
  const address = { host: "127.0.0.1", port: world.server.port };
  const count = 200;
  const clients = await Promise.all(
    Array.from({ length: count }, () =>
      isOpened ? RawClient.open(address) : RawClient.bare(address),
    ),
  );
  for (const client of clients) client.send(said);
  const from = performance.now();
  const closed = await Promise.all(
    clients.map((client) =>
      client.closed(withinMs + GRACE_MS).then(
        () => true,
        () => false,
      ),
    ),
  );
  for (const client of clients) client.destroy();
  const open = closed.filter((isClosed) => !isClosed).length;
  const tookMs = performance.now() - from;
  const seconds = (tookMs / 1000).toFixed(1);
  return outcomeOf(`${count} connections, ${said.length} bytes each`, `closed, ${seconds} s`, [
    finding("still open", open, 0),
    finding(`closed too soon, ${seconds} s`, tookMs >= fromMs, true),
  ]);
}

/** Unary calls whose body never ends: each is ended, and the connection stays. */
async function endlessBodies(world: AttackWorld): Promise<Outcome> {
  const client = await RawClient.open({ host: "127.0.0.1", port: world.server.port });
  const count = 100;
  for (let i = 0; i < count; i++) {
    client.send(openCall(i * 2 + 1, PUT), dataFrame(i * 2 + 1, Buffer.alloc(3)));
  }
  let ended = 0;
  const from = performance.now();
  await client.next(
    "the end of every call",
    ({ type }) => {
      if (type === FrameType.rstStream) ended++;
      return ended === count;
    },
    30_000 + GRACE_MS,
  );
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  const isOpen = !client.isClosed;
  client.destroy();
  return outcomeOf(`${count} calls with half a prefix`, `all reset, ${seconds} s`, [
    finding("connection stays", isOpen, true),
  ]);
}

const halfBlock = headersFrame(1, block(grpcFields(PUT)), { endHeaders: false });

/** Half a request of HTTP/1.1; it has as long as a unary body of gRPC. */
const halfRequest = Buffer.from("GET /health HTTP/1.1\r\nHost: 127.0");

/** All at the same time, because the server's patience is what each of them takes. */
async function slowClients(world: AttackWorld): Promise<Outcome> {
  const parts = await Promise.all([
    silence(world, PREFACE.subarray(0, 12), { fromMs: 4_000, withinMs: 5_000 }),
    silence(world, halfBlock, { fromMs: 9_000, withinMs: 10_000, isOpened: true }),
    silence(world, halfRequest, { fromMs: 25_000, withinMs: 30_000 }),
    endlessBodies(world),
  ]);
  return {
    sent: "half prefaces, header blocks, HTTP/1.1 requests (200 each), 100 half bodies",
    did: parts.map(({ did }) => did).join("; "),
    isRequired: parts.every(({ isRequired }) => isRequired),
  };
}

/**
 * Keeps a core busy and sends nothing: what a healthy client loses by it is no work of the server's,
 * and the other rows are to be read beside it.
 */
async function busyNeighbour(): Promise<Outcome> {
  const turns = 20;
  for (let i = 0; i < turns; i++) {
    const from = performance.now();
    while (performance.now() - from < 1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { sent: "nothing", did: "nothing", isRequired: true };
}

export const NO_ATTACK: Attack = {
  row: "0",
  name: "a busy core",
  isRepeatable: true,
  run: busyNeighbour,
};

/** Clients that are slow on purpose: half a minute. */
export const SLOW_ATTACKS: readonly Attack[] = [
  { row: "6", name: "slow clients", run: slowClients },
];
