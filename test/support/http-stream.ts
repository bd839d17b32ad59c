import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";

/** A streaming answer over HTTP/1.1, read line by line. */
export class HttpStream {
  readonly #request: ClientRequest;
  readonly #lines: string[] = [];
  #rest = "";
  #hasEnded = false;
  #wake: () => void = () => undefined;
  readonly response: Promise<IncomingMessage>;

  constructor(
    port: number,
    path: string,
    { method = "POST", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
  ) {
    this.#request = request({ host: "127.0.0.1", port, path, method, headers, agent: false });
    this.response = new Promise((resolve, reject) => {
      this.#request.on("error", reject);
      this.#request.on("response", (response) => {
        response.setEncoding("utf8");
        response.on("data", (piece: string) => this.#take(piece));
        response.on("close", () => {
          this.#hasEnded = true;
          this.#wake();
        });
        response.on("error", () => undefined);
        resolve(response);
      });
    });
    if (method === "GET") this.#request.end();
    else this.#request.flushHeaders();
  }

  #take(piece: string): void {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    this.#lines.push(...lines);
    this.#wake();
  }

  send(message: unknown): void {
    this.#request.write(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Ends the body; the answer may go on. */
  end(): void {
    this.#request.end();
  }

  /** The next line that is not empty; undefined at the end. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined && line !== "") return line;
      if (line === undefined) {
        if (this.#hasEnded) return undefined;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  /** The next line as JSON. */
  async json(): Promise<Record<string, unknown>> {
    return JSON.parse((await this.line()) ?? "null") as Record<string, unknown>;
  }

  /** Stops reading, until the socket and the server's queues are full. */
  async pause(paused: boolean): Promise<void> {
    const response = await this.response;
    if (paused) response.pause();
    else response.resume();
  }

  close(): void {
    this.#request.destroy();
  }
}

/** Sends these bytes, and reads all that comes until the server closes. */
export function exchangeRaw(port: number, sent: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(sent));
    socket.on("data", (piece: Buffer) => {
      text += piece.toString("latin1");
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

/** One POST with JSON: the status and the answer. */
export async function postJson(
  port: number,
  path: string,
  message: unknown,
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    body: JSON.stringify(message),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
