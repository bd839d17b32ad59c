import { assert } from "../base/assert.ts";
import { EtcdError } from "../base/errors.ts";
import { WireReader, WireWriter } from "../base/wire.ts";
import type { Alarm, AlarmCommand, AlarmName } from "./alarm-command.ts";
import type { Command } from "./command.ts";
import { writesKeys } from "./write-cost.ts";

/** Where the alarms are kept: a state table of the store. Keys are bytes as latin1 text. */
export interface AlarmRecords {
  set(key: string, value: Uint8Array): void;
  delete(key: string): void;
  entries(): IterableIterator<readonly [string, Uint8Array]>;
}

const NO_ALARMS: readonly Alarm[] = [];
const NO_BYTES: Uint8Array = new Uint8Array(0);
/** etcdserverpb.AlarmType; an alarm's record is the etcdserverpb.AlarmMember itself, as in etcd. */
const TYPES: Readonly<Record<AlarmName, number>> = { nospace: 1, corrupt: 2 };
const MEMBER_TAG = 1 * 8;
const TYPE_FIELD = 2;

/** The alarms that stand, and what may not be done meanwhile (M10, M20-M22). */
export class AlarmTable {
  readonly #records: AlarmRecords;
  /** Replaced as a whole with each change, so that whoever holds it has the alarms of a moment. */
  #alarms: readonly Alarm[];
  #isFull = false;
  #isCorrupt = false;

  constructor(records: AlarmRecords) {
    this.#records = records;
    this.#alarms = [...records.entries()].map(([key]) => alarmOf(key));
    this.#note();
  }

  /** Never changed in place: by type, then by member. */
  get alarms(): readonly Alarm[] {
    return this.#alarms;
  }

  /** Does what an Alarm request asks for; returns the alarms to answer with (M10). */
  apply({ action, memberId, alarm }: AlarmCommand): readonly Alarm[] {
    if (action === "get" && alarm === "none") return this.#alarms;
    if (alarm === "none" || alarm === "unknown") return NO_ALARMS;
    if (action === "get") return this.#alarms.filter((one) => one.alarm === alarm);
    const isOne = (one: Alarm): boolean => one.alarm === alarm && one.memberId === memberId;
    const standing = this.#alarms.filter(isOne);
    if (action === "activate" && standing.length === 0) {
      this.#records.set(keyOf({ memberId, alarm }), NO_BYTES);
      this.#alarms = [...this.#alarms, { memberId, alarm }].toSorted(inOrder);
      this.#note();
      return this.#alarms.filter(isOne);
    }
    if (action === "deactivate" && standing.length > 0) {
      this.#records.delete(keyOf({ memberId, alarm }));
      this.#alarms = this.#alarms.filter((one) => !isOne(one));
      this.#note();
    }
    return standing;
  }

  /** Why the command is refused while an alarm stands; a corrupt store says so first. */
  refusal(command: Command): EtcdError | undefined {
    if (this.#isCorrupt && isRefusedWhenCorrupt(command)) return new EtcdError("corrupt");
    if (this.#isFull && isRefusedWhenFull(command)) return new EtcdError("noSpace");
    return undefined;
  }

  #note(): void {
    this.#isFull = this.#alarms.some((one) => one.alarm === "nospace");
    this.#isCorrupt = this.#alarms.some((one) => one.alarm === "corrupt");
  }
}

/** M21, L16: what takes room, a txn for a put in any branch. */
function isRefusedWhenFull(command: Command): boolean {
  switch (command.kind) {
    case "put":
    case "lease-grant":
      return true;
    case "txn":
      return writesKeys(command);
    default:
      return false;
  }
}

/** M22: what reads or changes the data through the log. */
function isRefusedWhenCorrupt(command: Command): boolean {
  switch (command.kind) {
    case "put":
    case "delete-range":
    case "txn":
    case "compact":
    case "lease-grant":
    case "lease-revoke":
      return true;
    default:
      return false;
  }
}

function inOrder(left: Alarm, right: Alarm): number {
  if (left.alarm !== right.alarm) return TYPES[left.alarm] - TYPES[right.alarm];
  return left.memberId < right.memberId ? -1 : 1;
}

function keyOf({ memberId, alarm }: Alarm): string {
  const writer = new WireWriter(16);
  if (memberId !== 0n) {
    writer.varint(MEMBER_TAG);
    writer.varint64(memberId);
  }
  writer.uintField(TYPE_FIELD, TYPES[alarm]);
  return String.fromCharCode(...writer.bytes());
}

function alarmOf(key: string): Alarm {
  const reader = new WireReader(Uint8Array.from(key, (char) => char.charCodeAt(0)));
  let memberId = 0n;
  let type = 0;
  while (!reader.done) {
    if (reader.tag() === MEMBER_TAG) memberId = reader.biguint64();
    else type = reader.uint();
  }
  const alarm = type === TYPES.corrupt ? "corrupt" : "nospace";
  assert(type === TYPES[alarm], "an alarm's record names a type that there is");
  return { memberId, alarm };
}
