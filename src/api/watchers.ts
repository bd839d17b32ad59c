import { EtcdError, GrpcCode } from "../base/errors.ts";
import { WireWriter } from "../base/wire.ts";
import type { WatchRange } from "../watch/watch-range.ts";
import { partsOf } from "../watch/watch-range.ts";
import { POSITION_KINDS, type PositionKind } from "../watch/watcher.ts";
import { type LagTotals, positionTotals, type WatcherSurvey } from "../watch/watcher-survey.ts";
import { classOptions, type WatcherView } from "../watch/watcher-view.ts";
import type { Method, UnaryCall } from "./call.ts";
import { headerOf, type MemberIdentity } from "./member.ts";
import { decode, DESCRIPTORS, type Descriptor, type Draft, encode } from "./proto/codec.ts";
import type {
  WatcherCancelRequest,
  WatcherListRequest,
  WatcherListResponse,
  WatcherRange,
  WatcherStatus,
  WatcherSummaryResponse,
  WatcherTotals,
} from "./proto/messages-watchers.ts";
import { decodeOrFail, failWith } from "./unary.ts";
import { toWatchId } from "./watch-create.ts";
import {
  CLASSES_SHOWN_MAX,
  type WatcherDirectory,
  WATCHERS_SHOWN_MAX,
} from "./watcher-directory.ts";

const LIMIT_DEFAULT = 100;
const CLASSES_DEFAULT = 10;
const REASON_DEFAULT = "vedette: watch cancelled by an operator";
const REASON_BYTES_MAX = 1024;

/** What a client may see when it asks wrongly. */
const NO_SUCH_WATCHER = "vedette: no such watcher";
const REASON_TOO_LONG = `vedette: a reason has at most ${REASON_BYTES_MAX} bytes`;
const WRONG_POSITION = `vedette: a position is one of ${POSITION_KINDS.join(", ")}`;
const WRONG_LIMIT = "vedette: a limit is not negative";

export interface WatchersOptions {
  readonly directory: WatcherDirectory;
  readonly member: MemberIdentity;
}

/** Our own service vedette.v1.Watchers: who watches what, how far behind, and away with it. */
export function watchersMethods(options: WatchersOptions): readonly (readonly [string, Method])[] {
  return [
    [
      "/vedette.v1.Watchers/List",
      method(DESCRIPTORS.WatcherListRequest, (asked, call) => list(options, asked, call)),
    ],
    [
      "/vedette.v1.Watchers/Cancel",
      method(DESCRIPTORS.WatcherCancelRequest, (asked, call) => cancel(options, asked, call)),
    ],
    [
      "/vedette.v1.Watchers/Summary",
      method(DESCRIPTORS.WatcherSummaryRequest, (asked, call) => {
        summary(options, asked.classes, call);
      }),
    ],
  ];
}

/** `handle` answers the call, now or later; the request's bytes are borrowed until it returns. */
function method<Request>(
  request: Descriptor<Request>,
  handle: (asked: Request, call: UnaryCall) => void,
): Method {
  return {
    kind: "unary",
    handle(bytes, call) {
      const asked = decodeOrFail((raw) => decode(request, raw), bytes, call);
      if (asked !== undefined) handle(asked, call);
    },
  };
}

function list(
  { directory, member }: WatchersOptions,
  asked: WatcherListRequest,
  call: UnaryCall,
): void {
  const query = toListQuery(asked);
  if (typeof query === "string") {
    call.fail(GrpcCode.invalidArgument, query);
    return;
  }
  const isTaken = directory.survey(query, (survey) => {
    const response: Draft<WatcherListResponse> = {
      header: headerOf(member, directory.hub.head),
      watchers: directory.views(survey).map(statusMessage),
      matched: survey.matched,
    };
    reply(call, DESCRIPTORS.WatcherListResponse, response);
  });
  if (!isTaken) failWith(call, new EtcdError("tooManyRequests"));
}

/** What a list is asked for by, on both of its ways. */
export interface ListQuery {
  readonly limit: number;
  readonly position?: PositionKind;
  readonly key?: Uint8Array;
}

/**
 * Checks what a list is asked for; 0 and empty stand for the defaults. The key is copied. A text
 * says what is wrong.
 */
export function toListQuery(asked: {
  readonly limit: number;
  readonly position: string;
  readonly key: Uint8Array;
}): ListQuery | string {
  if (asked.limit < 0) return WRONG_LIMIT;
  const position = POSITION_KINDS.find((kind) => kind === asked.position);
  if (position === undefined && asked.position !== "") return WRONG_POSITION;
  return {
    limit: asked.limit === 0 ? LIMIT_DEFAULT : Math.min(asked.limit, WATCHERS_SHOWN_MAX),
    ...(position === undefined ? {} : { position }),
    ...(asked.key.length === 0 ? {} : { key: asked.key.slice() }),
  };
}

function cancel(
  { directory, member }: WatchersOptions,
  asked: WatcherCancelRequest,
  call: UnaryCall,
): void {
  const reason = asked.reason === "" ? REASON_DEFAULT : asked.reason;
  if (Buffer.byteLength(reason) > REASON_BYTES_MAX) {
    call.fail(GrpcCode.invalidArgument, REASON_TOO_LONG);
    return;
  }
  const name = { streamNumber: asked.streamId, watchId: toWatchId(asked.watchId) };
  if (directory.cancel(name, reason)) {
    const header = headerOf(member, directory.hub.head);
    reply(call, DESCRIPTORS.WatcherCancelResponse, { header });
  } else call.fail(GrpcCode.notFound, NO_SUCH_WATCHER);
}

function summary({ directory, member }: WatchersOptions, classes: number, call: UnaryCall): void {
  if (classes < 0) {
    call.fail(GrpcCode.invalidArgument, WRONG_LIMIT);
    return;
  }
  const classLimit = classes === 0 ? CLASSES_DEFAULT : Math.min(classes, CLASSES_SHOWN_MAX);
  const isTaken = directory.survey({ limit: 0, classLimit }, (survey) => {
    const message = summaryMessage(directory, survey);
    const header = headerOf(member, directory.hub.head);
    reply(call, DESCRIPTORS.WatcherSummaryResponse, { header, ...message });
  });
  if (!isTaken) failWith(call, new EtcdError("tooManyRequests"));
}

function summaryMessage(
  { hub }: WatcherDirectory,
  survey: WatcherSurvey,
): Draft<Omit<WatcherSummaryResponse, "header">> {
  const { streams, classes } = hub.stats;
  return {
    streams,
    totals: totalsMessage(survey.totals),
    positions: positionTotals(survey).map(([position, totals]) => {
      return { position, totals: totalsMessage(totals) };
    }),
    classCount: classes,
    classes: survey.classes().map(([{ range, wishes }, totals]) => ({
      ranges: rangeMessages(range),
      options: classOptions(wishes),
      totals: totalsMessage(totals),
    })),
  };
}

function totalsMessage(totals: Readonly<LagTotals>): Draft<WatcherTotals> {
  return {
    watchers: totals.watchers,
    behind: totals.behind,
    lagRevisionsSum: totals.lagSum,
    lagRevisionsMax: totals.lagMax,
  };
}

function statusMessage(view: WatcherView): Draft<WatcherStatus> {
  return {
    streamId: view.streamNumber,
    watchId: BigInt(view.watchId),
    client: view.client.peer,
    user: view.client.user,
    ranges: rangeMessages(view.range),
    options: view.options,
    position: view.position,
    nextRevision: view.nextRevision,
    lagRevisions: view.lagRevisions,
    lagBytes: view.lagBytes.bytes,
    lagBytesEstimated: view.lagBytes.isEstimate,
    lagMs: view.lagMs,
    cause: view.cause,
    createdAtMs: view.createdAtMs,
  };
}

const NO_BYTES: Uint8Array = new Uint8Array(0);
/** What etcd writes for "no upper bound" (W7). */
const NO_END: Uint8Array = Uint8Array.of(0);

/** Ranges as etcd's requests write them: key and range_end. */
export function rangeMessages(range: WatchRange): readonly WatcherRange[] {
  return partsOf(range).map((part) => {
    switch (part.kind) {
      case "single":
        return { key: part.key, rangeEnd: NO_BYTES };
      case "range":
        return { key: part.start, rangeEnd: part.end };
      case "from":
        return { key: part.start, rangeEnd: NO_END };
      case "empty":
        return { key: NO_BYTES, rangeEnd: NO_BYTES };
    }
  });
}

function reply<Response>(
  call: UnaryCall,
  descriptor: Descriptor<Response>,
  message: Draft<Response>,
): void {
  const writer = new WireWriter();
  encode(descriptor, message, writer);
  call.reply(writer.bytes());
}
