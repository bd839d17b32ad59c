import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDeleteRange, parsePut, parseRange, parseTxn } from "../../src/api/parse.ts";
import { EtcdError } from "../../src/base/errors.ts";
import type { Command, RangeQuery } from "../../src/machine/command.ts";
import type { CommandResult, OpResult, Outcome } from "../../src/machine/result.ts";
import type { Change } from "../../src/mvcc/change.ts";
import { parseKeyValue } from "../../src/mvcc/key-value.ts";
import { request } from "./arbitrary-requests.ts";
import { ModelMachine, type ModelAnswer, type ModelKeyValue } from "./model-machine.ts";
import type { Request } from "./request-language.ts";
import { newTestMachine, type TestMachine } from "./test-machine.ts";

type Step = Request | { readonly kind: "compact"; readonly revision: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: request },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: -2, max: 40 })
      .map((revision): Step => ({ kind: "compact", revision })),
  },
);

describe("machine", () => {
  test("answers any requests as the model does, and tells all changes", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const tested = newTestMachine();
        const model = new ModelMachine();
        for (const lease of [1n, -1n]) {
          tested.leases.add(lease);
          model.leases.add(lease);
        }
        for (const each of steps) compareStep(each, tested, model);
        tested.store.checkInvariants();
      }),
      { numRuns: 1500 },
    );
  });
});

function compareStep(step: Step, tested: TestMachine, model: ModelMachine): void {
  const { machine, store } = tested;
  if (step.kind === "compact") {
    const { revision } = step;
    const { outcome } = machine.apply({ kind: "compact", revision, physical: false });
    while (store.compactionStep(3) === "more");
    const expected = model.compact(revision);
    expect(outcome instanceof EtcdError ? outcome.name : outcome.revision).toBe(expected);
    return;
  }
  const before = model.stateAt(model.head);
  const expected = model.ask(step);
  const { answer, changes } = ask(step, tested);
  expect(answer).toEqual(expected);
  expect(store.head).toBe(model.head);
  expectChanges(changes, before, model);
}

function ask(
  step: Request,
  { machine, store }: TestMachine,
): { readonly answer: ModelAnswer | string; readonly changes: readonly Change[] } {
  const command = toCommand(step);
  if (command instanceof EtcdError) return { answer: command.name, changes: [] };
  const view = { revision: store.head, compacted: store.compacted };
  if (command.kind === "range") return { answer: plain(machine.read(command, view)), changes: [] };
  if (command.kind === "txn" && command.readOnly) {
    return { answer: plain(machine.readTxn(command, view)), changes: [] };
  }
  const { outcome, changes } = machine.apply(command);
  return { answer: plain(outcome), changes };
}

function toCommand(asked: Request): Outcome<Command | RangeQuery> {
  switch (asked.kind) {
    case "requestPut":
      return parsePut(asked.value);
    case "requestRange":
      return parseRange(asked.value);
    case "requestDeleteRange":
      return parseDeleteRange(asked.value);
    case "requestTxn":
      return parseTxn(asked.value, 128);
  }
}

/** The changes lead from the state before to the one after, and know what was there before. */
function expectChanges(
  changes: readonly Change[],
  before: ReadonlyMap<string, ModelKeyValue>,
  model: ModelMachine,
): void {
  const state = new Map(before);
  for (const { type, keyValue, previous, isCreate, revision } of changes) {
    const kv = modelKeyValue(keyValue);
    expect(revision).toBe(model.head);
    const isNew = type === "put" && kv.create === revision;
    expect(isCreate).toBe(isNew);
    const was = isNew ? undefined : before.get(kv.key);
    expect(previous === undefined ? undefined : modelKeyValue(previous)).toEqual(was);
    if (type === "put") state.set(kv.key, kv);
    else state.delete(kv.key);
  }
  expect(state).toEqual(model.stateAt(model.head));
}

function plain(outcome: Outcome<CommandResult | OpResult>): ModelAnswer | string {
  return outcome instanceof EtcdError ? outcome.name : plainResult(outcome);
}

function plainResult(result: CommandResult | OpResult): ModelAnswer {
  const { revision } = result;
  switch (result.kind) {
    case "put": {
      const { previous } = result;
      return { put: revision, previous: previous && modelKeyValue(previous) };
    }
    case "delete-range":
      return { deleted: result.deleted, revision, previous: result.previous.map(modelKeyValue) };
    case "range": {
      const { count, more, keyValues } = result;
      return { kvs: keyValues.map(modelKeyValue), count, more, revision };
    }
    case "txn": {
      const { succeeded, responses } = result;
      return { succeeded, responses: responses.map(plainResult), revision };
    }
    default:
      throw new Error(`${result.kind} is no request of the model`);
  }
}

function modelKeyValue(bytes: Uint8Array): ModelKeyValue {
  const { key, value, createRevision, modRevision, version, lease } = parseKeyValue(bytes);
  return {
    key: Buffer.from(key).toString("latin1"),
    value: Buffer.from(value).toString("latin1"),
    create: createRevision,
    mod: modRevision,
    version,
    lease,
  };
}
