import { afterAll, beforeAll, describe, test } from "vitest";
import { DummyServer } from "./dummy-server.ts";
import { FrameType, ErrorCode, Flag, headersFrame, pingFrame } from "./frames.ts";
import { block, type Field } from "./hpack.ts";
import { type Address, type Frame, RawClient } from "./raw-client.ts";

/** One rule of the protocol: what the client does, and what must come of it. */
export interface Case {
  readonly name: string;
  run(client: RawClient, address: Address): Promise<void>;
  /** When true the test opens the connection itself. */
  readonly bare?: boolean;
}

export const GET: readonly Field[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "localhost"],
];
export const POST: readonly Field[] = [[":method", "POST"], ...GET.slice(1)];

/** A whole request without a body. */
export function get(streamId: number, extra: readonly Field[] = []): Buffer {
  return headersFrame(streamId, block([...GET, ...extra]), { end: true });
}

/** The head of a request whose body is still to come. */
export function post(streamId: number, extra: readonly Field[] = []): Buffer {
  return headersFrame(streamId, block([...POST, ...extra]));
}

/**
 * Declares one test per case, all against one server. `HTTP2_TARGET=host:port` runs them against
 * any other server, which may end a connection without saying why (section 5.4.1 only asks for it).
 */
export function conformance(section: string, cases: readonly Case[]): void {
  describe(section, () => {
    let server: DummyServer | undefined;
    let address: Address;
    beforeAll(async () => {
      if (TARGET === undefined) server = await DummyServer.start({ maxConcurrentStreams: 100 });
      address = server?.address ?? TARGET ?? { host: "", port: 0 };
    });
    afterAll(async () => await server?.stop());
    for (const { name, run, bare } of cases) {
      test(name, async () => {
        const client = await (bare === true ? RawClient.bare(address) : RawClient.open(address));
        try {
          await run(client, address);
        } finally {
          client.destroy();
        }
      });
    }
  });
}

const TARGET: Address | undefined = parseTarget(process.env["HTTP2_TARGET"]);

function parseTarget(value: string | undefined): Address | undefined {
  if (value === undefined) return undefined;
  const [host, port] = value.split(":");
  return { host: host ?? "127.0.0.1", port: Number(port) };
}

export function codeName(code: number): string {
  return Object.entries(ErrorCode).find(([, known]) => known === code)?.[0] ?? String(code);
}

function names(codes: readonly number[]): string {
  return codes.map(codeName).join(" or ");
}

function goawayCode(frame: Frame): number {
  return frame.payload.readUInt32BE(4);
}

/**
 * The whole connection ends: GOAWAY with one of the codes, then the socket closes (5.4.1). Another
 * server may also just close it.
 */
export async function connectionError(
  client: RawClient,
  ...codes: readonly number[]
): Promise<void> {
  const goaway = await client.nextOrClose(
    `GOAWAY with ${names(codes)}`,
    (frame) => frame.type === FrameType.goaway && isExpected(goawayCode(frame), codes),
  );
  if (TARGET !== undefined) return;
  if (goaway === undefined) throw new Error(`closed without GOAWAY of ${names(codes)}`);
  await client.closed();
}

/**
 * One stream ends: RST_STREAM with one of the codes. An endpoint may treat a stream error as one of
 * the connection (5.4.2), so GOAWAY with one of the codes is right too.
 */
export async function streamError(
  client: RawClient,
  streamId: number,
  ...codes: readonly number[]
): Promise<void> {
  const end = await client.nextOrClose(
    `RST_STREAM of ${streamId} with ${names(codes)}`,
    (frame) =>
      (frame.type === FrameType.goaway && isExpected(goawayCode(frame), codes)) ||
      (isReset(frame, streamId) && isExpected(frame.payload.readUInt32BE(0), codes)),
  );
  if (end === undefined && TARGET === undefined) throw new Error(`closed without ${names(codes)}`);
}

/** Our own server must give the right code at once; others may take a second try. */
function isExpected(code: number, codes: readonly number[]): boolean {
  if (codes.includes(code)) return true;
  if (TARGET !== undefined) return false;
  throw new Error(`${codeName(code)}, not ${names(codes)}`);
}

function isReset(frame: Frame, streamId: number): boolean {
  return frame.type === FrameType.rstStream && frame.streamId === streamId;
}

/** The request was understood: a response head came. */
export async function answered(client: RawClient, streamId: number): Promise<Frame> {
  return await client.next(
    `response HEADERS on stream ${streamId}`,
    (frame) => frame.type === FrameType.headers && frame.streamId === streamId,
  );
}

/** The server has ended the stream. */
export async function ended(client: RawClient, streamId: number): Promise<Frame> {
  return await client.ended(streamId);
}

export async function nextData(client: RawClient, streamId: number): Promise<Frame> {
  return await client.next(
    `DATA on stream ${streamId}`,
    (frame) => frame.type === FrameType.data && frame.streamId === streamId,
  );
}

export async function pong(client: RawClient, opaque: Uint8Array): Promise<void> {
  await client.next(
    "PING with ACK and the same eight bytes",
    (frame) => isPong(frame) && frame.payload.equals(opaque),
  );
}

function isPong(frame: Frame): boolean {
  return frame.type === FrameType.ping && (frame.flags & Flag.ack) !== 0;
}

/** The connection is still in use: it answers a PING, and says no GOAWAY before that. */
export async function alive(client: RawClient): Promise<void> {
  const opaque = Buffer.from("alive?\0\0");
  client.send(pingFrame(opaque));
  const answer = await client.next(
    "PING with ACK",
    (frame) => frame.type === FrameType.goaway || isPong(frame),
  );
  if (answer.type === FrameType.goaway) {
    throw new Error(`GOAWAY with ${codeName(goawayCode(answer))} instead of a PING answer`);
  }
}

/** The connection is alive, or was closed in peace. */
export async function aliveOrClosed(client: RawClient): Promise<void> {
  client.send(pingFrame(Buffer.from("or not?\0")));
  await client.nextOrClose("PING with ACK or the end", isPong);
}
