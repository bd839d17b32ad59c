import {
  continuationFrame,
  dataFrame,
  ErrorCode,
  FrameType,
  headersFrame,
  pingFrame,
  priorityFrame,
  rstStreamFrame,
  Setting,
  settingsFrame,
  windowUpdateFrame,
} from "../http2/frames.ts";
import { answer, grpcFields, openCall, unaryCall } from "../http2/grpc.ts";
import { block, FIRST_DYNAMIC, indexed, literal } from "../http2/hpack.ts";
import { RawClient } from "../http2/raw-client.ts";
import { residentBytes } from "../support/servers.ts";
import { encodeMessage } from "../support/wire-codec.ts";
import { type Attack, type AttackWorld, finding, type Outcome, outcomeOf } from "./attack.ts";

const WATCH = "/etcdserverpb.Watch/Watch";
const PUT = "/etcdserverpb.KV/Put";
const BURST_FRAMES = 200;
/** A server that takes so many frames of one kind has no bound. */
const FRAMES_MAX = 40_000;

/** What answers that nobody reads may cost: a quarter of the least that is asked for. */
const UNREAD_BYTES_MAX = 256 * 1024 * 1024;

interface Flood {
  readonly row: string;
  readonly name: string;
  /** Frames sent once, before the flood. */
  readonly start?: Buffer;
  frame(i: number): Buffer;
  /** What GOAWAY says in words; any when absent. */
  readonly text?: string;
}

export function openRaw(
  world: AttackWorld,
  ...settings: readonly (readonly [number, number])[]
): Promise<RawClient> {
  return RawClient.open({ host: "127.0.0.1", port: world.server.port }, ...settings);
}

export const streamOf = (i: number): number => i * 2 + 1;

function codeName(code: number): string {
  return Object.entries(ErrorCode).find(([, known]) => known === code)?.[0] ?? String(code);
}

/** Sends frames until the server ends the connection, which it has to do by ENHANCE_YOUR_CALM. */
async function flood(world: AttackWorld, { name, ...what }: Flood): Promise<Outcome> {
  const client = await openRaw(world);
  const isGoaway = ({ type }: { type: number }): boolean => type === FrameType.goaway;
  client.send(what.start ?? Buffer.alloc(0));
  let sent = 0;
  while (sent < FRAMES_MAX && !client.isClosed && !client.received.some(isGoaway)) {
    const burst: Buffer[] = [];
    for (let i = 0; i < BURST_FRAMES; i++) burst.push(what.frame(sent++));
    await client.flood(Buffer.concat(burst));
    // What the server says about it is read before more is sent.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const told = `${sent} x ${name}`;
  const from = performance.now();
  const isClosed = await client.closed(5_000).then(
    () => true,
    () => false,
  );
  const closedMs = performance.now() - from;
  const goaway = client.received.find(isGoaway)?.payload;
  const code = goaway === undefined ? "no GOAWAY" : codeName(goaway.readUInt32BE(4));
  const text = goaway?.subarray(8).toString() ?? "";
  client.destroy();
  return outcomeOf(told, `GOAWAY ${code}, closed after ${Math.round(closedMs)} ms`, [
    finding("closed", isClosed, true),
    finding("code", code, "enhanceYourCalm"),
    finding("text", what.text === undefined || text === what.text, true),
  ]);
}

const endless = headersFrame(1, block(grpcFields(WATCH)), { endHeaders: false });

const FLOODS: readonly Flood[] = [
  {
    row: "1a",
    name: "open and reset",
    frame: (i) =>
      Buffer.concat([openCall(streamOf(i), WATCH), rstStreamFrame(streamOf(i), ErrorCode.cancel)]),
  },
  {
    row: "1b",
    name: "open and make the server reset",
    frame: (i) => Buffer.concat([openCall(streamOf(i), WATCH), windowUpdateFrame(streamOf(i), 0)]),
  },
  {
    row: "2a",
    name: "CONTINUATION",
    start: endless,
    frame: (i) => continuationFrame(1, literal("incremental", `x-${i}`, "v".repeat(900)), false),
  },
  {
    row: "2b",
    name: "empty CONTINUATION",
    start: endless,
    frame: () => continuationFrame(1, Buffer.alloc(0), false),
  },
  { row: "3a", name: "PING", frame: () => pingFrame(), text: "too_many_pings" },
  { row: "3b", name: "SETTINGS", frame: () => settingsFrame([Setting.initialWindowSize, 65_535]) },
  { row: "3c", name: "PRIORITY", frame: (i) => priorityFrame(streamOf(i), { dependsOn: 0 }) },
  {
    row: "3d",
    name: "empty DATA",
    start: openCall(1, WATCH),
    frame: () => dataFrame(1, Buffer.alloc(0)),
  },
  { row: "3e", name: "WINDOW_UPDATE", frame: () => windowUpdateFrame(0, 1) },
];

/** A block of references to one long field: small on the wire, 47 MB once unfolded. */
async function headerBomb(world: AttackWorld): Promise<Outcome> {
  const client = await openRaw(world);
  const fields = block(grpcFields(WATCH));
  const long = literal("incremental", "x-long", "v".repeat(3900));
  client.send(headersFrame(1, Buffer.concat([fields, long])));
  const bomb = Buffer.concat([fields, ...Array<Buffer>(12_000).fill(indexed(FIRST_DYNAMIC))]);
  client.send(headersFrame(3, bomb));
  const end = await client.nextOrClose(
    "the end of the stream",
    ({ type, streamId }) =>
      type === FrameType.goaway || (type === FrameType.rstStream && streamId === 3),
  );
  client.destroy();
  const reset = end?.type === FrameType.rstStream ? end.payload.readUInt32BE(0) : undefined;
  const did = reset === undefined ? "connection ended" : `RST_STREAM ${codeName(reset)}`;
  return { sent: "12,000 references to 3.9 kB", did, isRequired: true };
}

async function manyStreams(world: AttackWorld): Promise<Outcome> {
  const client = await openRaw(world);
  const limit = client.settings.get(Setting.maxConcurrentStreams) ?? Number.POSITIVE_INFINITY;
  let sent = 0;
  const over = limit + 100;
  while (sent < over) {
    const burst: Buffer[] = [];
    for (let i = 0; i < 50; i++) burst.push(openCall(streamOf(sent++), WATCH));
    await client.flood(Buffer.concat(burst));
  }
  const last = streamOf(sent - 1);
  const end = await client.next("RST_STREAM of the last", ({ type, streamId }) => {
    return type === FrameType.rstStream && streamId === last;
  });
  const refused = client.received.filter(({ type }) => type === FrameType.rstStream).length;
  client.destroy();
  const code = codeName(end.payload.readUInt32BE(0));
  return outcomeOf(`${sent} open streams`, `${refused} x RST_STREAM ${code}`, [
    finding("refused", refused, sent - limit),
    finding("code", code, "refusedStream"),
  ]);
}

/** Asks for answers of a megabyte that it never lets come. */
async function unreadAnswers(world: AttackWorld): Promise<Outcome> {
  const { pid } = world.server;
  const before = residentBytes(pid);
  const client = await openRaw(world, [Setting.initialWindowSize, 0]);
  const range = encodeMessage("RangeRequest", { key: Buffer.from("unread") });
  for (let i = 0; i < world.sizes.streams; i++) {
    client.send(unaryCall(streamOf(i), "/etcdserverpb.KV/Range", range));
  }
  // Something that the client does read shows that the connection is not stuck.
  client.send(pingFrame(Buffer.from("are you?")));
  const end = await client.nextOrClose("the answer", ({ type, flags }) => {
    return type === FrameType.goaway || (type === FrameType.ping && flags === 1);
  });
  const grown = residentBytes(pid) - before;
  client.destroy();
  const did = end?.type === FrameType.ping ? "waits, memory bounded" : "connection ended";
  return outcomeOf(`${world.sizes.streams} ranges of 1 MB, window 0`, did, [
    finding(`grown by ${grown} bytes`, grown < UNREAD_BYTES_MAX, true),
  ]);
}

/** A watcher that reads nothing while others write, and then everything. */
async function unreadWatch(world: AttackWorld): Promise<Outcome> {
  const client = await openRaw(world, [Setting.initialWindowSize, 0]);
  const create = encodeMessage("WatchRequest", {
    create_request: { key: Buffer.from("slow") },
  });
  client.send(openCall(1, WATCH), dataFrame(1, messageOf(create)));
  const value = Buffer.alloc(10_000, 1);
  for (let i = 0; i < 500; i++) {
    const put = await world.rpc.call("Put", { key: Buffer.from("slow"), value });
    if (put.code !== 0) return { sent: "puts", did: put.text, isRequired: false };
  }
  let bytes = 0;
  const all = client.next("every event", ({ type, payload }) => {
    if (type === FrameType.data) bytes += payload.length;
    return bytes >= 500 * value.length;
  });
  client.send(settingsFrame([Setting.initialWindowSize, 2 ** 30]), windowUpdateFrame(0, 2 ** 30));
  await all;
  client.destroy();
  return {
    sent: "5 MB to a watch with window 0",
    did: "watcher parked, all came once it read",
    isRequired: true,
  };
}

function messageOf(bytes: Uint8Array, flag = 0, length: number = bytes.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** Prefixes that promise more than any message may have: answered before the rest could come. */
async function largeMessages(world: AttackWorld): Promise<Outcome> {
  const client = await openRaw(world);
  const promise = (length: number, flag = 0): Buffer => messageOf(Buffer.alloc(0), flag, length);
  const gzip = openCall(7, PUT, [["grpc-encoding", "gzip"]]);
  client.send(openCall(1, PUT), dataFrame(1, promise(2 * 1024 * 1024 + 1)));
  client.send(openCall(3, PUT), dataFrame(3, promise(2 ** 32 - 1)));
  client.send(openCall(5, WATCH), dataFrame(5, promise(2 ** 32 - 1)));
  client.send(gzip, dataFrame(7, messageOf(Buffer.alloc(100), 1), true));
  client.send(openCall(9, PUT), dataFrame(9, messageOf(Buffer.alloc(100), 1), true));
  const ends = await Promise.all([1, 3, 5, 7, 9].map((stream) => answer(client, stream)));
  client.destroy();
  const codes = ends.map(({ status }) => status).join(" ");
  return outcomeOf("2 MiB + 1, 4 GiB (2), gzip, flag without encoding", `codes ${codes}`, [
    finding("codes", codes, "8 8 8 12 13"),
  ]);
}

export const FRAME_ATTACKS: readonly Attack[] = [
  ...FLOODS.map((each) => ({
    row: each.row,
    name: each.name,
    isRepeatable: true,
    run: (world: AttackWorld): Promise<Outcome> => flood(world, each),
  })),
  { row: "4", name: "HPACK bomb", isRepeatable: true, run: headerBomb },
  { row: "5a", name: "open streams", isRepeatable: true, run: manyStreams },
  {
    row: "5b",
    name: "answers not read",
    isRepeatable: true,
    prepare: async (world): Promise<void> => {
      const value = Buffer.alloc(1_000_000, 1);
      await world.rpc.call("Put", { key: Buffer.from("unread"), value });
    },
    run: unreadAnswers,
  },
  { row: "5c", name: "watch not read", isRepeatable: true, run: unreadWatch },
  { row: "7", name: "large messages", isRepeatable: true, run: largeMessages },
];
