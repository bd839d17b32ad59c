import type { WatchResponse } from "../proto/messages-key-value.ts";
import { KEY_VALUE_SCHEMA } from "../proto/schema-key-value.ts";
import { jsonName } from "../proto/schema.ts";
import { streamErrorBody } from "./http-status.ts";
import type { StreamFormat } from "./stream-format.ts";

export const EVENT_STREAM_TYPE = "text/event-stream";

const HEADERS: Readonly<Record<string, string>> = {
  "content-type": EVENT_STREAM_TYPE,
  "cache-control": "no-store",
  "grpc-metadata-content-type": "application/grpc",
};

/** Whether the client wants Server-Sent Events (the HTML standard, section 9.2). */
export function wantsEventStream(accept: string | undefined): boolean {
  return (
    accept?.split(",").some((type) => type.split(";")[0]?.trim() === EVENT_STREAM_TYPE) ?? false
  );
}

/** A stream's messages as Server-Sent Events, without ids: nothing tells where it stands. */
export const PLAIN_EVENTS: StreamFormat = {
  headers: HEADERS,
  result: (_message, json) => `data: {"result":${json}}\n\n`,
  error: (code, text) => `event: failure\ndata: ${streamErrorBody(code, text)}\n\n`,
};

/**
 * A watch of one watcher as Server-Sent Events. The id of an event is the last revision that the
 * client has seen all of, so that a browser which reconnects by itself, and sends it back as
 * Last-Event-ID, goes on where it was.
 */
export function watchEvents(startRevision: number): StreamFormat {
  let revision = startRevision - 1;
  return {
    ...PLAIN_EVENTS,
    result: (message, json) => {
      const response = message as unknown as WatchResponse;
      const isWhole = !response.fragment && !response.canceled;
      // A watch from an old revision is created before it has seen anything.
      const isSeen = response.created ? startRevision === 0 : isWhole;
      if (isSeen) revision = Math.max(revision, response.header?.revision ?? 0);
      const id = revision > 0 ? `id: ${revision}\n` : "";
      return `${id}data: {"result":${json}}\n\n`;
    },
  };
}

/** What a GET asks to watch, as the body of a POST would, or what is wrong with it. */
export interface WatchQuery {
  readonly body: string;
  readonly startRevision: number;
}

const PREFIX = "create_request.";
const CREATE_FIELDS = KEY_VALUE_SCHEMA.messages["etcdserverpb"]?.["WatchCreateRequest"] ?? {};

/**
 * Reads the query of `GET /v3/watch`: the fields of a create request by their names (bytes in
 * base64), alone or behind `create_request.`; a list is its name several times. `lastEventId` wins
 * over `start_revision`.
 */
export function parseWatchQuery(query: string, lastEventId: string | undefined): WatchQuery {
  const create: Record<string, unknown> = {};
  for (const [given, text] of new URLSearchParams(query)) {
    const name = given.startsWith(PREFIX) ? given.slice(PREFIX.length) : given;
    const field = Object.entries(CREATE_FIELDS).find(([known]) => {
      return known === name || jsonName(known) === name;
    });
    if (field === undefined) continue;
    const [known, schema] = field;
    const value = schema.type === "bool" ? wordOf(text) : numberOr(text);
    const list = create[known];
    if (!schema.isRepeated) create[known] = schema.type === "enum" ? value : textOr(text, value);
    else if (Array.isArray(list)) list.push(value);
    else create[known] = [value];
  }
  const seen = /^\d{1,15}$/.test(lastEventId ?? "") ? Number(lastEventId) : undefined;
  if (seen !== undefined) create["start_revision"] = String(seen + 1);
  const start = Number(create["start_revision"] ?? 0);
  return {
    body: JSON.stringify({ create_request: create }),
    startRevision: Number.isSafeInteger(start) && start > 0 ? start : 0,
  };
}

function wordOf(text: string): unknown {
  return text === "true" || (text === "false" ? false : text);
}

/** An enum's number; its name stays. */
function numberOr(text: string): unknown {
  return /^-?\d{1,9}$/.test(text) ? Number(text) : text;
}

function textOr(text: string, value: unknown): unknown {
  return typeof value === "boolean" ? value : text;
}
