import { EtcdError, GrpcCode } from "../../base/errors.ts";
import type { Timers } from "../../base/outside.ts";
import type { AuthChange } from "../../machine/auth-command.ts";
import type { WatchHub } from "../../watch/hub.ts";
import { partsOf, type WatchRange } from "../../watch/watch-range.ts";
import type { StreamClient, WatchStream } from "../../watch/watch-stream.ts";
import type { Watcher } from "../../watch/watcher.ts";
import type { CallInfo } from "../call.ts";
import type { AuthGate } from "./gate.ts";
import type { Judge } from "./judge.ts";

/** Watchers that are judged in one turn of the event loop: about a millisecond. */
const WATCHERS_PER_TURN = 5_000;

/** The client of a Watch call, whose user becomes known when it first proves who it is. */
export class WatchClient implements StreamClient {
  readonly peer: string;
  readonly call: CallInfo;
  #user = "";
  #isDeleted = false;

  constructor(call: CallInfo) {
    this.peer = call.peer;
    this.call = call;
  }

  get user(): string {
    return this.#user;
  }

  /** The proof holds for the life of the stream, though a token may expire (D14). */
  proved(user: string): void {
    this.#user = user;
    this.#isDeleted = false;
  }

  /** Whether the user is no more who it was: whoever has its name now is somebody else. */
  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  deleted(user: string): void {
    if (this.#user === user) this.#isDeleted = true;
  }
}

export interface WatchGuardOptions {
  readonly gate: AuthGate;
  readonly hub: WatchHub;
  readonly timers: Timers;
}

/**
 * Judges watches: each create as it comes (W20), and all of them again when users or roles have
 * changed, since a watch lives for long (D14). Those that may go on no longer are cancelled, a
 * slice of them a turn of the event loop.
 */
export class WatchGuard {
  readonly #gate: AuthGate;
  readonly #hub: WatchHub;
  readonly #timers: Timers;
  #isRunning = false;
  #isOutrun = false;

  constructor({ gate, hub, timers }: WatchGuardOptions) {
    this.#gate = gate;
    this.#hub = hub;
    this.#timers = timers;
  }

  /** Who opens a stream; nothing is refused yet, since other creates may be allowed (W20). */
  client(call: CallInfo): WatchClient {
    const client = new WatchClient(call);
    if (!this.#gate.isOpen) {
      const identity = this.#gate.identify(call);
      const isProof = this.#gate.judge(identity).current() === undefined;
      if (isProof && identity !== undefined && !(identity instanceof EtcdError)) {
        client.proved(identity.user);
      }
    }
    return client;
  }

  /** The cancel_reason of a create that is refused. */
  refusal(client: WatchClient, range: WatchRange): string | undefined {
    if (this.#gate.isOpen) return undefined;
    const identity = this.#gate.identify(client.call);
    const refused = this.#gate.judge(identity).watches(partsOf(range));
    if (refused !== undefined) return printed(refused);
    if (identity !== undefined && !(identity instanceof EtcdError)) client.proved(identity.user);
    return undefined;
  }

  /** Users or roles have changed, in this way. */
  recheck(change: AuthChange): void {
    if (change.kind === "user-delete") {
      for (const { client } of this.#hub.streams) {
        if (client instanceof WatchClient) client.deleted(change.name);
      }
    }
    this.#isOutrun = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#begin();
  }

  #begin(): void {
    if (!this.#isOutrun) {
      this.#isRunning = false;
      return;
    }
    this.#isOutrun = false;
    this.#slice(this.#candidates());
  }

  #slice(candidates: Iterator<void>): void {
    for (let i = 0; i < WATCHERS_PER_TURN; i++) {
      if (candidates.next().done === true) {
        this.#begin();
        return;
      }
    }
    this.#timers.endOfTurn(() => this.#slice(candidates));
  }

  /** Judges one watcher a step; streams and watchers may come and go meanwhile. */
  *#candidates(): Generator<void, void> {
    for (const stream of this.#hub.streams) {
      if (this.#gate.isOpen) return;
      // The call that it waits for is judged by itself.
      if (stream.client.isInternal === true) continue;
      const judge = this.#judgeOf(stream);
      const verdicts = new Map<unknown, EtcdError | undefined>();
      for (const watcher of [...stream.watchers]) {
        yield;
        this.#recheck(stream, watcher, judge, verdicts);
      }
    }
  }

  #recheck(
    stream: WatchStream,
    watcher: Watcher,
    judge: Judge,
    verdicts: Map<unknown, EtcdError | undefined>,
  ): void {
    if (watcher.position.kind === "cancelled" || this.#gate.isOpen) return;
    const { watchClass } = watcher;
    if (!verdicts.has(watchClass)) {
      verdicts.set(watchClass, judge.watches(partsOf(watchClass.range)));
    }
    const refused = verdicts.get(watchClass);
    if (refused !== undefined) stream.cancelByOperator(watcher.id, printed(refused));
  }

  /** Who has once proved who it is stays who it is; the others are asked now. */
  #judgeOf({ client }: WatchStream): Judge {
    const gate = this.#gate;
    if (client.user === "" && client instanceof WatchClient) {
      const identity = gate.identify(client.call);
      if (identity === undefined || identity instanceof EtcdError) return gate.judge(identity);
      if (identity.authRevision < gate.auth.revision) return gate.judge(identity);
      client.proved(identity.user);
    }
    if (client.user === "") return gate.judge(undefined);
    if (client instanceof WatchClient && client.isDeleted) {
      return gate.judge(new EtcdError("permissionDenied"));
    }
    // Users may change between two slices: then the proof is not too old, and all are judged again.
    return gate.judge({ user: client.user, authRevision: Number.POSITIVE_INFINITY });
  }
}

/** Go's names of the codes that a create may be refused with. */
const CODE_NAMES: Readonly<Partial<Record<GrpcCode, string>>> = {
  [GrpcCode.invalidArgument]: "InvalidArgument",
  [GrpcCode.permissionDenied]: "PermissionDenied",
  [GrpcCode.unauthenticated]: "Unauthenticated",
};

/** An error as Go prints it: what etcd puts into cancel_reason (W20). */
function printed({ code, message }: EtcdError): string {
  return `rpc error: code = ${CODE_NAMES[code] ?? "Unknown"} desc = ${message}`;
}
