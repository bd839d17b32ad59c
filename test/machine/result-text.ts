import { EtcdError } from "../../src/base/errors.ts";
import type { CommandResult, OpResult, Outcome } from "../../src/machine/result.ts";
import type { Change } from "../../src/mvcc/change.ts";
import { parseKeyValue } from "../../src/mvcc/key-value.ts";

/** An answer as lines for people, for scenario files. */
export function outcomeText(outcome: Outcome<CommandResult | OpResult>): string[] {
  return outcome instanceof EtcdError ? [`error: ${outcome.message}`] : resultText(outcome);
}

/** What watchers would hear of a command, on one line; nothing when nothing changed. */
export function changesText(changes: readonly Change[]): string[] {
  if (changes.length === 0) return [];
  const events = changes.map(({ type, keyValue, previous }) => {
    const before = previous === undefined ? "" : ` (was ${keyValueText(previous)})`;
    return `${type} ${text(parseKeyValue(keyValue).key)}${before}`;
  });
  return [`events at ${changes[0]?.revision}: ${events.join(", ")}`];
}

function resultText(result: CommandResult | OpResult): string[] {
  const { revision } = result;
  switch (result.kind) {
    case "put":
      return [`put, revision ${revision}`, ...indented(list(result.previous))];
    case "delete-range":
      return [`deleted ${result.deleted}, revision ${revision}`, ...indented(result.previous)];
    case "range": {
      const more = result.more ? " and more" : "";
      const head = `${result.keyValues.length} of ${result.count}${more}, revision ${revision}`;
      return [head, ...indented(result.keyValues)];
    }
    case "txn": {
      const branch = result.succeeded ? "succeeded" : "failed";
      const inner = result.responses.flatMap(resultText).map((line) => `  ${line}`);
      return [`${branch}, revision ${revision}`, ...inner];
    }
    case "compact":
      return [`compacted, revision ${revision}`];
    default:
      return [`${result.kind}, revision ${revision}`];
  }
}

function list(keyValue: Uint8Array | undefined): readonly Uint8Array[] {
  return keyValue === undefined ? [] : [keyValue];
}

function indented(keyValues: readonly Uint8Array[]): string[] {
  return keyValues.map((keyValue) => `  ${keyValueText(keyValue)}`);
}

function keyValueText(bytes: Uint8Array): string {
  const { key, value, createRevision, modRevision, version, lease } = parseKeyValue(bytes);
  const owner = lease === 0n ? "" : ` lease ${lease}`;
  return `${text(key)}=${text(value)} v${version} c${createRevision} m${modRevision}${owner}`;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
