import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDeleteRange, parsePut, parseRange, parseTxn } from "../../src/api/parse.ts";
import { EtcdError } from "../../src/base/errors.ts";
import type { Command, RangeQuery, TxnCommand } from "../../src/machine/command.ts";
import type { Applied } from "../../src/machine/machine.ts";
import type { CommandResult, OpResult, Outcome } from "../../src/machine/result.ts";
import type { Change } from "../../src/mvcc/change.ts";
import { parseKeyValue } from "../../src/mvcc/key-value.ts";
import { request } from "./arbitrary-requests.ts";
import { ModelMachine, type ModelAnswer, type ModelKeyValue } from "./model-machine.ts";
import type { Request } from "./request-language.ts";
import { newTestMachine, type TestMachine } from "./test-machine.ts";
import { rangeQuery } from "../support/commands.ts";

type Step =
  | Request
  | { readonly kind: "compact"; readonly revision: number }
  | { readonly kind: "lease-grant"; readonly id: bigint; readonly ttlSeconds: number }
  | { readonly kind: "lease-revoke"; readonly id: bigint; readonly reason: "request" | "expiry" };

/** Those that random puts name. */
const LEASES = [1n, -1n];
const id = fc.constantFrom(...LEASES);
const leaseStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("lease-grant" as const), id, ttlSeconds: fc.nat(9) }),
  fc.record({
    kind: fc.constant("lease-revoke" as const),
    id,
    reason: fc.constantFrom("request" as const, "expiry" as const),
  }),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: request },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: -2, max: 40 })
      .map((revision): Step => ({ kind: "compact", revision })),
  },
  { weight: 2, arbitrary: leaseStep },
);

const EVERYTHING = rangeQuery({ kind: "from", start: new Uint8Array(0) });

const READING_TXN: TxnCommand = {
  kind: "txn",
  compares: [],
  success: [EVERYTHING],
  failure: [],
  readOnly: true,
};

/** How a machine is given a command. */
type Apply = (command: Command) => Applied;

interface Tested extends TestMachine {
  readonly apply: Apply;
}

function atOnce(): Tested {
  const tested = newTestMachine();
  return { ...tested, apply: (command) => tested.machine.apply(command) };
}

/** Between the steps, readers come: all they see is the state before, and they disturb nothing. */
function inSteps(): Tested {
  const tested = newTestMachine();
  const { machine, store } = tested;
  const apply: Apply = (command) => {
    const view = { revision: store.head, compacted: store.compacted };
    const look = (): unknown => [
      plain(machine.read(EVERYTHING, view)),
      plain(machine.readTxn(READING_TXN, view)),
    ];
    const before = look();
    const steps = machine.applyInSteps(command);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      expect(store.head).toBe(view.revision);
      expect(look()).toEqual(before);
    }
  };
  return { ...tested, apply };
}

describe("machine", () => {
  test.each([
    ["at once", atOnce],
    ["in steps", inSteps],
  ])("answers any requests %s as the model does, and tells all changes", (_, newTested) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const tested = newTested();
        const model = new ModelMachine();
        for (const lease of LEASES) {
          compareStep({ kind: "lease-grant", id: lease, ttlSeconds: 60 }, tested, model);
        }
        for (const each of steps) {
          compareStep(each, tested, model);
          compareLeases(tested, model);
        }
        tested.store.checkInvariants();
      }),
      { numRuns: 1000 },
    );
  });
});

function compareStep(step: Step, tested: Tested, model: ModelMachine): void {
  const { store } = tested;
  if (step.kind === "compact") {
    const { revision } = step;
    const { outcome } = tested.apply({ kind: "compact", revision, physical: false });
    while (store.compactionStep(3) === "more");
    const expected = model.compact(revision);
    expect(outcome instanceof EtcdError ? outcome.name : outcome.revision).toBe(expected);
    return;
  }
  const before = model.stateAt(model.head);
  if (step.kind === "lease-grant" || step.kind === "lease-revoke") {
    const { outcome, changes } = tested.apply(step);
    const refusal = step.kind === "lease-grant" ? model.grant(step.id) : model.revoke(step.id);
    expect(outcome instanceof EtcdError ? outcome.name : undefined).toBe(refusal);
    if (!(outcome instanceof EtcdError)) expect(outcome.revision).toBe(model.head);
    const reason =
      step.kind === "lease-revoke" && step.reason === "expiry" ? "lease-expiry" : "request";
    for (const change of changes) expect(change.deleteReason).toBe(reason);
    const keys = changes.map(({ keyValue }) => modelKeyValue(keyValue).key);
    expect(keys).toEqual([...keys].sort());
    expectChanges(changes, before, model);
    return;
  }
  const expected = model.ask(step);
  const { answer, changes } = ask(step, tested);
  expect(answer).toEqual(expected);
  expect(store.head).toBe(model.head);
  expectChanges(changes, before, model);
}

/** L12: what hangs on a lease is what says so of itself. */
function compareLeases({ leases }: TestMachine, model: ModelMachine): void {
  leases.checkInvariants();
  expect(new Set([...leases.all()].map((lease) => lease.id))).toEqual(model.leases);
  const state = [...model.stateAt(model.head).values()];
  for (const lease of leases.all()) {
    const keys = state.filter((kv) => kv.lease === lease.id).map((kv) => kv.key);
    expect(new Set(lease.keys)).toEqual(new Set(keys));
  }
}

function ask(
  step: Request,
  { machine, store, apply }: Tested,
): { readonly answer: ModelAnswer | string; readonly changes: readonly Change[] } {
  const command = toCommand(step);
  if (command instanceof EtcdError) return { answer: command.name, changes: [] };
  const view = { revision: store.head, compacted: store.compacted };
  if (command.kind === "range") return { answer: plain(machine.read(command, view)), changes: [] };
  if (command.kind === "txn" && command.readOnly) {
    return { answer: plain(machine.readTxn(command, view)), changes: [] };
  }
  const { outcome, changes } = apply(command);
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
