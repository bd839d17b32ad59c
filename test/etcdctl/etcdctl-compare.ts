import { isDeepStrictEqual } from "node:util";
import { etcdBinary, freePort, TestServer } from "../support/servers.ts";
import { type CertificateFiles, TestAuthority } from "../support/test-certificates.ts";
import { AUTH_ON } from "./etcdctl-commands.ts";
import { LISTED_DIFFERENCES, type ListedDifference } from "./etcdctl-differences.ts";
import { commandIn, commandsOf } from "./etcdctl-help.ts";
import { SET_UPS, type SetUp, type SetUpName } from "./etcdctl-set-ups.ts";
import { EtcdctlStation, type PeerKind, type StationPlace } from "./etcdctl-station.ts";
import { STORIES } from "./etcdctl-stories.ts";

export interface Counts {
  equal: number;
  listed: number;
  different: number;
}

/** What came of a set-up. */
export interface Comparison {
  /** By command of etcdctl; "" holds what is no command. */
  readonly counts: Map<string, Counts>;
  readonly listed: Map<ListedDifference, number>;
  /** What differs and is not listed, and what is listed and does not differ, as texts. */
  readonly faults: string[];
  /** Every command line that was typed, without the flags before the command. */
  readonly typed: string[];
}

/** How often a set-up is begun in all, when the real etcd does not answer in time. */
const ATTEMPTS_MAX = 3;

/** Asks ours and the real etcd everything of a set-up, one command after the other. */
export function compareEtcdctl(kind: PeerKind, name: SetUpName): Promise<Comparison> {
  return untilInTime(() => new ComparisonRun(kind, name));
}

/**
 * Plays runs until the real etcd has answered in time, which it need not on a busy machine: then it
 * has not said what it answers, and all begins anew on fresh servers. What ours said until then is
 * judged nonetheless, and ours is given no second try.
 */
export async function untilInTime(
  begin: () => { readonly result: Comparison; play(): Promise<void> },
): Promise<Comparison> {
  const faults: string[] = [];
  for (let attempt = 1; ; attempt++) {
    const run = begin();
    try {
      await run.play();
    } catch (error) {
      if (!(error instanceof PeerIsLate)) throw error;
      faults.push(...run.result.faults);
      if (attempt < ATTEMPTS_MAX) continue;
      faults.push(`--- ${error.message}`);
    }
    return { ...run.result, faults: [...new Set([...faults, ...run.result.faults])] };
  }
}

/** The real etcd did not answer in time. */
export class PeerIsLate extends Error {}

/** One answer of each, to the same question. */
export interface Answers {
  readonly kind: PeerKind;
  /** Set-up, user and command line, which lists of differences go by. */
  readonly label: string;
  readonly ours: string;
  readonly theirs: string;
}

interface Verdict {
  readonly state: keyof Counts;
  /** The listed differences that there are. */
  readonly listed: readonly ListedDifference[];
  readonly fault?: string;
}

/** Time ran out; for `check perf`, there was too little done in it. */
const LATE = /deadline ?exceeded|request timed out|^exit null|^failed: Error: timed out|^FAIL\b/im;

/**
 * Whether two answers are equal, or differ in just what is listed for the command. A listed
 * difference that is not there is a fault, and a story that broke off on either side is one.
 * @throws PeerIsLate when only the real etcd was too slow.
 */
export function judgeAnswers(
  { kind, label, ours, theirs }: Answers,
  differences: readonly ListedDifference[] = LISTED_DIFFERENCES,
): Verdict {
  if (LATE.test(theirs) && !LATE.test(ours)) {
    throw new PeerIsLate(`${kind} did not answer in time: ${label}\n${theirs}`);
  }
  const both = `--- ${kind}, ${label}\nours:\n${ours}\netcd's:\n${theirs}`;
  if (ours.startsWith("failed: ")) return { state: "different", listed: [], fault: both };
  const due = differences.filter((one) => (one.kind ?? kind) === kind && one.commands.test(label));
  let [here, there] = [ours, theirs];
  for (const difference of due) {
    const { text, why } = difference;
    const isThere =
      (difference.ours?.test(ours) ?? true) &&
      (difference.theirs?.test(theirs) ?? true) &&
      !isDeepStrictEqual(here.match(text), there.match(text));
    if (!isThere) {
      const fault = `--- listed, but not there any more: ${why}\n${both}`;
      return { state: "different", listed: [], fault };
    }
    [here, there] = [here.replaceAll(text, "~"), there.replaceAll(text, "~")];
  }
  if (here !== there) return { state: "different", listed: [], fault: both };
  return { state: due.length === 0 ? "equal" : "listed", listed: due };
}

/** A set-up on a pair of fresh servers. */
class ComparisonRun {
  readonly result: Comparison = { counts: new Map(), listed: new Map(), faults: [], typed: [] };
  readonly #kind: PeerKind;
  readonly #name: SetUpName;
  readonly #setUp: SetUp;
  readonly #binary: string;
  readonly #commands: readonly string[];
  readonly #authority: TestAuthority = new TestAuthority();

  constructor(kind: PeerKind, name: SetUpName) {
    this.#kind = kind;
    this.#name = name;
    this.#setUp = SET_UPS[name];
    this.#binary = etcdBinary(kind, "etcdctl") ?? "";
    this.#commands = commandsOf(this.#binary);
  }

  async play(): Promise<void> {
    const { isTls, flags = [] } = this.#setUp;
    const server = this.#authority.issue({ commonName: "server" });
    const client = this.#authority.issue({ commonName: "ann" });
    const starting = (["vedette", this.#kind] as const).map((one) => {
      const { caFile } = this.#authority;
      return startPlace(one, { isTls, flags, caFile, server, client });
    });
    try {
      const places = await Promise.all(starting);
      await this.#ask(places.map(({ target }) => target));
    } finally {
      for (const one of await Promise.allSettled(starting)) {
        if (one.status === "fulfilled") await one.value.server.dispose();
      }
      this.#authority.dispose();
    }
  }

  async #ask(targets: readonly StationPlace["target"][]): Promise<void> {
    const stationsOf = (who: readonly string[]): EtcdctlStation[] =>
      targets.map((target) => {
        return new EtcdctlStation({ binary: this.#binary, version: this.#kind, target, who });
      });
    if (this.#setUp.isAuth) {
      const preparing = stationsOf([]);
      for (const args of AUTH_ON) {
        await this.#compare(args, preparing, (station) => station.run(args.split(" ")));
      }
    }
    for (const { who, commands, hasStories } of this.#setUp.sections) {
      const stations = stationsOf(who);
      for (const [args, input] of commands) {
        await this.#compare(args, stations, (station) => station.run(args.split(" "), input));
      }
      for (const { title, play, isFor } of hasStories ? STORIES : []) {
        if (stations.some((station) => isFor?.(station) === false)) continue;
        await this.#compare(title, stations, async (station) => {
          return (await play(station)).join("\n");
        });
      }
      this.result.typed.push(...(stations[0]?.typed ?? []));
    }
  }

  async #compare(
    line: string,
    stations: readonly EtcdctlStation[],
    ask: (station: EtcdctlStation) => Promise<string>,
  ): Promise<void> {
    const [ours = "", theirs = ""] = await Promise.all(
      stations.map((station) => ask(station).catch((error: unknown) => `failed: ${error}`)),
    );
    const who = stations[0]?.place.who ?? [];
    const label = [`${this.#name}:`, ...who, line].join(" ");
    const { state, listed, fault } = judgeAnswers({ kind: this.#kind, label, ours, theirs });
    const { counts } = this.result;
    const command = commandIn(line.replace(",", " "), this.#commands) ?? "";
    const count = counts.get(command) ?? { equal: 0, listed: 0, different: 0 };
    count[state]++;
    counts.set(command, count);
    for (const one of listed) {
      this.result.listed.set(one, (this.result.listed.get(one) ?? 0) + 1);
    }
    if (fault !== undefined) this.result.faults.push(fault);
  }
}

interface Place {
  readonly server: TestServer;
  readonly target: StationPlace["target"];
}

interface Start {
  readonly isTls: boolean;
  readonly flags: readonly string[];
  readonly caFile: string;
  readonly server: CertificateFiles;
  readonly client: CertificateFiles;
}

async function startPlace(kind: "vedette" | PeerKind, start: Start): Promise<Place> {
  const { isTls, caFile, server: own, client } = start;
  const port = await freePort();
  const securePort = await freePort();
  const url = isTls ? `https://127.0.0.1:${securePort}` : `http://127.0.0.1:${port}`;
  const secure = [
    // Without TLS only the question whether it is ready is asked.
    `--listen-client-urls=http://127.0.0.1:${port},${url}`,
    `--advertise-client-urls=${url}`,
    `--cert-file=${own.certFile}`,
    `--key-file=${own.keyFile}`,
    "--client-cert-auth",
    `--trusted-ca-file=${caFile}`,
  ];
  const flags = ["--bcrypt-cost=4", ...(isTls ? secure : []), ...start.flags];
  const server = await TestServer.spawn(kind, { port, flags });
  try {
    await server.ready();
  } catch (error) {
    await server.dispose();
    throw kind === "vedette" ? error : new PeerIsLate(`${kind} did not start: ${error}`);
  }
  const known = [`--cacert=${caFile}`, `--cert=${client.certFile}`, `--key=${client.keyFile}`];
  const asking = [`--endpoints=${url}`, ...(isTls ? known : [])];
  const endpoint = url.replace(/^.*\//, "");
  return { server, target: { endpoint, port: isTls ? securePort : port, flags: asking } };
}
