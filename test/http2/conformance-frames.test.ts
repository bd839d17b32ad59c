import { expect } from "vitest";
import {
  alive,
  answered,
  type Case,
  conformance,
  connectionError,
  GET,
  get,
  pong,
  post,
  POST,
  streamError,
} from "./conformance.ts";
import {
  continuationFrame,
  dataFrame,
  ErrorCode,
  Flag,
  frame,
  FrameType,
  headersFrame,
  pingFrame,
  PREFACE,
  priorityFrame,
  rstStreamFrame,
  Setting,
  settingsFrame,
} from "./frames.ts";
import { block, type Field } from "./hpack.ts";
import type { RawClient } from "./raw-client.ts";

const TEXT = Buffer.from("test");
const EIGHT = Buffer.alloc(8);
const { compressionError, frameSizeError, protocolError, refusedStream } = ErrorCode;

/** A field that makes a block longer, for the second part of one. */
const MORE = block([["x-more", "m".repeat(1000)]]);

function largestFrame(client: RawClient): number {
  return client.settings.get(Setting.maxFrameSize) ?? 16384;
}

/** Sends bytes that must end the connection with this code. */
function fatal(name: string, code: number, ...frames: readonly Uint8Array[]): Case {
  return {
    name,
    run: async (client) => {
      client.send(...frames);
      await connectionError(client, code);
    },
  };
}

conformance("RFC 9113 section 3.4: connection preface", [
  {
    name: "the server's first frame is SETTINGS",
    bare: true,
    run: async (client) => {
      client.send(PREFACE, settingsFrame([Setting.initialWindowSize, 65535]));
      const first = await client.next("a first frame", () => true);
      expect(first.type).toBe(FrameType.settings);
      expect(first.flags & Flag.ack).toBe(0);
    },
  },
  {
    name: "a preface of another protocol ends the connection",
    bare: true,
    run: async (client) => {
      client.send(Buffer.from("INVALID CONNECTION PREFACE\r\n\r\n"));
      await client.closed();
      expect(client.chunks).toEqual([]);
    },
  },
  {
    name: "a preface that turns wrong half way ends the connection",
    bare: true,
    run: async (client) => {
      client.send(Buffer.from("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"));
      await client.closed();
    },
  },
  {
    name: "a preface is followed by SETTINGS and nothing else",
    bare: true,
    run: async (client) => {
      client.send(PREFACE, get(1));
      await connectionError(client, protocolError);
    },
  },
  {
    name: "a preface that comes byte by byte is taken",
    bare: true,
    run: async (client) => {
      for (const byte of PREFACE) await client.flood(Uint8Array.of(byte));
      client.send(settingsFrame(), get(1));
      await answered(client, 1);
    },
  },
]);

const frameFormat: readonly Case[] = [
  {
    name: "a frame of an unknown type is ignored",
    run: async (client) => {
      client.send(frame(0x16, 0, 0, EIGHT));
      await alive(client);
    },
  },
  {
    name: "undefined flags are ignored",
    run: async (client) => {
      client.send(frame(FrameType.ping, 0x16, 0, Buffer.from("flagged!")));
      await pong(client, Buffer.from("flagged!"));
    },
  },
  {
    name: "the reserved bit of the stream is ignored",
    run: async (client) => {
      client.send(frame(FrameType.ping, 0, 0x80000000, Buffer.from("reserved")));
      await pong(client, Buffer.from("reserved"));
    },
  },
];
conformance("RFC 9113 section 4.1: frame format", frameFormat);

const frameSize: readonly Case[] = [
  {
    name: "DATA of 2^14 bytes is taken",
    run: async (client) => {
      client.send(post(1), dataFrame(1, Buffer.alloc(16384), true));
      await answered(client, 1);
    },
  },
  {
    name: "DATA above the largest frame is FRAME_SIZE_ERROR",
    run: async (client) => {
      client.send(post(1), dataFrame(1, Buffer.alloc(largestFrame(client) + 1), true));
      await streamError(client, 1, frameSizeError);
    },
  },
  {
    name: "HEADERS above the largest frame is FRAME_SIZE_ERROR of the connection",
    run: async (client) => {
      const padding = Buffer.alloc(largestFrame(client) + 1);
      client.send(headersFrame(1, Buffer.concat([block(GET), padding]), { end: true }));
      await connectionError(client, frameSizeError);
    },
  },
];
conformance("RFC 9113 section 4.2: frame size", frameSize);

const openBlock = headersFrame(1, block(GET), { endHeaders: false });
conformance("RFC 9113 section 4.3: field blocks", [
  fatal(
    "a block that cannot be decoded is COMPRESSION_ERROR",
    compressionError,
    frame(FrameType.headers, Flag.endHeaders | Flag.endStream, 1, Buffer.of(0x40)),
  ),
  fatal(
    "PRIORITY between the parts of a block",
    protocolError,
    openBlock,
    priorityFrame(1, { dependsOn: 0 }),
    continuationFrame(1, MORE, true),
  ),
  fatal(
    "HEADERS of another stream between the parts of a block",
    protocolError,
    openBlock,
    get(3),
    continuationFrame(1, MORE, true),
  ),
]);

conformance("RFC 9113 section 5.5: extensions", [
  {
    name: "an unknown frame between requests is ignored",
    run: async (client) => {
      client.send(frame(0x16, 0xff, 7, EIGHT), get(1));
      await answered(client, 1);
    },
  },
  fatal(
    "an unknown frame between the parts of a block is PROTOCOL_ERROR",
    protocolError,
    headersFrame(1, block(GET), { end: true, endHeaders: false }),
    frame(0x16, 0, 0, EIGHT),
  ),
]);

conformance("RFC 9113 section 6.1: DATA", [
  fatal("DATA on stream 0", protocolError, dataFrame(0, TEXT, true)),
  {
    name: "DATA on a stream that the client has ended is STREAM_CLOSED",
    run: async (client) => {
      const request = headersFrame(1, block(POST), { end: true });
      client.send(request, dataFrame(1, TEXT, true));
      await streamError(client, 1, ErrorCode.streamClosed);
    },
  },
  fatal(
    "padding as long as the payload",
    protocolError,
    post(1, [["content-length", "4"]]),
    frame(FrameType.data, Flag.padded | Flag.endStream, 1, Buffer.from("\x06Test")),
  ),
]);

const withPadLength = (padding: number): Buffer =>
  frame(
    FrameType.headers,
    Flag.padded | Flag.endHeaders | Flag.endStream,
    1,
    Buffer.concat([Buffer.of(padding), block(GET)]),
  );
conformance("RFC 9113 section 6.2: HEADERS", [
  fatal(
    "PRIORITY after HEADERS without END_HEADERS",
    protocolError,
    openBlock,
    priorityFrame(1, { dependsOn: 0 }),
  ),
  fatal(
    "HEADERS of another stream after HEADERS without END_HEADERS",
    protocolError,
    openBlock,
    get(3),
  ),
  fatal("HEADERS on stream 0", protocolError, get(0)),
  fatal("padding longer than the block", protocolError, withPadLength(block(GET).length + 1)),
]);

conformance("RFC 9113 section 6.3: PRIORITY", [
  fatal("PRIORITY on stream 0", protocolError, priorityFrame(0, { dependsOn: 0 })),
  {
    name: "PRIORITY of any length but five is FRAME_SIZE_ERROR of the stream",
    run: async (client) => {
      client.send(headersFrame(1, block(GET)));
      client.send(frame(FrameType.priority, 0, 1, Buffer.from([0x80, 0, 0, 1])));
      await streamError(client, 1, frameSizeError);
    },
  },
]);

conformance("RFC 9113 section 6.4: RST_STREAM", [
  fatal("RST_STREAM on stream 0", protocolError, rstStreamFrame(0, ErrorCode.cancel)),
  fatal("RST_STREAM on an idle stream", protocolError, rstStreamFrame(1, ErrorCode.cancel)),
  fatal(
    "RST_STREAM of any length but four",
    frameSizeError,
    post(1),
    frame(FrameType.rstStream, 0, 1, Buffer.alloc(3)),
  ),
]);

conformance("RFC 9113 section 6.5: SETTINGS", [
  fatal(
    "an ACK with a payload",
    frameSizeError,
    frame(FrameType.settings, Flag.ack, 0, Buffer.alloc(1)),
  ),
  fatal(
    "SETTINGS on a stream",
    protocolError,
    frame(FrameType.settings, 0, 1, Buffer.from([0, 3, 0, 0, 0, 100])),
  ),
  fatal(
    "a length that is no multiple of six",
    frameSizeError,
    frame(FrameType.settings, 0, 0, Buffer.from([0, 3, 0])),
  ),
]);

conformance("RFC 9113 section 6.5.2: defined settings", [
  fatal("ENABLE_PUSH above 1", protocolError, settingsFrame([Setting.enablePush, 2])),
  fatal(
    "INITIAL_WINDOW_SIZE above 2^31-1",
    ErrorCode.flowControlError,
    settingsFrame([Setting.initialWindowSize, 2 ** 31]),
  ),
  fatal("MAX_FRAME_SIZE below 2^14", protocolError, settingsFrame([Setting.maxFrameSize, 16383])),
  fatal(
    "MAX_FRAME_SIZE above 2^24-1",
    protocolError,
    settingsFrame([Setting.maxFrameSize, 2 ** 24]),
  ),
  {
    name: "an unknown setting is ignored",
    run: async (client) => {
      client.send(settingsFrame([0xff, 1]));
      await client.settingsAck();
      await alive(client);
    },
  },
]);

conformance("RFC 9113 section 6.7: PING", [
  {
    name: "PING is answered with the same bytes",
    run: async (client) => {
      client.send(pingFrame(Buffer.from("12345678")));
      await pong(client, Buffer.from("12345678"));
    },
  },
  {
    name: "PING with ACK is not answered",
    run: async (client) => {
      client.send(pingFrame(Buffer.from("an echo!"), true), pingFrame(Buffer.from("question")));
      await pong(client, Buffer.from("question"));
      const answers = client.received.filter(({ type }) => type === FrameType.ping);
      expect(answers).toHaveLength(1);
    },
  },
  fatal("PING on a stream", protocolError, frame(FrameType.ping, 0, 1, EIGHT)),
  fatal("PING of six bytes", frameSizeError, frame(FrameType.ping, 0, 0, Buffer.alloc(6))),
]);

conformance("RFC 9113 section 6.8: GOAWAY", [
  fatal("GOAWAY on a stream", protocolError, frame(FrameType.goaway, 0, 1, EIGHT)),
  fatal("GOAWAY shorter than eight bytes", frameSizeError, frame(FrameType.goaway, 0, 0, TEXT)),
]);

const part: readonly Field[] = [["x-part", "p".repeat(100)]];
const endedOpenBlock = headersFrame(1, block(GET), { end: true, endHeaders: false });
conformance("RFC 9113 section 6.10: CONTINUATION", [
  {
    name: "several CONTINUATIONs are one block",
    run: async (client) => {
      client.send(endedOpenBlock, continuationFrame(1, block(part), false));
      client.send(continuationFrame(1, block(part), true));
      await answered(client, 1);
    },
  },
  fatal(
    "DATA before the block is complete",
    protocolError,
    headersFrame(1, block(POST), { endHeaders: false }),
    continuationFrame(1, block(part), false),
    dataFrame(1, TEXT, true),
  ),
  fatal(
    "CONTINUATION on stream 0",
    protocolError,
    endedOpenBlock,
    continuationFrame(0, block(part), true),
  ),
  fatal(
    "CONTINUATION after HEADERS with END_HEADERS",
    protocolError,
    post(1),
    continuationFrame(1, block(part), true),
  ),
  fatal(
    "CONTINUATION after CONTINUATION with END_HEADERS",
    protocolError,
    headersFrame(1, block(POST), { endHeaders: false }),
    continuationFrame(1, block(part), true),
    continuationFrame(1, block(part), true),
  ),
  fatal(
    "CONTINUATION after DATA",
    protocolError,
    post(1),
    dataFrame(1, TEXT),
    continuationFrame(1, block(part), true),
  ),
]);

conformance("RFC 9113 section 5.1.2: stream concurrency", [
  {
    name: "a stream above the announced limit is refused, the others live",
    run: async (client) => {
      const limit = client.settings.get(Setting.maxConcurrentStreams);
      expect(limit).toBeDefined();
      client.send(settingsFrame([Setting.initialWindowSize, 0]));
      const requests: Buffer[] = [];
      for (let i = 0; i <= limit!; i++) requests.push(get(i * 2 + 1));
      client.send(...requests);
      await streamError(client, limit! * 2 + 1, protocolError, refusedStream);
      await answered(client, 1);
    },
  },
]);
