import {
  aliveOrClosed,
  type Case,
  conformance,
  connectionError,
  GET,
  get,
  post,
  POST,
  streamError,
} from "./conformance.ts";
import {
  dataFrame,
  ErrorCode,
  goawayFrame,
  headersFrame,
  pushPromiseFrame,
  rstStreamFrame,
} from "./frames.ts";
import { block, type Field } from "./hpack.ts";

const TEXT = Buffer.from("test");
const UNKNOWN_CODE = 0xff;

/** A request that breaks a rule of section 8 and so is an error of its stream (8.1.1). */
function malformed(name: string, fields: readonly Field[], ...rest: readonly Uint8Array[]): Case {
  return {
    name,
    run: async (client) => {
      client.send(headersFrame(1, block(fields), { end: rest.length === 0 }), ...rest);
      await streamError(client, 1, ErrorCode.protocolError);
    },
  };
}

function without(name: string): readonly Field[] {
  return GET.filter(([own]) => own !== name);
}

function duplicated(name: string): readonly Field[] {
  return [...GET, ...GET.filter(([own]) => own === name)];
}

conformance("RFC 9113 section 7: error codes", [
  {
    name: "GOAWAY with an unknown code means nothing special",
    run: async (client) => {
      client.send(goawayFrame(0, UNKNOWN_CODE));
      await aliveOrClosed(client);
    },
  },
  {
    name: "RST_STREAM with an unknown code means nothing special",
    run: async (client) => {
      client.send(post(1), rstStreamFrame(1, UNKNOWN_CODE));
      await aliveOrClosed(client);
    },
  },
]);

const trailers = (fields: readonly Field[], end: boolean): Buffer =>
  headersFrame(1, block(fields), { end });
conformance("RFC 9113 section 8.1: message framing", [
  malformed(
    "trailers that do not end the stream",
    POST,
    dataFrame(1, TEXT),
    trailers([["x-test", "ok"]], false),
  ),
]);

conformance("RFC 9113 section 8.1.1: malformed messages", [
  malformed(
    "content-length that is not the length of the one DATA frame",
    [...POST, ["content-length", "1"]],
    dataFrame(1, TEXT, true),
  ),
  malformed(
    "content-length that is not the length of several DATA frames",
    [...POST, ["content-length", "1"]],
    dataFrame(1, TEXT),
    dataFrame(1, TEXT, true),
  ),
  malformed(
    "content-length above what came",
    [...POST, ["content-length", "9"]],
    dataFrame(1, TEXT, true),
  ),
  malformed("content-length without any body", [...POST, ["content-length", "9"]]),
  malformed("content-length that is no number", [...POST, ["content-length", "+4"]]),
]);

conformance("RFC 9113 section 8.2: fields", [
  malformed("8.2.1: a name in upper case", [...GET, ["X-TEST", "ok"]]),
  malformed("8.2.1: a line feed in a value", [...GET, ["x-test", "a\nb"]]),
  malformed("8.2.1: a NUL in a value", [...GET, ["x-test", "a\0b"]]),
  malformed("8.2.1: a space in a name", [...GET, ["x test", "ok"]]),
  malformed("8.2.1: an empty name", [...GET, ["", "ok"]]),
  malformed("8.2.2: connection", [...GET, ["connection", "keep-alive"]]),
  malformed("8.2.2: transfer-encoding", [...GET, ["transfer-encoding", "chunked"]]),
  malformed("8.2.2: te with anything but trailers", [
    ...GET,
    ["trailers", "test"],
    ["te", "trailers, deflate"],
  ]),
]);

conformance("RFC 9113 section 8.3: pseudo-header fields", [
  malformed("an unknown one", [...GET, [":test", "ok"]]),
  malformed("one of responses", [...GET, [":status", "200"]]),
  malformed("one in trailers", POST, dataFrame(1, TEXT), trailers([[":method", "POST"]], true)),
  malformed("one behind a plain field", [["x-test", "ok"], ...GET]),
]);

const requestPseudo: readonly Case[] = [
  malformed("an empty :path", [...without(":path"), [":path", ""]]),
  malformed("no :method", without(":method")),
  malformed("no :scheme", without(":scheme")),
  malformed("no :path", without(":path")),
  malformed("two of :method", duplicated(":method")),
  malformed("two of :scheme", duplicated(":scheme")),
  malformed("two of :path", duplicated(":path")),
];
conformance("RFC 9113 section 8.3.1: request pseudo-header fields", requestPseudo);

conformance("RFC 9113 section 8.4: server push", [
  {
    name: "PUSH_PROMISE from a client is PROTOCOL_ERROR",
    run: async (client) => {
      client.send(get(1), pushPromiseFrame(1, 3, block(GET)));
      await connectionError(client, ErrorCode.protocolError);
    },
  },
]);
