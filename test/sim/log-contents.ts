import type { Location, RecordKind, RecordView } from "../../src/storage/record.ts";

/** One record as the model knows it. */
export interface Known {
  readonly main: number;
  readonly sub: number;
  readonly kind: RecordKind;
  readonly payload: Uint8Array;
  location: Location;
  released: boolean;
}

/** What the store promised and then did not do. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** One record as the store shows it. */
export type Found = Omit<Known, "released">;

export function copyOf(record: RecordView): Found {
  const { main, sub, kind, payload, location } = record;
  return { main, sub, kind, payload: payload.slice(), location };
}

/** Compares what is there with what must be; released records may be missing. */
export function checkContents(found: readonly Found[], expected: readonly Known[]): Known[] {
  const present: Known[] = [];
  let at = 0;
  for (const known of expected) {
    const one = found[at];
    if (one !== undefined && one.main === known.main && one.sub === known.sub) {
      expectSame(one, known);
      known.location = one.location;
      present.push(known);
      at++;
    } else if (!known.released) {
      throw new Violation(`record ${known.main}/${known.sub} is missing`);
    }
  }
  const extra = found[at];
  if (extra !== undefined) throw new Violation(`record ${extra.main}/${extra.sub} was never there`);
  return present;
}

export function expectSame(found: Omit<Found, "location">, known: Known): void {
  const isSame = found.kind === known.kind && isEqual(found.payload, known.payload);
  if (!isSame) throw new Violation(`record ${known.main}/${known.sub} has other contents`);
}

export function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
