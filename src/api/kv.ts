import { EtcdError } from "../base/errors.ts";
import { WireWriter } from "../base/wire.ts";
import type { Command } from "../machine/command.ts";
import { putCost, txnCost } from "../machine/write-cost.ts";
import type { CompactResult, Outcome, ResultOf } from "../machine/result.ts";
import type { Replica } from "../replica/replica.ts";
import type { Method, UnaryCall } from "./call.ts";
import { parseCompact, parseDeleteRange, parsePut, parseRange, parseTxn } from "./parse.ts";
import { decode, DESCRIPTORS } from "./proto/codec.ts";
import {
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
} from "./proto/decode-requests.ts";
import type { CompactionRequest } from "./proto/messages-key-value.ts";
import type { ResponseHeaderWriter } from "../base/response-header.ts";
import {
  writeDeleteRangeResponse,
  writeHeaderResponse,
  writePutResponse,
  writeRangeResponse,
  writeTxnResponse,
} from "./proto/write-responses.ts";
import { RangeStream } from "./range-stream.ts";
import type { SpaceQuota } from "./space-quota.ts";
import { decodeOrFail, failWith } from "./unary.ts";

export interface KvOptions {
  readonly replica: Replica;
  readonly header: ResponseHeaderWriter;
  readonly quota: SpaceQuota;
  /** Largest request that may be proposed (T4); reads may be as large as transport lets through. */
  readonly maxRequestBytes: number;
  /** K50. */
  readonly maxTxnOps: number;
}

type WriteResponse<Result> = (
  writer: WireWriter,
  header: ResponseHeaderWriter,
  result: Result,
) => void;

/** Room for a response that was larger than this is not kept for the next one. */
const WRITER_BYTES_KEPT: number = 1024 * 1024;

/**
 * The KV service. A request is read from the wire once, checked and handed on as a command; answers
 * are written into one buffer, which the call copies before it is used again.
 */
export class KvService {
  readonly #replica: Replica;
  readonly #header: ResponseHeaderWriter;
  readonly #quota: SpaceQuota;
  readonly #maxRequestBytes: number;
  readonly #maxTxnOps: number;
  #writer = new WireWriter();

  constructor(options: KvOptions) {
    this.#replica = options.replica;
    this.#header = options.header;
    this.#quota = options.quota;
    this.#maxRequestBytes = options.maxRequestBytes;
    this.#maxTxnOps = options.maxTxnOps;
  }

  methods(): readonly (readonly [string, Method])[] {
    return [
      ["/etcdserverpb.KV/Range", unary((bytes, call) => this.#range(bytes, call))],
      ["/etcdserverpb.KV/Put", unary((bytes, call) => this.#put(bytes, call))],
      ["/etcdserverpb.KV/DeleteRange", unary((bytes, call) => this.#deleteRange(bytes, call))],
      ["/etcdserverpb.KV/Txn", unary((bytes, call) => this.#txn(bytes, call))],
      ["/etcdserverpb.KV/Compact", unary((bytes, call) => this.#compact(bytes, call))],
      ["/etcdserverpb.KV/RangeStream", this.#rangeStream()],
    ];
  }

  #range(bytes: Uint8Array, call: UnaryCall): void {
    const request = decodeOrFail(decodeRangeRequest, bytes, call);
    if (request === undefined) return;
    const query = parseRange(request);
    const outcome = query instanceof EtcdError ? query : this.#replica.read(query);
    this.#answer(outcome, call, writeRangeResponse);
  }

  #put(bytes: Uint8Array, call: UnaryCall): void {
    const request = decodeOrFail(decodePutRequest, bytes, call);
    if (request === undefined) return;
    const command = this.#sized(bytes, parsePut(request));
    if (!(command instanceof EtcdError) && !this.#quota.admits(putCost(command), call)) return;
    this.#propose(command, call, writePutResponse);
  }

  #deleteRange(bytes: Uint8Array, call: UnaryCall): void {
    const request = decodeOrFail(decodeDeleteRangeRequest, bytes, call);
    if (request === undefined) return;
    this.#propose(this.#sized(bytes, parseDeleteRange(request)), call, writeDeleteRangeResponse);
  }

  #txn(bytes: Uint8Array, call: UnaryCall): void {
    const request = decodeOrFail(decodeTxnRequest, bytes, call);
    if (request === undefined) return;
    const parsed = parseTxn(request, this.#maxTxnOps);
    if (!(parsed instanceof EtcdError) && parsed.readOnly) {
      this.#answer(this.#replica.readTxn(parsed), call, writeTxnResponse);
      return;
    }
    const command = this.#sized(bytes, parsed);
    if (!(command instanceof EtcdError) && !this.#quota.admits(txnCost(command), call)) return;
    this.#propose(command, call, writeTxnResponse);
  }

  #compact(bytes: Uint8Array, call: UnaryCall): void {
    const request = decodeOrFail(decodeCompactionRequest, bytes, call);
    if (request === undefined) return;
    this.#propose(parseCompact(request), call, writeCompactionResponse);
  }

  #rangeStream(): Method {
    const options = {
      replica: this.#replica,
      header: this.#header,
      chunkBytes: this.#maxRequestBytes,
    };
    return { kind: "stream", open: (call): RangeStream => new RangeStream(call, options) };
  }

  /** E34: asked after the static checks, as in etcd (K1). */
  #sized<C extends Command>(bytes: Uint8Array, command: Outcome<C>): Outcome<C> {
    if (command instanceof EtcdError || bytes.length <= this.#maxRequestBytes) return command;
    return new EtcdError("requestTooLarge");
  }

  #propose<C extends Command>(
    command: Outcome<C>,
    call: UnaryCall,
    write: WriteResponse<ResultOf<C>>,
  ): void {
    if (command instanceof EtcdError) failWith(call, command);
    else this.#replica.propose(command, (outcome) => this.#answer(outcome, call, write));
  }

  #answer<Result>(outcome: Outcome<Result>, call: UnaryCall, write: WriteResponse<Result>): void {
    if (outcome instanceof EtcdError) {
      failWith(call, outcome);
      return;
    }
    const writer = this.#writer;
    writer.reset();
    write(writer, this.#header, outcome);
    call.reply(writer.bytes());
    if (writer.length > WRITER_BYTES_KEPT) this.#writer = new WireWriter();
  }
}

function unary(handle: (bytes: Uint8Array, call: UnaryCall) => void): Method {
  return { kind: "unary", handle };
}

function decodeCompactionRequest(bytes: Uint8Array): CompactionRequest {
  return decode(DESCRIPTORS.CompactionRequest, bytes);
}

function writeCompactionResponse(
  writer: WireWriter,
  header: ResponseHeaderWriter,
  result: CompactResult,
): void {
  writeHeaderResponse(writer, header, result.revision);
}
