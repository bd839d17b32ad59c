import { request } from "node:http";

/** One request by HTTP/1.1, as curl would send it. */
export interface GatewayRequest {
  readonly path: string;
  /** POST with a body, GET without one. */
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For a stream: after so many lines the client leaves. */
  readonly lines?: number;
}

/** An answer without what differs from server to server and from time to time. */
export interface GatewayAnswer {
  readonly status: number;
  readonly type: string | undefined;
  readonly isCall: boolean;
  readonly allow: string | undefined;
  readonly body: unknown;
}

export function ask(port: number, asked: GatewayRequest): Promise<GatewayAnswer> {
  const method = asked.method ?? (asked.body === undefined ? "GET" : "POST");
  return new Promise((resolve, reject) => {
    const { path, headers } = asked;
    const options = {
      host: "127.0.0.1",
      port,
      path,
      method,
      agent: false,
      headers: { ...headers },
    };
    const sent = request(options, (response) => {
      let text = "";
      const done = (): void => {
        const {
          "content-type": type,
          "grpc-metadata-content-type": grpc,
          allow,
        } = response.headers;
        const body = bodyOf(text, String(type));
        resolve({
          status: response.statusCode ?? 0,
          type,
          isCall: grpc !== undefined,
          allow,
          body,
        });
        sent.destroy();
      };
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
        if (asked.lines !== undefined && text.split("\n").length > asked.lines) done();
      });
      response.on("end", done);
      response.on("error", reject);
    });
    sent.setTimeout(5000, () => sent.destroy(new Error(`no answer to ${method} ${path}`)));
    sent.on("error", (error) =>
      reject(new Error(`${method} ${path} ${asked.body ?? ""}`.slice(0, 300), { cause: error })),
    );
    sent.end(asked.body);
  });
}

/** JSON as a value, one a line if there are several; all else as it is. */
function bodyOf(text: string, type: string): unknown {
  if (!type.startsWith("application/json")) return text;
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line, neutral) as unknown);
}

const IDS: ReadonlySet<string> = new Set(["cluster_id", "member_id", "raft_term"]);

/** protojson puts one of two kinds of space behind `proto:`, so that nobody compares its texts. */
function neutral(name: string, value: unknown): unknown {
  if (IDS.has(name)) return "?";
  return typeof value === "string" ? value.replace(/^proto:[\s\u00a0]+/, "proto: ") : value;
}

/** How gateways since etcd 3.5 tell an error: without the field `error`, which ours adds (D8). */
export function withoutOldError(answer: GatewayAnswer): GatewayAnswer {
  const { body } = answer;
  if (answer.status === 200 || !Array.isArray(body)) return answer;
  return { ...answer, body: body.map(withoutErrorText) };
}

function withoutErrorText(line: unknown): unknown {
  if (typeof line !== "object" || line === null) return line;
  const { error, ...rest } = line as Record<string, unknown>;
  return typeof error === "string" ? rest : line;
}
