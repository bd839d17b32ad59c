import type { RpcClient } from "../support/rpc-client.ts";
import type { TestServer } from "../support/servers.ts";

/** How much an attack brings: the script's figures are larger than those of the suite. */
export interface AttackSizes {
  /** Keys that are deleted, compacted or revoked at once. */
  readonly keys: number;
  /** Values of a megabyte that one range reads. */
  readonly megabytes: number;
  readonly streams: number;
  readonly guesses: number;
}

/** What an attack has to work with. */
export interface AttackWorld {
  readonly server: TestServer;
  /** A client for what goes before the attack; it shows the token once auth is on. */
  readonly rpc: RpcClient;
  readonly sizes: AttackSizes;
  /** The file that the server logs to. */
  readonly logFile: string;
}

export interface Outcome {
  readonly sent: string;
  /** What the server did about it, in a few words. */
  readonly did: string;
  readonly isRequired: boolean;
}

export interface Attack {
  /** Row of the table and a letter, for example "3b". */
  readonly row: string;
  readonly name: string;
  /** Brings what the attack needs; not measured. */
  prepare?(world: AttackWorld): Promise<void>;
  run(world: AttackWorld): Promise<Outcome>;
  /** Whether it can be run again at once, to fill the time that is measured. */
  readonly isRepeatable?: boolean;
}

/** One part of an attack: what had to come, and what came. */
export interface Finding {
  readonly what: string;
  readonly got: string;
  readonly isRight: boolean;
}

export function finding(what: string, got: unknown, wanted: unknown): Finding {
  return { what, got: String(got), isRight: got === wanted };
}

/** All findings together: the wrong ones are told one by one. */
export function outcomeOf(sent: string, did: string, findings: readonly Finding[]): Outcome {
  const wrong = findings.filter(({ isRight }) => !isRight);
  const told = wrong.map(({ what, got }) => `${what}: ${got}`).join("; ");
  return { sent, did: wrong.length === 0 ? did : told, isRequired: wrong.length === 0 };
}
