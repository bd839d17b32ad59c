import { expect } from "vitest";
import {
  alive,
  aliveOrClosed,
  answered,
  type Case,
  conformance,
  ended,
  GET,
  get,
  nextData,
  pong,
  post,
  POST,
} from "./conformance.ts";
import {
  continuationFrame,
  dataFrame,
  ErrorCode,
  FrameType,
  goawayFrame,
  headersFrame,
  paddedDataFrame,
  pingFrame,
  PREFACE,
  priorityFrame,
  rstStreamFrame,
  Setting,
  settingsFrame,
  windowUpdateFrame,
} from "./frames.ts";
import { block, type Indexing, indexed, literal, tableSizeUpdate } from "./hpack.ts";

/** What every server of the protocol must take without complaint. */
const TEXT = Buffer.from("test");

conformance("RFC 9113 section 3.4: starting", [
  {
    name: "the client's preface is taken and SETTINGS is the answer",
    bare: true,
    run: async (client) => {
      client.send(PREFACE, settingsFrame([Setting.initialWindowSize, 65535]));
      const first = await client.next("a first frame", () => true);
      expect(first.type).toBe(FrameType.settings);
      expect(first.flags).toBe(0);
    },
  },
]);

const streams: readonly Case[] = [
  {
    name: "PRIORITY on an idle stream is allowed",
    run: async (client) => {
      client.send(priorityFrame(1, { dependsOn: 0 }));
      await alive(client);
    },
  },
  {
    name: "WINDOW_UPDATE on a stream that the client has ended lets its response flow",
    run: async (client) => {
      client.send(settingsFrame([Setting.initialWindowSize, 0]), get(1), windowUpdateFrame(1, 1));
      await nextData(client, 1);
    },
  },
  {
    name: "PRIORITY on a stream that the client has ended is allowed",
    run: async (client) => {
      client.send(settingsFrame([Setting.initialWindowSize, 0]), get(1));
      client.send(priorityFrame(1, { dependsOn: 0 }), windowUpdateFrame(1, 1));
      await nextData(client, 1);
    },
  },
  {
    name: "RST_STREAM on a stream that the client has ended is allowed",
    run: async (client) => {
      client.send(get(1), rstStreamFrame(1, ErrorCode.cancel));
      await aliveOrClosed(client);
    },
  },
  {
    name: "PRIORITY on a closed stream is allowed",
    run: async (client) => {
      client.send(get(1));
      await ended(client, 1);
      client.send(priorityFrame(1, { dependsOn: 0 }));
      await alive(client);
    },
  },
];
conformance("RFC 9113 section 5.1: frames that a state allows", streams);

const bodies: readonly Case[] = [
  {
    name: "one DATA frame",
    run: async (client) => {
      client.send(post(1), dataFrame(1, TEXT, true));
      await answered(client, 1);
    },
  },
  {
    name: "several DATA frames",
    run: async (client) => {
      client.send(post(1), dataFrame(1, TEXT), dataFrame(1, TEXT, true));
      await answered(client, 1);
    },
  },
  {
    name: "a padded DATA frame",
    run: async (client) => {
      client.send(post(1), paddedDataFrame(1, TEXT, 5, true));
      await answered(client, 1);
    },
  },
];
conformance("RFC 9113 section 6.1: DATA", bodies);

conformance("RFC 9113 section 6.2: HEADERS", [
  {
    name: "a plain HEADERS frame",
    run: async (client) => {
      client.send(get(1));
      await answered(client, 1);
    },
  },
  {
    name: "a padded HEADERS frame",
    run: async (client) => {
      client.send(headersFrame(1, block(GET), { end: true, padding: 8 }));
      await answered(client, 1);
    },
  },
  {
    name: "a HEADERS frame with priority",
    run: async (client) => {
      client.send(headersFrame(1, block(GET), { end: true, priority: { dependsOn: 0 } }));
      await answered(client, 1);
    },
  },
]);

function prioritised(name: string, streamId: number, shape: Parameters<typeof priorityFrame>[1]) {
  return {
    name,
    run: async (client: Parameters<Case["run"]>[0]) => {
      client.send(priorityFrame(streamId, shape), get(1));
      await answered(client, 1);
    },
  };
}
conformance("RFC 9113 section 6.3: PRIORITY before a request", [
  prioritised("with the least weight", 1, { dependsOn: 0, weight: 0 }),
  prioritised("with the greatest weight", 1, { dependsOn: 0, weight: 255 }),
  prioritised("with a dependency on another stream", 3, { dependsOn: 1, weight: 0 }),
  prioritised("with an exclusive dependency", 1, { dependsOn: 0, exclusive: true, weight: 0 }),
  prioritised("of a higher stream does not use up the lower ones", 3, { dependsOn: 0 }),
]);

const control: readonly Case[] = [
  {
    name: "6.4: RST_STREAM ends a stream and not the connection",
    run: async (client) => {
      client.send(headersFrame(1, block(GET)), rstStreamFrame(1, ErrorCode.cancel));
      await aliveOrClosed(client);
    },
  },
  {
    name: "6.5: SETTINGS with every defined parameter is acknowledged",
    run: async (client) => {
      client.send(
        settingsFrame(
          [Setting.headerTableSize, 4096],
          [Setting.enablePush, 1],
          [Setting.maxConcurrentStreams, 100],
          [Setting.initialWindowSize, 65535],
          [Setting.maxFrameSize, 16384],
          [Setting.maxHeaderListSize, 100],
        ),
      );
      await client.settingsAck();
    },
  },
  {
    name: "6.7: PING is answered",
    run: async (client) => {
      const opaque = Buffer.from("abcdefgh");
      client.send(pingFrame(opaque));
      await pong(client, opaque);
    },
  },
  {
    name: "6.8: GOAWAY from a client ends nothing by force",
    run: async (client) => {
      client.send(goawayFrame(0, ErrorCode.noError, "leaving"));
      await aliveOrClosed(client);
    },
  },
  {
    name: "6.9: WINDOW_UPDATE of the connection is taken",
    run: async (client) => {
      client.send(windowUpdateFrame(0, 1));
      await alive(client);
    },
  },
  {
    name: "6.9: WINDOW_UPDATE of a stream is taken",
    run: async (client) => {
      client.send(get(1), windowUpdateFrame(1, 1));
      await answered(client, 1);
    },
  },
  {
    name: "6.10: a block in HEADERS and one CONTINUATION",
    run: async (client) => {
      const bytes = block(GET);
      client.send(headersFrame(1, bytes.subarray(0, 5), { end: true, endHeaders: false }));
      client.send(continuationFrame(1, bytes.subarray(5), true));
      await answered(client, 1);
    },
  },
  {
    name: "6.10: a block in HEADERS and two CONTINUATIONs",
    run: async (client) => {
      const bytes = block(GET);
      client.send(headersFrame(1, bytes.subarray(0, 5), { end: true, endHeaders: false }));
      client.send(continuationFrame(1, bytes.subarray(5, 10), false));
      client.send(continuationFrame(1, bytes.subarray(10), true));
      await answered(client, 1);
    },
  },
];
conformance("RFC 9113 sections 6.4 to 6.10: control frames", control);

const exchanges: readonly Case[] = [
  {
    name: "GET is answered",
    run: async (client) => {
      client.send(get(1));
      expect((await answered(client, 1)).fields?.get(":status")).toBe("200");
    },
  },
  {
    name: "HEAD is answered without a body",
    run: async (client) => {
      const fields = block([[":method", "HEAD"], ...GET.slice(1)]);
      client.send(headersFrame(1, fields, { end: true }));
      await answered(client, 1);
    },
  },
  {
    name: "POST is answered",
    run: async (client) => {
      client.send(post(1), dataFrame(1, TEXT, true));
      await answered(client, 1);
    },
  },
  {
    name: "POST with trailers is answered",
    run: async (client) => {
      client.send(headersFrame(1, block([...POST, ["trailer", "x-test"]])), dataFrame(1, TEXT));
      client.send(headersFrame(1, block([["x-test", "ok"]]), { end: true }));
      await answered(client, 1);
    },
  },
];
conformance("RFC 9113 section 8.1: requests and responses", exchanges);

function extraField(name: string, ...parts: readonly Uint8Array[]): Case {
  return {
    name,
    run: async (client) => {
      client.send(headersFrame(1, Buffer.concat([block(GET), ...parts]), { end: true }));
      await answered(client, 1);
    },
  };
}

/** Index 58 of the static table is user-agent. */
const USER_AGENT = 58;

function literals(indexing: Indexing, title: string): readonly Case[] {
  return [
    extraField(`${title}, name from the table`, literal(indexing, USER_AGENT, "curious")),
    extraField(`${title}, name from the table, Huffman`, literal(indexing, USER_AGENT, "it", true)),
    extraField(`${title}, new name`, literal(indexing, "x-test", "curious")),
    extraField(`${title}, new name, Huffman`, literal(indexing, "x-test", "curious", true)),
  ];
}

conformance("RFC 7541 section 6: every representation of a field", [
  extraField("6.1: an indexed field of the static table", indexed(USER_AGENT)),
  ...literals("incremental", "6.2.1: incremental indexing"),
  ...literals("without", "6.2.2: without indexing"),
  ...literals("never", "6.2.3: never indexed"),
  {
    name: "6.3: a size update at the start of a block",
    run: async (client) => {
      const bytes = Buffer.concat([tableSizeUpdate(128), block(GET)]);
      client.send(headersFrame(1, bytes, { end: true }));
      await answered(client, 1);
    },
  },
  {
    name: "6.3: two size updates at the start of a block",
    run: async (client) => {
      const bytes = Buffer.concat([tableSizeUpdate(128), tableSizeUpdate(4096), block(GET)]);
      client.send(headersFrame(1, bytes, { end: true }));
      await answered(client, 1);
    },
  },
]);
