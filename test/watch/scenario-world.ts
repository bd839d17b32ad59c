import { EtcdError } from "../../src/base/errors.ts";
import { parseKeyRange } from "../../src/base/key-range.ts";
import type { Command, DeleteRangeCommand, PutCommand, TxnOp } from "../../src/machine/command.ts";
import type { CommandResult, Outcome, ResultOf } from "../../src/machine/result.ts";
import type { OpenedReplica } from "../../src/replica/open-replica.ts";
import type { Replica } from "../../src/replica/replica.ts";
import { MemoryDisk } from "../../src/storage/memory-disk.ts";
import type { ListingCursor } from "../../src/watch/lister.ts";
import type { WatchId } from "../../src/watch/response-head.ts";
import { joinRanges } from "../../src/watch/watch-range.ts";
import type { WatchStream } from "../../src/watch/watch-stream.ts";
import type { Position } from "../../src/watch/watcher.ts";
import { copyDisk } from "../support/copy-disk.ts";
import { openTestReplica } from "../support/test-replica.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { HistoryRecorder } from "../support/watch-truth.ts";
import { ModelClient, type SeenResponse } from "./model-client.ts";
import { latin1 } from "./model-store.ts";
import { rangeFields } from "./transcript.ts";
import { putCommand } from "../support/commands.ts";

/** Small bounds, so that a scenario reaches them with a few short values. */
const RESPONSE_BYTES_MAX = 300;
const FRAGMENT_BYTES = 160;
const EVENT_LOG_BYTES = 4096;
const EVENTS_PER_STEP = 4;

/**
 * The store, the watchers and their clients of one scenario: everything but sockets. Words of the
 * language, one line each; keys and values are words, `^0` stands for the zero byte:
 *
 *   stream NAME [room=N]      opens a stream whose client lets N event messages wait
 *   room NAME N               changes that
 *   watch NAME key=K [end=K] [start=N] [id=N] [prev] [progress] [fragment] [noput] [nodelete]
 *              [more=K or more=K..END]... [keysonly] [state] [latest] [reason]
 *   cancel NAME ID / progress NAME / tick NAME / close NAME
 *   read NAME                 shows what the client sees, and lets the stream drain
 *   put K V [LEASE] / delete K [END] / txn OP; OP; ...
 *   grant LEASE TTL / revoke LEASE / renew LEASE
 *   together OP | OP | ...    several requests of one turn: one group commit
 *   compact N / restart / fill N
 *   keep NAME / restore NAME  copies the data folder; goes on from such a copy, all clients gone
 *   hold                      from here on the turns of the event loop end only when told to
 *   turn [N]                  ends N turns: each lets those who are behind take one step
 *   pass MS                   lets time pass, and leases end whose time is over
 *   stand MS                  lets time pass in which the process stands still
 *   settle                    ends turns until there is nothing left to do, and no longer holds
 *   show                      where every watcher stands
 *   stats                     how many there are of what, and how many of them are behind
 */
export class ScenarioWorld {
  #disk = new MemoryDisk();
  #timers = new ManualTimers();
  #opened: OpenedReplica;
  readonly #clients = new Map<string, ModelClient>();
  readonly #kept = new Map<string, { disk: MemoryDisk; recorder: HistoryRecorder }>();
  readonly #faults: string[] = [];
  #recorder = new HistoryRecorder();
  #answers: string[] = [];
  #isHeld = false;

  constructor() {
    this.#opened = this.#open();
  }

  /** Runs one line and returns what it shows. */
  run(line: string): string[] {
    const [word = "", ...rest] = line.split(" ");
    this.#answers = [];
    const shown = this.#dispatch(word, rest, line);
    if (!this.#isHeld) this.#timers.settle();
    this.#opened.hub.checkInvariants();
    return [...this.#answers, ...shown];
  }

  /** Lets every client read to its end, and returns the promises that were broken. */
  faults(): string[] {
    for (const client of this.#clients.values()) client.room = Infinity;
    for (let isQuiet = false; !isQuiet; ) {
      this.#timers.settle();
      isQuiet = [...this.#clients.values()].every((client) => client.read().length === 0);
    }
    const { truth } = this.#recorder;
    const head = this.#opened.hub.head;
    const clients = [...this.#clients.values()];
    return [
      ...this.#faults,
      ...clients.flatMap(({ transcript }) => transcript.faults(truth, head)),
    ];
  }

  #dispatch(word: string, rest: readonly string[], line: string): string[] {
    switch (word) {
      case "stream":
        return this.#newStream(rest);
      case "room":
        this.#client(rest[0]).room = Number(rest[1]);
        return [];
      case "watch":
        return this.#watch(rest);
      case "cancel":
        this.#stream(rest[0]).cancel(watchId(rest[1]));
        return [];
      case "progress":
        this.#stream(rest[0]).requestProgress();
        return [];
      case "tick":
        this.#stream(rest[0]).progressTick();
        return [];
      case "close":
        this.#stream(rest[0]).close();
        this.#leave(rest[0] ?? "");
        return [];
      case "read":
        return this.#client(rest[0]).read().map(responseText);
      case "together":
        for (const part of line.slice("together ".length).split(" | ")) this.#propose(part);
        return [];
      case "fill":
        for (let i = 0; i < Number(rest[0]); i++) this.#propose(`put fill ${i}`);
        this.#timers.settle();
        this.#answers = [];
        return [];
      case "restart":
        this.#restart();
        return [];
      case "keep": {
        const recorder = this.#recorder.copy();
        this.#kept.set(rest[0] ?? "", { disk: copyDisk(this.#disk), recorder });
        return [];
      }
      case "restore": {
        const kept = this.#kept.get(rest[0] ?? "");
        if (kept === undefined) throw new Error(`nothing is kept as ${rest[0]}`);
        this.#restart(kept);
        return [];
      }
      case "hold":
        this.#isHeld = true;
        return [];
      case "turn":
        for (let i = 0; i < Number(rest[0] ?? 1); i++) this.#timers.turn();
        return [];
      case "settle":
        this.#isHeld = false;
        return [];
      case "show":
        return this.#show();
      case "stats":
        return [this.#stats()];
      default:
        return this.#timeOrWrite(word, rest, line);
    }
  }

  #timeOrWrite(word: string, [first = ""]: readonly string[], line: string): string[] {
    switch (word) {
      case "renew":
        this.#opened.leases.renew(BigInt(first), (ttl) => this.#answers.push(`ttl ${ttl}`));
        break;
      case "pass":
        this.#timers.pass(Number(first));
        break;
      case "stand":
        this.#timers.nowMs += Number(first);
        break;
      default:
        this.#propose(line);
    }
    return [];
  }

  #open(): OpenedReplica {
    const timers = this.#timers;
    const opened = openTestReplica({
      disk: this.#disk,
      timers,
      clock: { monotonicMs: () => timers.nowMs, wallMs: () => 0 },
      watch: {
        limits: { watchersPerStream: 100, watchersTotal: 100 },
        eventLogBytes: EVENT_LOG_BYTES,
        responseBytesMax: RESPONSE_BYTES_MAX,
        fragmentBytes: FRAGMENT_BYTES,
        eventsPerStep: EVENTS_PER_STEP,
      },
    });
    this.#listen(opened.replica);
    return opened;
  }

  /** The truth is what is answered, to whoever keeps the time of leases as well. */
  #listen(replica: Replica): void {
    const propose = replica.propose.bind(replica);
    replica.propose = <C extends Command>(
      command: C,
      done: (outcome: Outcome<ResultOf<C>>) => void,
    ): void => {
      propose<Command>(command, (outcome) => {
        if (!(outcome instanceof EtcdError)) this.#record(command, outcome.revision);
        if (command.kind === "lease-revoke" && command.reason === "expiry") {
          const end = outcome instanceof EtcdError ? outcome.message : String(outcome.revision);
          this.#answers.push(`lease ${command.id} is over: ${end}`);
        }
        // The replica answers each command with the result of its kind.
        (done as (outcome: Outcome<CommandResult>) => void)(outcome);
      });
    };
  }

  /** The connections break; the server starts again on its data, or on other data. */
  #restart(on?: { readonly disk: MemoryDisk; readonly recorder: HistoryRecorder }): void {
    for (const name of [...this.#clients.keys()]) this.#leave(name);
    if (on !== undefined) {
      this.#disk = copyDisk(on.disk);
      this.#recorder = on.recorder.copy();
    }
    this.#timers = new ManualTimers();
    this.#opened = this.#open();
  }

  /** A client is gone: what it has read until now is judged. */
  #leave(name: string): void {
    const { transcript } = this.#client(name);
    this.#faults.push(...transcript.faults(this.#recorder.truth, undefined));
    this.#clients.delete(name);
  }

  #newStream([name = "", room]: readonly string[]): string[] {
    const client = new ModelClient(room === undefined ? Infinity : Number(room.slice(5)));
    client.stream = this.#opened.hub.open(client);
    this.#clients.set(name, client);
    return [];
  }

  #watch([name, ...options]: readonly string[]): string[] {
    const value = (option: string): string | undefined =>
      options.find((given) => given.startsWith(`${option}=`))?.slice(option.length + 1);
    const has = (option: string): boolean => options.includes(option);
    const range = parseKeyRange(bytes(value("key")), bytes(value("end")));
    const more = options
      .filter((given) => given.startsWith("more="))
      .map((given) => given.slice("more=".length).split(".."))
      .map(([key, end]) => parseKeyRange(bytes(key), bytes(end)));
    const extras = {
      keysOnly: has("keysonly"),
      latestOnly: has("latest"),
      deleteReason: has("reason"),
    };
    const hasExtras = Object.values(extras).some((wanted) => wanted);
    this.#stream(name).create({
      id: watchId(value("id")),
      interest: {
        range: more.length === 0 ? range : joinRanges([range, ...more]),
        noPut: has("noput"),
        noDelete: has("nodelete"),
        prevKv: has("prev"),
        ...(hasExtras ? { extras } : {}),
      },
      state: has("state"),
      startRevision: Number(value("start") ?? 0),
      progressNotify: has("progress"),
      fragment: has("fragment"),
    });
    return [];
  }

  #propose(text: string): void {
    const command = toCommand(text);
    this.#opened.replica.propose(command, (outcome) => {
      if (outcome instanceof EtcdError) {
        this.#answers.push(`refused: ${outcome.message}`);
        return;
      }
      this.#answers.push(outcome.kind === "compact" ? "compacted" : `revision ${outcome.revision}`);
    });
  }

  #record(command: Command | TxnOp, revision: number): void {
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
    switch (command.kind) {
      case "put":
        this.#recorder.put(text(command.key), text(command.value), revision, command.lease);
        break;
      case "lease-grant":
        break;
      case "lease-revoke":
        this.#recorder.endLease(command.id, revision);
        break;
      case "delete-range": {
        const { key, range_end: end } = rangeFields(command.range);
        this.#recorder.delete(text(key), text(end ?? new Uint8Array(0)), revision);
        break;
      }
      case "txn":
        for (const op of command.success) this.#record(op, revision);
        break;
      case "compact":
        this.#recorder.compact(command.revision);
        for (const { transcript } of this.#clients.values()) {
          transcript.noteCompaction(command.revision);
        }
        break;
      default:
        throw new Error(`no scenario has a ${command.kind}`);
    }
  }

  #show(): string[] {
    return [...this.#clients].flatMap(([name, { stream }]) =>
      [...(stream?.watchers ?? [])].map(
        (watcher) => `${name}/${watcher.id} ${positionText(watcher.position)}`,
      ),
    );
  }

  #stats(): string {
    const { streams, watchers, slowWatchers, classes } = this.#opened.hub.stats;
    return `streams=${streams} watchers=${watchers} slow=${slowWatchers} classes=${classes}`;
  }

  #client(name: string | undefined): ModelClient {
    const client = this.#clients.get(name ?? "");
    if (client === undefined) throw new Error(`no stream is called ${name}`);
    return client;
  }

  #stream(name: string | undefined): WatchStream {
    const { stream } = this.#client(name);
    if (stream === undefined) throw new Error(`no stream is called ${name}`);
    return stream;
  }
}

/** As the api makes them: small ids are numbers, all others bigint. */
function watchId(text: string | undefined): WatchId {
  const id = BigInt(text ?? 0);
  return id >= 0n ? Number(id) : id;
}

function bytes(text: string | undefined): Uint8Array {
  return latin1((text ?? "").replaceAll("^0", "\0").replaceAll("^f", "\xff"));
}

function toCommand(text: string): Command {
  const [word, first = "", second] = text.split(" ");
  if (word === "grant") {
    return { kind: "lease-grant", id: BigInt(first), ttlSeconds: Number(second) };
  }
  if (word === "revoke") return { kind: "lease-revoke", id: BigInt(first), reason: "request" };
  if (word === "compact") return { kind: "compact", revision: Number(first), physical: false };
  if (word !== "txn") return toOp(text);
  const success = text.slice("txn ".length).split("; ").map(toOp);
  if (second === undefined) throw new Error("a txn has ops");
  return { kind: "txn", compares: [], success, failure: [], readOnly: false };
}

function toOp(text: string): PutCommand | DeleteRangeCommand {
  const [word, key, value, lease = "0"] = text.split(" ");
  if (word === "put") {
    const repeated = /^(.)\*(\d+)$/.exec(value ?? "");
    const whole = repeated === null ? value : repeated[1]?.repeat(Number(repeated[2]));
    return putCommand(bytes(key), bytes(whole), BigInt(lease));
  }
  if (word !== "delete") throw new Error(`no such word: ${text}`);
  return { kind: "delete-range", range: parseKeyRange(bytes(key), bytes(value)), prevKv: false };
}

function positionText(position: Position): string {
  switch (position.kind) {
    case "synced":
      return "synced";
    case "riding":
      return "riding";
    case "cancelled":
      return "cancelled";
    case "listing":
      return `listing ${cursorText(position.listing.cursor)}`;
    default:
      if (position.kind === "victim" && position.listing !== undefined) {
        return `victim listing ${cursorText(position.listing)}`;
      }
      return `${position.kind} next=${position.nextRevision}`;
  }
}

function cursorText({ revision, nextKey }: ListingCursor): string {
  if (nextKey === undefined) return `at=${revision} complete`;
  return `at=${revision} from=${Buffer.from(nextKey).toString("latin1")}`;
}

function responseText(response: SeenResponse): string {
  const events = response.events.map(({ type, keyValue, previous, isExpiry }) => {
    const what =
      type === "put" ? `${keyValue.key}=${valueText(keyValue.value)}` : `-${keyValue.key}`;
    const created = keyValue.create === keyValue.mod ? "+" : "";
    const before = previous === undefined ? "" : ` was ${valueText(previous.value)}`;
    const lease = keyValue.lease === undefined ? "" : ` on ${keyValue.lease}`;
    const reason = isExpiry ? " expired" : "";
    return `${created}${what}@${keyValue.mod}${lease}${before}${reason}`.replaceAll("\xff", "^f");
  });
  const words = [`#${response.id}`, `rev=${response.revision}`];
  if (response.created) words.push("created");
  if (response.canceled) words.push("canceled");
  if (response.compactRevision > 0) words.push(`compacted=${response.compactRevision}`);
  if (response.cancelReason !== "") words.push(`"${response.cancelReason}"`);
  if (response.fragment) words.push("fragment");
  if (response.skipped) words.push("skipped");
  if (response.stateComplete) words.push("state-complete");
  return [...words, ...events].join(" ");
}

function valueText(value: string): string {
  if (value === "") return '""';
  return value.length > 12 ? `${value.length}B` : value;
}
