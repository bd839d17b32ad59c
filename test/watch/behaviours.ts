import { type Behaviour, row } from "./behaviour.ts";
import { LEASED, PERMITTED } from "./lease-and-user-behaviours.ts";

/** Why a number has no test: the feature that it needs is not there. */
export type Missing = "cluster";

const CATCHING_UP = "watch/scenarios/catching-up.txt";
const COMPACTION = "watch/scenarios/compaction.txt";
const CREATE = "watch/scenarios/create.txt";
const EVENTS = "watch/scenarios/events.txt";
const FRAGMENTS = "watch/scenarios/fragments.txt";
const PROGRESS = "watch/scenarios/progress.txt";
const RESTORED = "watch/scenarios/restored.txt";
const SLOW = "watch/scenarios/slow.txt";
const STREAMS = "watch/scenarios/streams.txt";
const HUB = "watch/hub.test.ts";
const SHARING = "watch/sharing.test.ts";
const WIRE = "conformance/scenarios";

const COMPACTED: readonly Behaviour[] = [
  row(
    1,
    "a compaction past a parked cursor ends the watcher with one canceled that says where history begins",
    `${SLOW} > Compaction passes a parked watcher`,
  ),
  row(
    2,
    "that cancel is sent on drain when the stream was full, once, also after a second compaction",
    `${COMPACTION} > Two compactions, the second before the parked watcher has heard of the first`,
  ),
  row(
    3,
    "a start at the compacted revision is served, the delete made there included",
    `${CREATE} > Around the compacted revision`,
    `${WIRE}/watch-history.txt > At the compacted revision itself it is allowed`,
  ),
  row(
    4,
    "a start one below it is created and then canceled",
    `${CREATE} > Around the compacted revision`,
    `${WIRE}/watch-history.txt > Compaction: what is below is refused in a second response`,
  ),
  row(
    5,
    "a compaction between two batches leaves no gap: whole batches, then events or the cancel",
    `${COMPACTION} > Compaction between two batches`,
    `${COMPACTION} > Compaction up to the next batch`,
    `${HUB} > reads nothing below a compaction that is not durable yet, and cancels once it is`,
  ),
  row(
    6,
    "a delete at the compacted revision is delivered whatever was removed around it, after a restart too",
    `${COMPACTION} > A watcher at a tombstone, compacted to just that revision`,
    `${COMPACTION} > A tombstone below the compacted revision`,
  ),
];

const BATCHES: readonly Behaviour[] = [
  row(
    7,
    "a batch that would end inside a txn goes on to the txn's end",
    `${CATCHING_UP} > A step that would end inside a txn`,
    `${CATCHING_UP} > The same in the store`,
  ),
  row(
    8,
    "exactly one batch behind, and one more: no event twice and none lost at the joint",
    `${CATCHING_UP} > As many events as one step reads, and one more`,
    `${WIRE}/watch-history.txt > Long histories come whole, in order, across the limit of one batch`,
  ),
  row(
    9,
    "a put at the joint of two batches, while the stream is full, comes after both",
    `${CATCHING_UP} > A put at the joint of two batches, while the stream takes no more`,
  ),
  row(
    10,
    "a client that leaves between two batches loses nothing by resuming behind the header's revision",
    `${CATCHING_UP} > A client that leaves between two batches and resumes behind the header's revision`,
  ),
  row(
    11,
    "a victim retried while more is written gets all of it once and in order",
    `${STREAMS} > A victim that is retried while more is written`,
    `${STREAMS} > Two victims on one stream`,
  ),
  row(
    12,
    "a cancel while the watcher is a victim is answered once, and the counts are right",
    `${SLOW} > A cancel while the watcher is a victim`,
    `${STREAMS} > Closing frees everything`,
  ),
];

const IDS: readonly Behaviour[] = [
  row(
    13,
    "a cancel at once after the create: created, canceled, and no event after that",
    `${STREAMS} > Cancel at once, with history to come`,
    `${WIRE}/watch-cancel.txt > Cancelled at once after it was asked for`,
  ),
  row(
    14,
    "a cancel of an id that is unknown or ended has no answer, and the stream lives",
    `${STREAMS} > Requests for what does not exist`,
    `${WIRE}/watch-cancel.txt > Unknown and already cancelled ids get no answer at all`,
  ),
  row(
    15,
    "an id that is used again is the new watcher's alone: no event of the old one under it",
    `${STREAMS} > The same id again while the old watcher is still behind`,
    `${STREAMS} > The same id again after a victim`,
  ),
  row(
    16,
    "an id in use is refused with the id -1 and its reason, and the first watcher goes on",
    `${CREATE} > Ids are chosen, given, and refused`,
    `${WIRE}/watch-create.txt > Ids given by the client are taken as they are`,
  ),
  row(
    17,
    "chosen ids skip those that were given, and 0 means that one is chosen",
    `${CREATE} > Ids are chosen, given, and refused`,
    `${WIRE}/watch-create.txt > The counter skips ids in use, and does not go back`,
  ),
  row(
    18,
    "an event that is there when the watch is created follows created, fragmented where asked",
    `${CREATE} > A write that is on its way when the watch is created`,
    `${EVENTS} > Fragments of history`,
  ),
  row(
    19,
    "five thousand creates in a burst by a client that does not read: bounded answers, no deadlock",
    "api/watch.test.ts > a client that does not read the answers makes no more of them",
    "e2e/watch-streams.test.ts > a burst of 5,000 creates from a client that does not read",
  ),
];

const FRAGMENTED: readonly Behaviour[] = [
  row(
    20,
    "a large txn comes in fragments side by side, all but the last marked, one header, whole",
    `${FRAGMENTS} > Fragments lie side by side`,
    `${FRAGMENTS} > Several revisions in one group, cut between them`,
    `${WIRE}/watch-fragment.txt > Fragments: only where asked for`,
  ),
  row(
    21,
    "the same without fragments is one message, never split in silence",
    `${FRAGMENTS} > One huge revision without fragments`,
  ),
  row(
    22,
    "a single event above the limit is one message that is no fragment",
    `${EVENTS} > Fragments`,
    "watch/distributor.test.ts > fall byte for byte where etcd's rule puts them (W60, W61)",
  ),
  row(
    23,
    "a client cut off between fragments gets the whole revision when it resumes at it",
    `${FRAGMENTS} > A client that lost the connection between two fragments`,
  ),
];

const PROGRESSING: readonly Behaviour[] = [
  row(
    24,
    "progress asked for while one watcher of the stream is behind comes when it is level, not ahead",
    `${PROGRESS} > A manual request while one watcher is behind`,
    `${PROGRESS} > A manual request, and the watcher that is behind is cancelled`,
  ),
  row(
    25,
    "progress waits for a victim's events",
    `${SLOW} > Progress waits for a victim`,
    "watch/one-stream.test.ts > is followed by the progress that was asked for",
  ),
  row(
    26,
    "a periodic tick right after an event is passed over, the next one is not",
    `${PROGRESS} > The periodic tick`,
    `${PROGRESS} > A manual request does not disturb the periodic tick`,
  ),
  row(
    27,
    "a new watch that nothing happens on is told progress",
    `${PROGRESS} > A quiet new watch is told at the first tick`,
    `${PROGRESS} > A manual request`,
  ),
  row(
    28,
    "progress asked for on a stream without watchers: nothing, and no harm",
    `${PROGRESS} > A manual request`,
    `${WIRE}/watch-progress.txt > A stream without watchers is given no answer`,
  ),
  row(
    29,
    "a watch on a later revision has no progress before the store is there",
    `${PROGRESS} > A watcher that waits for a later revision`,
    `${WIRE}/watch-future-progress.txt > A watcher that waits for the future has no progress`,
  ),
];

const STARTS: readonly Behaviour[] = [
  row(
    30,
    "a start above the head is created, silent, and served from there, over a restart as well",
    `${CREATE} > The start revision`,
    `${CREATE} > A future start over a restart`,
    `${HUB} > takes a future watcher along when its start lies in the middle of a group`,
  ),
  row(
    31,
    "the largest revisions there are as start: accepted, never reached, nothing overflows",
    `${CREATE} > The start revision`,
    `${WIRE}/watch-create.txt > start_revision:9223372036854775807`,
    `${HUB} > lets go of those who waited for a revision that never came and left`,
  ),
  row(
    32,
    "a start below zero is refused as compacted",
    `${CREATE} > The start revision`,
    `${WIRE}/watch-create.txt > Below zero`,
  ),
  row(
    33,
    "starts at 0 and at 1 on an empty store: from now on, and everything",
    `${CREATE} > Starts on an empty store`,
    `${CREATE} > The start revision`,
  ),
  row(
    34,
    "clients that are ahead of a restored store wait in silence until it is where they were",
    `${RESTORED} > Clients come back to a store restored from an older copy`,
  ),
  row(
    35,
    "clients behind what a restored store has compacted are canceled, not taken past it",
    `${RESTORED} > Restored to a copy that is ahead and compacted`,
  ),
  row(36, "two restores in a row are as one", `${RESTORED} > Restored twice in a row`),
  row(
    37,
    "over a restart no event is lost or told twice, and none was told that is not there",
    `${CREATE} > A restart in between`,
    "e2e/etcd3.test.ts > goes on over restarts of the server, with no event lost or told twice",
    "crash/crash.test.ts > three kills lose nothing, repeat nothing and invent nothing",
    "replica/local-replica.test.ts > no answer, read or event leaves before the disk has said that it is durable",
  ),
];

const WRITES: readonly Behaviour[] = [
  row(
    38,
    "a put that is sent again because its answer was lost is two revisions, and both are told",
    `${EVENTS} > A put that is sent again because its answer was lost`,
  ),
  row(
    39,
    "a txn that changes a key twice is refused and makes no revision; two branches may share a key",
    `${WIRE}/txn-checks.txt > Duplicate keys`,
    `${WIRE}/txn-checks.txt > The same over levels of nesting`,
  ),
  row(
    40,
    "a key deleted and made again begins anew: version 1, no value before it, filters or not",
    `${EVENTS} > A key created again`,
    `${EVENTS} > Two changes of one key in one revision`,
  ),
  row(
    41,
    "a delete of ten keys is ten events of one revision, in one response, in key order",
    `${EVENTS} > Ten keys deleted at once`,
  ),
  row(
    42,
    "a delete of nothing makes no revision and no event",
    `${EVENTS} > A delete of nothing makes no revision`,
    `${WIRE}/watch-events.txt > A failed branch, a txn of reads, a delete of nothing: no event`,
  ),
  row(
    43,
    "of a txn a watcher gets what it watches, and that whole",
    `${EVENTS} > One txn is one response, in its order`,
    `${WIRE}/watch-events.txt > A revision of which a watcher wants a part`,
  ),
  row(
    44,
    "filters that drop everything send no empty response, and hold back no cursor",
    `${SLOW} > All events that a filter drops`,
    `${WIRE}/watch-progress.txt > A watcher whose every event is filtered away moves on`,
  ),
  row(
    45,
    "no puts and no deletes: nothing but progress",
    `${SLOW} > All events that a filter drops`,
    `${PROGRESS} > A quiet new watch is told at the first tick`,
  ),
  row(
    46,
    "a value before that is compacted comes from memory, or is absent, and is never wrong",
    `${COMPACTION} > The value before comes from memory where compaction has taken it from the store`,
    `${EVENTS} > The value before, from history`,
  ),
  row(
    47,
    "the value before is the one before each revision, also when all is overwritten since",
    `${EVENTS} > The value before`,
    `${WIRE}/watch-history.txt > prev_kv from below the compacted revision`,
  ),
];

const RANGES: readonly Behaviour[] = [
  row(
    52,
    "a range, a key in it and everything from the key on, on one stream: a copy each",
    `${STREAMS} > Three watchers of one stream on one event`,
    `${WIRE}/watch-events.txt > A key watcher, a range watcher and one from a key on, on one stream`,
  ),
  row(
    53,
    "an empty key is the smallest one, an end of zero means from the key on, both mean everything",
    `${CREATE} > Ranges: a key, a range, from a key, everything`,
    `${WIRE}/watch-create.txt > An empty key is the smallest key`,
  ),
  row(
    54,
    "an end at or below the key is refused, and the stream lives",
    `${CREATE} > Ranges: a key, a range, from a key, everything`,
    `${WIRE}/watch-create.txt > Ranges that hold nothing are refused`,
  ),
  row(
    55,
    "one ancient watcher among many: the others are level in bounded steps, nothing is read again",
    `${CATCHING_UP} > An ancient watcher does not hold up those that missed little`,
    `${HUB} > does not let those who keep falling behind near the head starve an older watcher`,
    `${SHARING} > are shared by all who resume at the same time, wherever they are`,
  ),
  row(
    56,
    "ten thousand that resume at different revisions share one pass, and none waits for long",
    `${SHARING} > are all level after one run over the history`,
    `${SHARING} > coming in waves, wait for no more than two runs`,
    `${SHARING} > are shared by clients that read at different paces`,
  ),
  row(
    57,
    "a stream closed with events waiting leaves nothing, and nothing is sent on it any more",
    `${SLOW} > A closed stream leaves nothing behind`,
    `${STREAMS} > Closing frees everything`,
    `${HUB} > sends nothing to a stream after its close`,
    "api/watch.test.ts > after the end of a stream nothing is sent, and no timer is left",
  ),
  row(
    58,
    "a thousand streams reset on one connection leave nothing; in a rush they are a flood",
    "e2e/watch-streams.test.ts > a thousand streams one after the other on one connection",
    `${HUB} > forgets streams that come and go`,
    "http2/floods.test.ts > rapid reset: the connection is cut, others are served",
  ),
];

const LIMITS: readonly Behaviour[] = [
  row(
    61,
    "a create that races a compaction has one of the two legal outcomes, and never hangs",
    `${COMPACTION} > Creates that race a compaction`,
  ),
  row(
    62,
    "files that are rewritten while a watcher catches up change nothing of what it gets",
    `${CATCHING_UP} > The log's files are rewritten while a watcher catches up`,
  ),
  row(
    63,
    "one quiet key far behind is looked for in bounded steps, between which writers have their turn",
    `${HUB} > works in bounded steps for a watcher of one quiet key far behind`,
  ),
  row(
    64,
    "two watchers share the bytes of an event, and not the value before that one asked for",
    `${FRAGMENTS} > Previous values of one watcher do not leak to another`,
    "watch/distributor.test.ts > are never written again, however many follow",
  ),
  row(
    66,
    "a client that comes from a member that was further waits in silence, and gets nothing again",
    `${RESTORED} > Clients come back to a store restored from an older copy`,
  ),
  row(
    67,
    "keys are compared as bytes; high bytes, bytes that are no text and empty values come as they are",
    `${CREATE} > Keys are bytes`,
    `${CREATE} > An empty value, and a value before that was empty`,
    `${WIRE}/watch-events.txt > Keys that are no text, values that are nothing`,
  ),
  row(
    68,
    "revisions are exact up to the largest that is allowed",
    `${HUB} > keeps revisions exact up to the last one that a number can hold`,
  ),
  row(
    69,
    "resuming behind a progress is served, also when everything up to it is compacted",
    `${PROGRESS} > Resuming from progress, also when compaction has come up to it`,
  ),
  row(
    70,
    "the header revisions of a watcher never go back, progress of a stream neither",
    `${PROGRESS} > Header revisions never go back after the first response`,
    "watch/hub.property.test.ts > sends every watcher all it is owed, in order, once",
  ),
];

/**
 * What a watch has to do in every situation that is known to go wrong somewhere, one row each, and
 * the tests that hold it. Numbers are never reused; what cannot be tested yet is named below with
 * its reason.
 */
export const BEHAVIOURS: readonly Behaviour[] = [
  ...COMPACTED,
  ...BATCHES,
  ...IDS,
  ...FRAGMENTED,
  ...PROGRESSING,
  ...STARTS,
  ...WRITES,
  ...LEASED,
  ...PERMITTED,
  ...RANGES,
  ...LIMITS,
];

export const BEHAVIOURS_LAST = 70;

export interface MissingBehaviour {
  readonly text: string;
  readonly needs: Missing;
  /** Whether this is only the rest of a behaviour that is tested otherwise. */
  readonly isRest: boolean;
}

/** The numbers that have no test, and the feature that each of them needs. */
export const MISSING: Readonly<Record<number, MissingBehaviour>> = {
  50: {
    text: "a lease that ends during a partition: one decision, one delete on every replica",
    needs: "cluster",
    isRest: true,
  },
  65: {
    text: "a replicated log that repeats or skips entries: told once, or stopped",
    needs: "cluster",
    isRest: false,
  },
};
