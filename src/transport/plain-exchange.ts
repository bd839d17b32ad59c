import type { HttpHandler, HttpResponse } from "../api/call.ts";
import { ByteQueue } from "./byte-queue.ts";
import { encodeHeaderBlock, type HeaderField } from "./header-block.ts";
import { headerOf } from "./http2/request-head.ts";
import type { Resumable, Stream, StreamConsumer, StreamHost } from "./http2/stream.ts";

/** Answers of our own to requests that never reach the handler. */
const TOO_LARGE: HttpResponse = {
  status: 413,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: "request body too large\n",
};
const STOPPING: HttpResponse = {
  status: 503,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: "server is stopping\n",
};

/** An HTTP/2 request that is not gRPC: the whole body is collected, then answered in one piece. */
export class PlainExchange implements StreamConsumer, Resumable {
  readonly #host: StreamHost;
  readonly #stream: Stream;
  readonly #handler: HttpHandler;
  readonly #bodyBytesMax: number;
  readonly #body: ByteQueue = new ByteQueue();
  #isOver = false;

  constructor(host: StreamHost, stream: Stream, handler: HttpHandler, bodyBytesMax: number) {
    this.#host = host;
    this.#stream = stream;
    this.#handler = handler;
    this.#bodyBytesMax = bodyBytesMax;
  }

  data(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#isOver) return;
    if (end > start) this.#body.push(bytes, start, end);
    const { receivedBytes } = this.#stream;
    if (receivedBytes > this.#bodyBytesMax || !this.#host.hold(this.#stream, receivedBytes, 0)) {
      this.#respond(TOO_LARGE);
      return;
    }
    if (isLast) this.resume();
  }

  /** Hands the request on, unless the client has so much to read already that it may wait. */
  resume(): void {
    if (this.#isOver) return;
    if (this.#host.isCongested) {
      this.#host.hold(this.#stream, this.#body.length, this.#body.length);
      this.#host.afterCongestion(this);
      return;
    }
    const { head } = this.#stream;
    const request = {
      method: head.method,
      target: head.path,
      header: (name: string): string | undefined => headerOf(head, name),
      ...this.#host.security,
      body: this.#body.view(),
    };
    this.#handler(request, (response) => this.#respond(response));
  }

  drained(): void {}

  aborted(): void {
    this.#isOver = true;
  }

  cut(): void {
    this.#respond(STOPPING);
  }

  #respond(response: HttpResponse): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const body = Buffer.from(response.body);
    const fields: HeaderField[] = Object.entries(response.headers);
    if (response.headers["content-length"] === undefined) {
      fields.push(["content-length", String(body.length)]);
    }
    const block = encodeHeaderBlock(response.status, fields);
    const isBare = body.length === 0 || this.#stream.head.method === "HEAD";
    const { sender } = this.#host;
    sender.headers(this.#stream, block, isBare);
    if (isBare) return;
    sender.body(this.#stream, body);
    sender.finish(this.#stream, "end");
  }
}
