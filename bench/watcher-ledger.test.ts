import { expect, test } from "vitest";
import { type InterestPlan, eventsOf, eventsOfAll, watchedRange, writtenKey } from "./keys.ts";
import { WatcherLedger } from "./watcher-ledger.ts";

const ALL: InterestPlan = { interest: "all", watchers: 2 };

function events(revision: number, count: number) {
  return { revision, events: count, isCreated: false, isCanceled: false };
}

test.each(["all", "key", "prefix"] as const)(
  "puts go to those watchers who are said to get them: %s",
  (interest) => {
    const plan = { interest, watchers: 7 };
    const got = new Array<number>(plan.watchers).fill(0);
    const puts = 100;
    for (let n = 0; n < puts; n++) {
      const key = Buffer.from(writtenKey(interest, n, plan.watchers));
      for (let i = 0; i < plan.watchers; i++) {
        const { key: start, rangeEnd } = watchedRange(interest, i);
        const isIn =
          rangeEnd.length === 0
            ? key.equals(start)
            : Buffer.compare(start, key) <= 0 && Buffer.compare(key, rangeEnd) < 0;
        if (isIn) got[i]!++;
      }
    }
    expect(got).toEqual(got.map((_, i) => eventsOf(i, puts, plan)));
    expect(got.reduce((sum, count) => sum + count)).toBe(eventsOfAll(puts, plan));
  },
);

test("a ledger knows when all have all, and when all have reached the mark", () => {
  const ledger = new WatcherLedger(ALL, { mark: 2, headersAscend: true });
  ledger.message(0, events(5, 3));
  expect([ledger.hasAll(3), ledger.areAllMarked]).toEqual([false, false]);
  ledger.message(1, events(4, 2));
  expect([ledger.hasAll(3), ledger.areAllMarked]).toEqual([false, true]);
  ledger.message(1, events(5, 1));
  expect(ledger.hasAll(3)).toBe(true);
});

test("a ledger throws when one has what another lacks, or more than there is", () => {
  const lacking = new WatcherLedger(ALL, { mark: 0, headersAscend: true });
  lacking.message(0, events(5, 4));
  lacking.message(1, events(5, 2));
  expect(() => lacking.hasAll(3)).toThrow("watcher 0 got 4 events of 3");
});

test("a ledger throws when a header goes back, and when a watcher is canceled or unknown", () => {
  const ledger = new WatcherLedger(ALL, { mark: 0, headersAscend: true });
  ledger.message(0, events(5, 1));
  expect(() => ledger.message(0, events(4, 1))).toThrow("header revision 4 behind 5");
  expect(() => ledger.message(1, { ...events(4, 0), isCanceled: true })).toThrow("canceled");
  expect(() => ledger.message(2, events(6, 1))).toThrow("no watcher 2");
  const etcd = new WatcherLedger(ALL, { mark: 0, headersAscend: false });
  etcd.message(0, events(5, 1));
  etcd.message(0, events(4, 1));
  expect(etcd.events).toBe(2);
});
