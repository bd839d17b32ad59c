import { EtcdctlWatch, type EtcdctlTarget, normalise, runEtcdctl } from "../e2e/etcdctl.ts";
import type { PEER_KINDS } from "../support/servers.ts";

export type PeerKind = (typeof PEER_KINDS)[number];

/** Which etcdctl asks whom, and as whom. */
export interface StationPlace {
  readonly binary: string;
  /** The etcd that this etcdctl belongs to, whoever is asked. */
  readonly version: PeerKind;
  readonly target: EtcdctlTarget & { readonly flags: readonly string[] };
  /** Flags that name the user, before every command. */
  readonly who: readonly string[];
}

/** One server and one etcdctl. Ids that etcdctl names are kept for later commands. */
export class EtcdctlStation {
  readonly place: StationPlace;
  /** Every command line, without the flags before the command. */
  readonly typed: string[] = [];
  readonly #target: EtcdctlTarget;
  #lease = "0";

  constructor(place: StationPlace) {
    this.place = place;
    this.#target = { ...place.target, flags: [...place.target.flags, ...place.who] };
  }

  /** How a command ended and what it said, without what differs by nature. */
  async run(args: readonly string[], input?: string): Promise<string> {
    const all = this.#typing(args);
    const { exitCode, stdout, stderr } = await this.#ask(all, input);
    const isBinary = all.includes("protobuf") && exitCode === 0;
    const text = `exit ${exitCode}\n${isBinary ? withoutHeader(stdout) : stdout}\n${stderr}`;
    const said = this.normalise(text);
    const granted = /lease ([0-9a-f]+) granted/.exec(stdout)?.[1];
    if (granted !== undefined) this.#lease = granted;
    return said;
  }

  /** What a command said, as it said it. */
  async raw(args: readonly string[]): Promise<string> {
    return (await this.#ask(args)).stdout;
  }

  /** Asks until an answer holds something, as the real one may take its time. */
  async until(args: readonly string[], pattern: RegExp): Promise<void> {
    let said = "";
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      said = await this.raw(args);
      if (pattern.test(said)) return;
    }
    throw new Error(`timed out: ${args.join(" ")} only says: ${said}`);
  }

  /** The flag for a watch from the next write on. */
  async fromNow(): Promise<string> {
    const said = await this.raw(["get", "a", "-w", "json"]);
    const { header } = JSON.parse(said) as { header: { revision: number } };
    return `--rev=${header.revision + 1}`;
  }

  /** Starts a command that goes on, and shows it until it is stopped, at the end at the latest. */
  async during(
    args: readonly string[],
    scene: (running: EtcdctlWatch) => Promise<readonly string[]>,
  ): Promise<readonly string[]> {
    const [command = "", ...rest] = this.#typing(args);
    const running = new EtcdctlWatch(this.place.binary, this.#target, rest, command);
    try {
      return (await scene(running)).map((text) => this.normalise(text));
    } finally {
      await running.stop();
    }
  }

  /** Takes out ids, ports, sizes, times and counters that say nothing of what was asked. */
  normalise(text: string): string {
    const decimal = String(BigInt(`0x${this.#lease}`));
    const hex = this.#lease === "0" ? "no lease" : this.#lease;
    const known = text.replaceAll(hex, "LEASE").replaceAll(`"${decimal}"`, "LEASE");
    const said = normalise(withPlainTables(known), this.place.target)
      .replaceAll(/\b\d{15,20}\b/g, "ID")
      .replaceAll(/remaining\(\d+s\)|"ttl":\d+|"TTL" : \d+/g, "REMAINING")
      .replaceAll(/took":[\d.e+-]+/g, "took T")
      .replaceAll(/[\d.]+(?:(?:Âµ|µ|m)?s)\b/g, "T")
      .replaceAll(/\b\d+(?:\.\d+)? (?:[kKMG]i?)?B\b/g, "SIZE")
      .replaceAll(/vedette-ctl-[\w-]+/g, "FOLDER")
      .replaceAll(/"ts":[\d.]+/g, '"ts":TIME');
    return withoutBars(withoutCounters(said)).replaceAll(/--+/g, "--").replaceAll(/ +/g, " ");
  }

  #typing(args: readonly string[]): readonly string[] {
    const all = args.map((word) => word.replaceAll("$lease", this.#lease));
    this.typed.push(all.join(" "));
    return all;
  }

  #ask(args: readonly string[], input?: string): ReturnType<typeof runEtcdctl> {
    return runEtcdctl(this.place.binary, this.#target, args, input);
  }
}

/** About ten seconds. */
const TRIES_MAX = 300;

/** A table as etcdctl 3.5 draws it, in UTF-8 read as latin1, drawn as 3.4 does. */
function withPlainTables(text: string): string {
  return text.replaceAll(/\u00e2\u0094([\u0080-\u00bf])/g, (_, part: string) => {
    return part === "\u0080" ? "-" : part === "\u0082" ? "|" : "+";
  });
}

/** The status of an endpoint without bytes on disk and the term and indexes of raft. */
function withoutCounters(text: string): string {
  return (
    text
      .replaceAll(/"(DBSize|DBSizeInUse|RaftTerm|RaftIndex|RaftAppliedIndex)" : \d+/g, '"$1" : N')
      // id, version, size, leader, learner, term, index and, since 3.4, applied index, errors
      .replaceAll(/(?<=SIZE(?:, | +\| +)(?:true|false)(?:, | +\| +)(?:true|false)).*/g, (rest) =>
        rest.replaceAll(/\d+/g, "N"),
      )
  );
}

/** What a check measured, and how far it had come while it did. */
function withoutBars(text: string): string {
  const still = text.replaceAll(/^.*\r/gm, "").replaceAll(/^ *\d+ \/ \d+.*?%(?: \d+\w+)?/gm, "");
  if (!still.includes("Throughput is")) return still;
  // How many writes fit into a minute differs, and where its bar has ended.
  return still
    .replaceAll(/(?<=Throughput is |Compact(?:ing|ed) with revision )\d+/g, "N")
    .replaceAll(/(?<=(?:Slowest request took|Stddev is) )\S+/g, "T")
    .replaceAll(/\n\n+/g, "\n");
}

/** A message in hexadecimal. Its first field is the header; other ids are long numbers. */
function withoutHeader(bytes: string): string {
  const header = bytes.startsWith("\n") ? 2 + bytes.charCodeAt(1) : 0;
  return (
    Buffer.from(bytes.slice(header), "latin1")
      .toString("hex")
      .replaceAll(/(..)/g, "$1,")
      .replaceAll(/(?:[89a-f].,){7,9}[0-7].,/g, "ID,")
      .replaceAll(/(?<=3a,)(?:3.,){5}/g, "PORT,")
      // A member's length has that of its id in it.
      .replaceAll(/12,..,08,ID,/g, "12,N,08,ID,")
  );
}
