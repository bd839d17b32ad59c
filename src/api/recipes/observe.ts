import { copyBytes, latin1Text } from "../../base/bytes.ts";
import { EtcdError, GrpcCode } from "../../base/errors.ts";
import type { KeyRange } from "../../base/key-range.ts";
import { WireWriter } from "../../base/wire.ts";
import { keyOf, modRevisionOf, parseKeyValue } from "../../mvcc/key-value.ts";
import type { StreamCall, StreamHandler } from "../call.ts";
import { headerOf, type MemberIdentity } from "../member.ts";
import { decode, DESCRIPTORS, encode } from "../proto/codec.ts";
import { NO_REQUEST, undecodableText } from "../unary.ts";
import { awaitEvent } from "./key-notice.ts";
import { firstOf, queueRange, type RecipeOptions } from "./queue.ts";

export interface ObserveOptions extends RecipeOptions {
  readonly member: MemberIdentity;
}

/**
 * One Observe call (X9): the leader of an election, and again each time that it says something new
 * or is another one. It looks when there is news and the client can take an answer, so what comes
 * in between is passed over: always the latest, not everything.
 */
export class ObserveStream implements StreamHandler {
  readonly #call: StreamCall;
  readonly #options: ObserveOptions;
  readonly #writer = new WireWriter();
  #queue: KeyRange | undefined;
  #cancelWait: (() => void) | undefined;
  /** What was told last: a key's change. */
  #told = "";
  #isWaitingForClient = false;
  #isOver = false;

  constructor(call: StreamCall, options: ObserveOptions) {
    this.#call = call;
    this.#options = options;
  }

  message(bytes: Uint8Array): void {
    if (this.#isOver || this.#queue !== undefined) return;
    try {
      const { name } = decode(DESCRIPTORS.LeaderRequest, bytes);
      this.#queue = queueRange(copyBytes(name));
    } catch (error) {
      this.#end(GrpcCode.internal, undecodableText(error));
      return;
    }
    this.#look(this.#queue);
  }

  halfClosed(): void {
    if (!this.#isOver && this.#queue === undefined) this.#end(GrpcCode.internal, NO_REQUEST);
  }

  cancelled(): void {
    this.#isOver = true;
    this.#cancelWait?.();
  }

  drained(): void {
    if (this.#isOver || !this.#isWaitingForClient || this.#queue === undefined) return;
    this.#isWaitingForClient = false;
    this.#look(this.#queue);
  }

  /** Tells the leader if that is news, and waits for the next. */
  #look(queue: KeyRange): void {
    if (this.#isOver) return;
    if (!this.#call.writable) {
      this.#isWaitingForClient = true;
      return;
    }
    const { replica, hub, timers } = this.#options;
    const found = replica.read(firstOf(queue));
    if (found instanceof EtcdError) {
      this.#end(GrpcCode.unknown, found.message);
      return;
    }
    const leader = found.keyValues[0];
    if (leader !== undefined) this.#tell(leader, found.revision);
    if (this.#isOver) return;
    const range: KeyRange =
      leader === undefined ? queue : { kind: "single", key: copyBytes(keyOf(leader)) };
    const options = { hub, timers, range, deletesOnly: false, peer: this.#call.peer };
    this.#cancelWait = awaitEvent(options, () => this.#look(queue));
    if (this.#cancelWait === undefined) this.#end(GrpcCode.ok, "");
  }

  #tell(leader: Uint8Array, revision: number): void {
    const key = keyOf(leader);
    const change = `${modRevisionOf(leader)} ${latin1Text(key, 0, key.length)}`;
    if (change === this.#told) return;
    this.#told = change;
    const writer = this.#writer;
    writer.reset();
    const header = headerOf(this.#options.member, revision);
    encode(DESCRIPTORS.LeaderResponse, { header, kv: parseKeyValue(leader) }, writer);
    this.#call.send(writer.bytes());
  }

  #end(code: GrpcCode, text: string): void {
    this.#isOver = true;
    this.#cancelWait?.();
    this.#call.end(code, text);
  }
}
