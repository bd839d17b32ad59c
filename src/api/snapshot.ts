import { createHash } from "node:crypto";
import { GrpcCode } from "../base/errors.ts";
import { WireWriter } from "../base/wire.ts";
import type { Replica } from "../replica/replica.ts";
import type { Snapshot } from "../replica/snapshot-runner.ts";
import type { Method, StreamCall, StreamHandler } from "./call.ts";
import type { MemberIdentity } from "./member.ts";
import { decode, DESCRIPTORS } from "./proto/codec.ts";
import { NO_REQUEST, undecodableText } from "./unary.ts";

export interface SnapshotOptions {
  readonly replica: Replica;
  readonly member: MemberIdentity;
}

/** As much of the file as etcd puts into one message (M40). */
const BLOB_BYTES_MAX: number = 32 * 1024;
/** The fields of SnapshotResponse. */
const REMAINING_FIELD = 2;
const BLOB_FIELD = 3;
const VERSION_FIELD = 4;
/** The form of the database: see `stateBuckets`. */
const DATABASE_VERSION = "3.5.0";

/** Maintenance.Snapshot: the store as an etcd database, and its SHA-256 behind it (M40, M41). */
export function snapshotMethod(options: SnapshotOptions): Method {
  return { kind: "stream", open: (call): StreamHandler => new SnapshotCall(call, options) };
}

/**
 * One Snapshot call. It asks for the next part when the client has taken what came before, so it
 * holds no more than one; a client that stops reading costs the server nothing but what compactions
 * would have removed meanwhile.
 */
class SnapshotCall implements StreamHandler {
  readonly #call: StreamCall;
  readonly #options: SnapshotOptions;
  readonly #hash = createHash("sha256");
  readonly #blob: Uint8Array = new Uint8Array(BLOB_BYTES_MAX);
  readonly #message = new WireWriter();
  #blobBytes = 0;
  #remaining = 0;
  #asked = false;
  #pulling = false;
  #ended = false;
  #snapshot: Snapshot | undefined;

  constructor(call: StreamCall, options: SnapshotOptions) {
    this.#call = call;
    this.#options = options;
  }

  message(bytes: Uint8Array): void {
    if (this.#ended || this.#asked) return;
    try {
      decode(DESCRIPTORS.SnapshotRequest, bytes);
    } catch (error) {
      this.#end(GrpcCode.internal, undecodableText(error));
      return;
    }
    this.#asked = true;
    const { replica, member } = this.#options;
    const own = replica.members.find(({ id }) => id === member.memberId);
    replica.snapshot({ ...member, peerUrls: own?.peerUrls ?? [] }, (snapshot) => {
      if (this.#ended) {
        snapshot.close();
        return;
      }
      this.#snapshot = snapshot;
      this.#remaining = snapshot.totalBytes;
      this.#pull(snapshot);
    });
  }

  halfClosed(): void {
    if (!this.#ended && !this.#asked) this.#end(GrpcCode.internal, NO_REQUEST);
  }

  cancelled(): void {
    this.#close();
  }

  drained(): void {
    if (this.#snapshot !== undefined) this.#pull(this.#snapshot);
  }

  #pull(snapshot: Snapshot): void {
    if (this.#pulling || this.#ended) return;
    this.#pulling = true;
    snapshot.pull((pieces) => {
      this.#pulling = false;
      if (this.#ended) return;
      if (pieces === undefined) {
        this.#finish();
        return;
      }
      for (const piece of pieces) this.#take(piece);
      if (this.#call.writable) this.#pull(snapshot);
    });
  }

  /** Cuts the file into blobs, all full but the last. */
  #take(piece: Uint8Array): void {
    this.#hash.update(piece);
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + BLOB_BYTES_MAX - this.#blobBytes);
      this.#blob.set(part, this.#blobBytes);
      this.#blobBytes += part.length;
      at += part.length;
      if (this.#blobBytes === BLOB_BYTES_MAX) this.#sendBlob();
    }
  }

  #sendBlob(): void {
    const blob = this.#blob.subarray(0, this.#blobBytes);
    this.#blobBytes = 0;
    this.#remaining -= blob.length;
    this.#send(blob);
  }

  #send(blob: Uint8Array): void {
    const message = this.#message;
    message.reset();
    message.uintField(REMAINING_FIELD, this.#remaining);
    message.bytesField(BLOB_FIELD, blob);
    message.stringField(VERSION_FIELD, DATABASE_VERSION);
    this.#call.send(message.bytes());
  }

  #finish(): void {
    if (this.#blobBytes > 0) this.#sendBlob();
    this.#send(this.#hash.digest());
    this.#end(GrpcCode.ok, "");
  }

  #end(code: GrpcCode, text: string): void {
    this.#close();
    this.#call.end(code, text);
  }

  #close(): void {
    this.#ended = true;
    this.#snapshot?.close();
    this.#snapshot = undefined;
  }
}
