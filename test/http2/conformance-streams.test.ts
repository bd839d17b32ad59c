import { expect } from "vitest";
import {
  alive,
  type Case,
  conformance,
  connectionError,
  ended,
  GET,
  get,
  nextData,
  post,
  POST,
  streamError,
} from "./conformance.ts";
import {
  continuationFrame,
  dataFrame,
  ErrorCode,
  FrameType,
  frame,
  headersFrame,
  priorityFrame,
  rstStreamFrame,
  Setting,
  settingsFrame,
  windowUpdateFrame,
} from "./frames.ts";
import { block } from "./hpack.ts";

const TEXT = Buffer.from("test");
const { flowControlError, frameSizeError, protocolError, streamClosed } = ErrorCode;
const TRAILERS = block([["x-test", "ok"]]);
const endedPost = headersFrame(1, block(POST), { end: true });

const idle: readonly Case[] = [
  {
    name: "DATA is an error of the connection",
    run: async (client) => {
      client.send(dataFrame(1, TEXT, true));
      await connectionError(client, protocolError, streamClosed);
    },
  },
  {
    name: "RST_STREAM is PROTOCOL_ERROR",
    run: async (client) => {
      client.send(rstStreamFrame(1, ErrorCode.cancel));
      await connectionError(client, protocolError);
    },
  },
  {
    name: "WINDOW_UPDATE is PROTOCOL_ERROR",
    run: async (client) => {
      client.send(windowUpdateFrame(1, 100));
      await connectionError(client, protocolError);
    },
  },
  {
    name: "CONTINUATION is PROTOCOL_ERROR",
    run: async (client) => {
      client.send(continuationFrame(1, block(GET), true));
      await connectionError(client, protocolError);
    },
  },
];
conformance("RFC 9113 section 5.1: idle streams", idle);

/** The answer waits for a window, so the server has not ended the stream. */
const stayingPost = Buffer.concat([settingsFrame([Setting.initialWindowSize, 0]), endedPost]);

const halfClosed: readonly Case[] = [
  {
    name: "DATA is STREAM_CLOSED",
    run: async (client) => {
      client.send(stayingPost, dataFrame(1, TEXT, true));
      await streamError(client, 1, streamClosed);
    },
  },
  {
    name: "HEADERS is STREAM_CLOSED",
    run: async (client) => {
      client.send(stayingPost, endedPost);
      await streamError(client, 1, streamClosed);
    },
  },
  {
    name: "trailers are STREAM_CLOSED",
    run: async (client) => {
      client.send(stayingPost, headersFrame(1, TRAILERS, { end: true }));
      await streamError(client, 1, streamClosed);
    },
  },
  {
    name: "CONTINUATION is an error",
    run: async (client) => {
      client.send(stayingPost, continuationFrame(1, block(GET), true));
      await streamError(client, 1, streamClosed, protocolError);
    },
  },
];
conformance("RFC 9113 section 5.1: streams that the client has ended", halfClosed);

const reset: readonly Case[] = [
  {
    name: "DATA after RST_STREAM is STREAM_CLOSED",
    run: async (client) => {
      client.send(post(1), rstStreamFrame(1, ErrorCode.cancel), dataFrame(1, TEXT, true));
      await streamError(client, 1, streamClosed);
    },
  },
  {
    name: "HEADERS after RST_STREAM is STREAM_CLOSED",
    run: async (client) => {
      client.send(post(1), rstStreamFrame(1, ErrorCode.cancel), get(1));
      await streamError(client, 1, streamClosed);
    },
  },
  {
    name: "CONTINUATION after RST_STREAM is an error",
    run: async (client) => {
      client.send(post(1), rstStreamFrame(1, ErrorCode.cancel));
      client.send(continuationFrame(1, TRAILERS, true));
      await streamError(client, 1, streamClosed, protocolError);
    },
  },
];
conformance("RFC 9113 section 5.1: streams that the client has reset", reset);

const closed: readonly Case[] = [
  {
    name: "DATA is STREAM_CLOSED",
    run: async (client) => {
      client.send(get(1));
      await ended(client, 1);
      client.send(dataFrame(1, TEXT, true));
      await streamError(client, 1, streamClosed);
    },
  },
  {
    name: "HEADERS is STREAM_CLOSED of the connection",
    run: async (client) => {
      client.send(get(1));
      await ended(client, 1);
      client.send(get(1));
      await connectionError(client, streamClosed);
    },
  },
  {
    name: "CONTINUATION is an error of the connection",
    run: async (client) => {
      client.send(get(1));
      await ended(client, 1);
      client.send(continuationFrame(1, TRAILERS, true));
      await connectionError(client, streamClosed, protocolError);
    },
  },
  {
    name: "WINDOW_UPDATE and RST_STREAM that crossed the end are ignored",
    run: async (client) => {
      client.send(get(1));
      await ended(client, 1);
      client.send(windowUpdateFrame(1, 100), rstStreamFrame(1, ErrorCode.cancel));
      await alive(client);
    },
  },
];
conformance("RFC 9113 section 5.1: streams that both sides have ended", closed);

conformance("RFC 9113 section 5.1.1: stream identifiers", [
  {
    name: "an even stream is PROTOCOL_ERROR",
    run: async (client) => {
      client.send(get(2));
      await connectionError(client, protocolError);
    },
  },
  {
    name: "a stream below an earlier one is PROTOCOL_ERROR",
    run: async (client) => {
      client.send(get(5), get(3));
      await connectionError(client, protocolError);
    },
  },
]);

conformance("RFC 7540 section 5.3.1: stream dependencies", [
  {
    name: "HEADERS that depends on its own stream is PROTOCOL_ERROR",
    run: async (client) => {
      client.send(headersFrame(1, block(GET), { end: true, priority: { dependsOn: 1 } }));
      await streamError(client, 1, protocolError);
    },
  },
  {
    name: "PRIORITY that depends on its own stream is PROTOCOL_ERROR",
    run: async (client) => {
      client.send(priorityFrame(1, { dependsOn: 1 }));
      await streamError(client, 1, protocolError);
    },
  },
]);

conformance("RFC 9113 section 5.4.1: connection errors", [
  {
    name: "the connection is closed after one",
    run: async (client) => {
      client.send(frame(FrameType.ping, 0, 3, Buffer.alloc(8)));
      await client.closed();
    },
  },
  {
    name: "GOAWAY says why, and which stream was the last",
    run: async (client) => {
      client.send(get(1));
      await ended(client, 1);
      client.send(frame(FrameType.ping, 0, 3, Buffer.alloc(8)));
      const goaway = await client.next("GOAWAY", ({ type }) => type === FrameType.goaway);
      expect(goaway.payload.readUInt32BE(0)).toBe(1);
      expect(goaway.payload.readUInt32BE(4)).toBe(protocolError);
    },
  },
]);

const synchronization: readonly Case[] = [
  {
    name: "the later of two values of one setting counts",
    run: async (client) => {
      client.send(settingsFrame([Setting.initialWindowSize, 100], [Setting.initialWindowSize, 1]));
      await client.settingsAck();
      client.send(get(1));
      expect((await nextData(client, 1)).payload).toHaveLength(1);
    },
  },
  {
    name: "SETTINGS is acknowledged at once",
    run: async (client) => {
      client.send(settingsFrame([Setting.enablePush, 0]));
      await client.settingsAck();
    },
  },
];
conformance("RFC 9113 section 6.5.3: settings synchronization", synchronization);

conformance("RFC 9113 section 6.9: WINDOW_UPDATE", [
  {
    name: "an increment of 0 for the connection is PROTOCOL_ERROR",
    run: async (client) => {
      client.send(windowUpdateFrame(0, 0));
      await connectionError(client, protocolError);
    },
  },
  {
    name: "an increment of 0 for a stream is PROTOCOL_ERROR of the stream",
    run: async (client) => {
      client.send(post(1), windowUpdateFrame(1, 0));
      await streamError(client, 1, protocolError);
    },
  },
  {
    name: "any length but four is FRAME_SIZE_ERROR",
    run: async (client) => {
      client.send(frame(FrameType.windowUpdate, 0, 0, Buffer.from([0, 0, 1])));
      await connectionError(client, frameSizeError);
    },
  },
]);

const window: readonly Case[] = [
  {
    name: "no more is sent than the window allows",
    run: async (client) => {
      client.send(settingsFrame([Setting.initialWindowSize, 1]));
      await client.settingsAck();
      client.send(get(1));
      expect((await nextData(client, 1)).payload).toHaveLength(1);
    },
  },
  {
    name: "a connection window above 2^31-1 is FLOW_CONTROL_ERROR",
    run: async (client) => {
      client.send(windowUpdateFrame(0, 2 ** 31 - 1), windowUpdateFrame(0, 2 ** 31 - 1));
      await connectionError(client, flowControlError);
    },
  },
  {
    name: "a stream window above 2^31-1 is FLOW_CONTROL_ERROR of the stream",
    run: async (client) => {
      client.send(post(1), windowUpdateFrame(1, 2 ** 31 - 1), windowUpdateFrame(1, 2 ** 31 - 1));
      const resets = await client.next("RST_STREAM", ({ type }) => type === FrameType.rstStream);
      expect(resets.payload.readUInt32BE(0)).toBe(flowControlError);
    },
  },
];
conformance("RFC 9113 section 6.9.1: the flow-control window", window);

const initialWindow: readonly Case[] = [
  {
    name: "a greater initial window opens the streams there are",
    run: async (client) => {
      client.send(settingsFrame([Setting.initialWindowSize, 0]));
      await client.settingsAck();
      client.send(get(1), settingsFrame([Setting.initialWindowSize, 1]));
      expect((await nextData(client, 1)).payload).toHaveLength(1);
    },
  },
  {
    name: "a smaller initial window makes windows negative, and they are counted on",
    run: async (client) => {
      client.send(settingsFrame([Setting.initialWindowSize, 3]));
      await client.settingsAck();
      client.send(get(1));
      expect((await nextData(client, 1)).payload).toHaveLength(3);
      client.send(settingsFrame([Setting.initialWindowSize, 2]));
      await client.settingsAck();
      client.send(windowUpdateFrame(1, 2));
      expect((await nextData(client, 1)).payload).toHaveLength(1);
    },
  },
  {
    name: "an initial window above 2^31-1 is FLOW_CONTROL_ERROR",
    run: async (client) => {
      client.send(settingsFrame([Setting.initialWindowSize, 2 ** 31]));
      await connectionError(client, flowControlError);
    },
  },
  {
    name: "a change that takes an open stream's window above 2^31-1 is FLOW_CONTROL_ERROR",
    run: async (client) => {
      client.send(post(1), windowUpdateFrame(1, 2 ** 31 - 1 - 65535));
      client.send(settingsFrame([Setting.initialWindowSize, 65536]));
      await connectionError(client, flowControlError);
    },
  },
];
conformance("RFC 9113 section 6.9.2: initial flow-control window size", initialWindow);
