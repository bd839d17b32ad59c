import {
  type Answer,
  type PendingCall,
  RpcClient,
  type WatchStream,
  methodFact,
} from "../support/rpc-client.ts";
import { type ServerKind, TestServer, httpGet } from "../support/servers.ts";
import { parseText, printMessage } from "../support/text-format.ts";
import { type Message, decodeMessage, encodeMessage } from "../support/wire-codec.ts";

/**
 * Runs the commands of a scenario against one server and prints each answer as text, with what
 * must differ between servers replaced by names: ids, ports, sizes, raft's counters.
 *
 *     Put key:a value:1                 a unary call, by method name
 *     repeat 300 Put key:k%i            the same, %i = 0, 1, ...; the last answer is printed
 *     flood 1200 Put key:a value:1      the same call many times at once
 *     watch w                           opens a Watch stream called w
 *     send w create_request:{key:a}     sends one WatchRequest
 *     recv w 2                          waits for 2 responses and prints them
 *     recv w 3 sorted                   the same where the order among watchers is free (W32)
 *     recv w 100 brief                  the same, and only the first and the last are printed
 *     recv w until created              prints all up to the first with that field
 *     recv w merged 40 [brief]          joins responses until 40 events came, prints only events
 *     half-close w / abandon w          ends the request side / cancels the call
 *     status w                          how the stream ended
 *     stream RangeStream key:a          a server-streaming call, all its messages
 *     keepalive ID ID                   a LeaseKeepAlive call that asks for these, one after the other
 *     begin b Lock name:l lease:2       a unary call that is not waited for
 *     end b / drop b                    waits for its answer / cancels it
 *     observe o name:e                  opens an Observe stream called o
 *     told o 2                          waits for 2 of its messages and prints them
 *     raw PATH HEX                      a unary call with these bytes
 *     http GET /path                    status, content type and body over HTTP/1.1
 *     MemberRemove ID:ADDED             MEMBER is the server's own id, ADDED that of MemberAdd
 *     login NAME PASSWORD               authenticates; what is done `as NAME` shows the token
 *     as NAME COMMAND                   the same command as this user
 *     restart                           stops the server by SIGTERM and starts it on its data again
 */
export class Session {
  readonly #kind: ServerKind;
  #server: TestServer;
  #client: RpcClient;
  readonly #streams = new Map<string, WatchStream>();
  readonly #pending = new Map<string, PendingCall>();
  readonly #tokens = new Map<string, string>();
  #names: [pattern: RegExp, name: string][] = [];
  readonly #idsByName = new Map<string, string>();
  /** The ids that every header must carry, once seen. */
  #ids: string | undefined;

  private constructor(kind: ServerKind, server: TestServer) {
    this.#kind = kind;
    this.#server = server;
    this.#client = new RpcClient(server.endpoint);
  }

  static async start(kind: ServerKind, flags: readonly string[] = []): Promise<Session> {
    // Whatever a scenario is about: of ours, every watcher in it has to see the truth.
    const audit = kind === "vedette";
    const session = new Session(kind, await TestServer.start(kind, { flags, audit }));
    await session.#learnNames();
    return session;
  }

  async dispose(): Promise<void> {
    for (const stream of this.#streams.values()) stream.cancel();
    this.#client.close();
    await this.#server.dispose();
  }

  async run(command: string): Promise<string> {
    const [verb = "", ...words] = command.split(/\s+/);
    const rest = command.slice(verb.length).trim();
    switch (verb) {
      case "repeat": {
        let answer = "";
        for (let i = 0; i < Number(words[0]); i++) {
          const one = rest.slice((words[0] ?? "").length).trim();
          answer = await this.run(one.replaceAll("%i", String(i)));
        }
        return answer;
      }
      case "flood": {
        const one = rest.slice((words[0] ?? "").length).trim();
        const calls = Array.from({ length: Number(words[0]) }, () => this.run(one));
        const answers = await Promise.all(calls);
        const refused = answers.find((answer) => answer.startsWith("error"));
        return refused ?? `${answers.length} in all`;
      }
      case "watch":
        this.#streams.set(words[0] ?? "", this.#client.openWatch());
        return "";
      case "send":
        this.#stream(words[0]).send(parseText("WatchRequest", rest.slice(words[0]?.length)));
        return "";
      case "recv":
        return this.#receive(this.#stream(words[0]), words.slice(1));
      case "half-close":
        this.#stream(words[0]).halfClose();
        return "";
      case "abandon":
        this.#stream(words[0]).cancel();
        return "";
      case "status": {
        const status = await this.#stream(words[0]).ended();
        return `error ${status.code} ${status.text}`;
      }
      case "stream":
        return this.#rangeStream(rest.slice(words[0]?.length));
      case "keepalive":
        return this.#keepAlive(words);
      case "begin":
        this.#begin(words[0] ?? "", words[1] ?? "", words.slice(2).join(" "));
        return "";
      case "end":
        return this.#end(words[0] ?? "");
      case "drop":
        this.#pending.get(words[0] ?? "")?.cancel();
        return this.#end(words[0] ?? "");
      case "observe":
        this.#observe(words[0] ?? "", words.slice(1).join(" "));
        return "";
      case "told":
        return this.#told(this.#stream(words[0]), Number(words[1] ?? 1));
      case "raw": {
        const answer = await this.#client.raw(words[0] ?? "", Buffer.from(words[1] ?? "", "hex"));
        return answer.code === 0 ? "ok" : `error ${answer.code} ${answer.text}`;
      }
      case "login":
        return this.#login(words[0] ?? "", words[1] ?? "");
      case "as":
        return this.#as(words[0] ?? "", rest.slice(words[0]?.length).trim());
      case "http":
        return this.#http(words[0] ?? "GET", words[1] ?? "/");
      case "restart":
        await this.#restart();
        return "";
      default:
        return this.#unary(verb, rest);
    }
  }

  async #login(name: string, password: string): Promise<string> {
    const { code, text, message } = await this.#client.call("Authenticate", { name, password });
    if (message === undefined) return `error ${code} ${text}`;
    this.#checkHeader("Authenticate", message);
    const token = String(message["token"]);
    this.#tokens.set(name, token);
    return /^[a-zA-Z]{16}\.\d+$/.test(token) ? "ok" : token;
  }

  async #as(name: string, command: string): Promise<string> {
    this.#client.token = this.#tokens.get(name) ?? name;
    const answer = await this.run(command);
    this.#client.token = undefined;
    return answer;
  }

  #begin(name: string, method: string, text: string): void {
    const request = parseText(methodFact(method).request, text);
    this.#pending.set(name, this.#client.begin(method, request));
  }

  async #end(name: string): Promise<string> {
    const pending = this.#pending.get(name);
    if (pending === undefined) throw new Error(`no call is called ${name}`);
    return this.#answer(pending.name, await pending.answer);
  }

  #observe(name: string, text: string): void {
    const types = { request: "LeaderRequest", response: "LeaderResponse" };
    const stream = this.#client.openServerStream("/v3electionpb.Election/Observe", types);
    stream.send(parseText("LeaderRequest", text));
    stream.halfClose();
    this.#streams.set(name, stream);
  }

  async #told(stream: WatchStream, count: number): Promise<string> {
    const lines: string[] = [];
    while (lines.length < count) {
      const message = await stream.next();
      this.#checkHeader("Observe", message);
      lines.push(this.#print("LeaderResponse", message));
    }
    return lines.join("\n");
  }

  async #unary(method: string, text: string): Promise<string> {
    const fact = methodFact(method);
    const request = parseText(fact.request, this.#withIds(text));
    return this.#answer(method, await this.#client.call(method, request));
  }

  #answer(method: string, answer: Answer): string {
    const fact = methodFact(method);
    if (answer.message === undefined) return `error ${answer.code} ${answer.text}`;
    this.#checkHeader(method, answer.message);
    if (method === "MemberAdd") this.#learnAdded(answer.message);
    this.#sortMembers(answer.message);
    return this.#print(fact.response, answer.message);
  }

  /** Members come by id, and the time goes into an added one's: the server's own comes first. */
  #sortMembers(message: Message): void {
    const members = message["members"] as Message[] | undefined;
    const own = this.#idsByName.get("MEMBER");
    members?.sort((left) => (String(left["ID"]) === own ? -1 : 1));
  }

  /** MEMBER and ADDED stand for ids in requests, too. */
  #withIds(text: string): string {
    return text.replaceAll(/\b(?:MEMBER|ADDED)\b/g, (name) => this.#idsByName.get(name) ?? name);
  }

  #learnAdded(message: Message): void {
    const id = String((message["member"] as Message)["ID"]);
    this.#idsByName.set("ADDED", id);
    this.#names.push([new RegExp(`\\b${id}\\b`, "g"), "ADDED"]);
  }

  /** Every top-level header names the same cluster, member and a raft term (O5, K5). */
  #checkHeader(method: string, message: Message): void {
    const header = message["header"] as Message | undefined;
    if (header === undefined) return;
    const ids = `${String(header["cluster_id"])} ${String(header["member_id"])}`;
    this.#ids ??= ids;
    if (ids !== this.#ids) throw new Error(`${method}: a header with other ids: ${ids}`);
    const isPlain = "cluster_id" in header && "member_id" in header;
    if (!isPlain || Number(header["raft_term"]) < 2) {
      throw new Error(`${method}: a header without ids or term`);
    }
  }

  async #receive(stream: WatchStream, words: readonly string[]): Promise<string> {
    const all: Message[] = [];
    if (words[0] === "merged") {
      const events: Message[] = [];
      while (events.length < Number(words[1])) {
        const response = await stream.next();
        events.push(...((response["events"] as Message[] | undefined) ?? []));
      }
      const lines = events.map((event) => this.#print("Event", event));
      return (words[2] === "brief" ? brief(lines) : lines).join("\n");
    }
    if (words[0] === "until") {
      do all.push(await stream.next());
      while (!((words[1] ?? "") in (all.at(-1) ?? {})));
    } else {
      while (all.length < Number(words[0] ?? 1)) all.push(await stream.next());
    }
    for (const response of all) {
      const header = response["header"] as Message | undefined;
      // The cancel that compaction causes has no revision in its header (W15).
      if (header !== undefined) this.#checkHeader("Watch", response);
    }
    if (words[1] === "sorted" || words[1] === "brief") {
      const id = (response: Message): number => Number(response["watch_id"] ?? 0);
      all.sort((left, right) => id(left) - id(right));
    }
    const lines = all.map((response) => this.#print("WatchResponse", response));
    return (words[1] === "brief" ? brief(lines) : lines).join("\n");
  }

  async #rangeStream(text: string): Promise<string> {
    const request = encodeMessage("RangeRequest", parseText("RangeRequest", text));
    const path = "/etcdserverpb.KV/RangeStream";
    const { code, text: reason, all } = await this.#client.collect(path, request);
    const lines = all.map((bytes) => {
      const message = decodeMessage("RangeStreamResponse", bytes);
      return this.#print("RangeStreamResponse", message);
    });
    return [...lines, code === 0 ? "ok" : `error ${code} ${reason}`].join("\n");
  }

  async #keepAlive(ids: readonly string[]): Promise<string> {
    const requests = ids.map((id) => encodeMessage("LeaseKeepAliveRequest", { ID: BigInt(id) }));
    const path = "/etcdserverpb.Lease/LeaseKeepAlive";
    const { code, text, all } = await this.#client.exchange(path, requests);
    const lines = all.map((bytes) => {
      const message = decodeMessage("LeaseKeepAliveResponse", bytes);
      this.#checkHeader("LeaseKeepAlive", message);
      return this.#print("LeaseKeepAliveResponse", message);
    });
    return [...lines, code === 0 ? "ok" : `error ${code} ${text}`].join("\n");
  }

  async #http(method: string, path: string): Promise<string> {
    const { status, headers, body } = await httpGet(this.#server.port, path, method);
    const type = String(headers["content-type"] ?? "no type");
    const allow = headers["allow"] === undefined ? "" : ` allow ${String(headers["allow"])}`;
    return `${status} ${type}${allow}\n${body.trim()}`.trim();
  }

  async #restart(): Promise<void> {
    // An open stream would make etcd wait for it (W38).
    for (const stream of this.#streams.values()) stream.cancel();
    this.#streams.clear();
    this.#client.close();
    if (!(await this.#server.stop())) throw new Error("the server did not stop by SIGTERM");
    const { dataDir, port, audit } = this.#server;
    this.#server = await TestServer.start(this.#kind, { dataDir, port, audit });
    this.#client = new RpcClient(this.#server.endpoint);
  }

  #stream(name: string | undefined): WatchStream {
    const stream = this.#streams.get(name ?? "");
    if (stream === undefined) throw new Error(`no stream is called ${name}`);
    return stream;
  }

  async #learnNames(): Promise<void> {
    const answer = await this.#client.call("MemberList", {});
    const message = answer.message ?? {};
    const header = message["header"] as Message;
    const member = (message["members"] as Message[])[0] as Message;
    const peerUrl = (member["peerURLs"] as string[])[0] ?? "";
    this.#idsByName.set("MEMBER", String(header["member_id"]));
    this.#names = [
      [new RegExp(`\\b${String(header["cluster_id"])}\\b`, "g"), "CLUSTER"],
      [new RegExp(`\\b${String(header["member_id"])}\\b`, "g"), "MEMBER"],
      [new RegExp(`\\b${this.#server.port}\\b`, "g"), "PORT"],
      [new RegExp(`\\b${new URL(peerUrl).port}\\b`, "g"), "PEERPORT"],
      // What is left of the longest lease.
      [/\bTTL:89999\d+/g, "TTL:N"],
      [/\b(dbSize|dbSizeInUse|dbSizeQuota|raft\w+):\d+/g, "$1:N"],
    ];
  }

  #print(type: string, message: Message): string {
    let text = printMessage(type, message);
    for (const [pattern, name] of this.#names) text = text.replaceAll(pattern, name);
    return breakLines(text);
  }
}

function brief(lines: readonly string[]): string[] {
  return [lines[0] ?? "", `${lines.length} in all`, lines.at(-1) ?? ""];
}

/** Long answers take one line per repeated element, so that a failing test shows what differs. */
function breakLines(text: string): string {
  if (text.length <= 96) return text;
  const broken = text.replaceAll(/ (?=(?:kvs|events|responses|prev_kvs|members):\{)/g, "\n  ");
  return broken.replaceAll(/^(.*)(?:\n\1){2,}$/gm, (run: string, line: string) => {
    return `${line} (${run.split("\n").length} times)`;
  });
}
