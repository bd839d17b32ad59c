import { compareBytes } from "../base/bytes.ts";
import { type KeyRange, rangeContains } from "../base/key-range.ts";
import type { DeleteRangeCommand, PutCommand, TxnCommand, TxnOp } from "../machine/command.ts";
import { KeySet, type KeySpan } from "./key-set.ts";

/** Up to this many comparisons of a pair are cheaper than making sets. */
const PAIRS_MAX = 64;

/** What a list of ops writes, the nested txns on both their branches included. */
interface Writes {
  readonly puts: KeySet;
  readonly deletes: KeySet;
}

/**
 * etcd's rule that no txn writes a key twice in one revision (K55), for one of its lists of ops: no
 * two puts of a key, and no put of a key that a delete covers, whichever comes first. Deletes may
 * overlap. The two branches of one nested txn may put the same key, as only one of them runs.
 *
 * Kept are two gaps of etcd's own rule, since clients may lean on them: an open-ended delete is
 * never seen (K58), and a nested txn's deletes are held only against what comes after it.
 */
export function writesAnyKeyTwice(ops: readonly TxnOp[]): boolean {
  let puts = 0;
  let deletes = 0;
  for (const op of ops) {
    if (op.kind === "txn") return collectWrites(ops) === undefined;
    if (op.kind === "put") puts++;
    else if (op.kind === "delete-range") deletes++;
  }
  if (puts === 0 || puts + deletes < 2) return false;
  if (puts * (puts + deletes) > PAIRS_MAX) return collectWrites(ops) === undefined;
  return anyPairOverlaps(ops);
}

/** The plain way, without sets: most txns write a handful of keys. */
function anyPairOverlaps(ops: readonly TxnOp[]): boolean {
  for (let i = 0; i < ops.length; i++) {
    const op = ops[i] as TxnOp;
    if (op.kind !== "put") continue;
    for (let k = 0; k < ops.length; k++) {
      const other = ops[k] as TxnOp;
      if (other.kind === "put" && k > i && compareBytes(op.key, other.key) === 0) return true;
      if (other.kind === "delete-range" && isSeen(other.range)) {
        if (rangeContains(other.range, op.key)) return true;
      }
    }
  }
  return false;
}

/** The sets of keys that a list writes, or undefined when it writes one twice. */
function collectWrites(ops: readonly TxnOp[]): Writes | undefined {
  const deletes = new KeySet();
  deletes.add(deletedSpans(ops));
  let puts = new KeySet();
  for (const op of ops) {
    if (op.kind !== "txn") continue;
    const nested = collectNested(op);
    if (nested === undefined) return undefined;
    if (nested.puts.intersects(puts) || nested.puts.intersects(deletes)) return undefined;
    puts = united(puts, nested.puts);
    deletes.addAll(nested.deletes);
  }
  const spans = putSpans(ops);
  const here = new KeySet();
  here.add(spans);
  if (here.size < spans.length) return undefined;
  if (here.intersects(puts) || here.intersects(deletes)) return undefined;
  return { puts: united(puts, here), deletes };
}

function collectNested(txn: TxnCommand): Writes | undefined {
  const success = collectWrites(txn.success);
  if (success === undefined) return undefined;
  const failure = collectWrites(txn.failure);
  if (failure === undefined) return undefined;
  return {
    puts: united(success.puts, failure.puts),
    deletes: united(success.deletes, failure.deletes),
  };
}

/** Adds the smaller set to the larger, which the caller gives away: deep txns stay cheap. */
function united(left: KeySet, right: KeySet): KeySet {
  if (left.size < right.size) return united(right, left);
  left.addAll(right);
  return left;
}

function deletedSpans(ops: readonly TxnOp[]): KeySpan[] {
  return ops
    .filter((op): op is DeleteRangeCommand => op.kind === "delete-range")
    .flatMap(({ range }): KeySpan[] => {
      if (range.kind === "single") return [{ start: range.key, end: undefined }];
      return range.kind === "range" ? [{ start: range.start, end: range.end }] : [];
    });
}

function putSpans(ops: readonly TxnOp[]): KeySpan[] {
  return ops
    .filter((op): op is PutCommand => op.kind === "put")
    .map(({ key }) => ({ start: key, end: undefined }));
}

/** etcd takes the end of an open-ended range for a key, the smallest one: it covers nothing. */
function isSeen(range: KeyRange): boolean {
  return range.kind !== "from";
}
