import { expect, test } from "vitest";
import { CrashChecker, EventRecord, type SeenEvent } from "./crash-checker.ts";

// A small history with two restarts; every planted fault is a change to what the checker is told.

interface Story {
  /** The history as the server tells it, in the two parts that are read after the restarts. */
  parts: SeenEvent[][];
  heads: number[];
  watched: SeenEvent[][];
  /** The whole history as a fresh watch reads it in the end. */
  again: SeenEvent[];
  /** The keys and values in the end. */
  stored: SeenEvent[];
}

function put(revision: number, key: string, writeId: number): SeenEvent {
  return { revision, isDelete: false, key, writeId };
}

function remove(revision: number, key: string): SeenEvent {
  return { revision, isDelete: true, key, writeId: 0 };
}

function goodStory(): Story {
  const first = [put(2, "a/1", 1), put(3, "b/1", 2), put(4, "a/2", 3), put(4, "a/3", 3)];
  const second = [remove(5, "a/1"), put(6, "b/2", 6), remove(7, "a/2")];
  const all = [...first, ...second];
  return {
    parts: [first, second],
    heads: [4, 7],
    again: [...all],
    stored: [put(3, "b/1", 2), put(4, "a/3", 3), put(6, "b/2", 6)],
    watched: ["a/", "b/", "a/"].map((prefix) =>
      all.filter((event) => event.key.startsWith(prefix)),
    ),
  };
}

function violationsOf(change: (story: Story) => void): string[] {
  const story = goodStory();
  change(story);
  const checker = new CrashChecker(["a/", "b/", "a/"]);
  checker.attempted(1, { kind: "put", keys: ["a/1"] });
  checker.attempted(2, { kind: "put", keys: ["b/1"] });
  checker.attempted(3, { kind: "put", keys: ["a/2", "a/3"] });
  checker.acknowledged(1, 2);
  checker.acknowledged(2, 3);
  for (const event of story.parts[0]!) checker.history(event);
  checker.restarted(story.heads[0]!);
  checker.attempted(4, { kind: "delete", keys: ["a/1"] });
  checker.attempted(5, { kind: "delete", keys: ["a/9"] });
  checker.attempted(6, { kind: "put", keys: ["b/2"] });
  checker.attempted(7, { kind: "delete", keys: ["a/2"] });
  checker.attempted(8, { kind: "put", keys: ["a/8"] });
  checker.acknowledged(4, 5);
  checker.acknowledged(5, 0);
  checker.acknowledged(6, 6);
  for (const event of story.parts[1]!) checker.history(event);
  checker.restarted(story.heads[1]!);
  story.watched.forEach((events, i) => {
    for (const event of events) checker.watched(i, event);
  });
  checker.stored(story.stored);
  const again = new EventRecord("");
  for (const event of story.again) again.add(event);
  checker.confirm(again);
  checker.finish();
  return checker.violations;
}

test("a story without a fault has none", () => {
  expect(violationsOf(() => undefined)).toEqual([]);
});

const planted: [name: string, change: (story: Story) => void, found: RegExp][] = [
  ["an acknowledged put is lost", ({ parts }) => parts[0]!.splice(1, 1), /acknowledged at 3/],
  ["the newest acknowledged put is lost", loseNewest, /acknowledged at 6 and is lost/],
  ["an acknowledged delete is lost", ({ parts }) => parts[1]!.splice(0, 1), /lost/],
  ["a put moved to another revision", ({ parts }) => (parts[0]![1] = put(4, "b/1", 2)), /is at 4/],
  ["a put under another key", ({ parts }) => (parts[0]![0] = put(2, "a/7", 1)), /never written/],
  ["a put nobody sent", ({ parts }) => parts[1]!.push(put(8, "b/9", 99)), /never written/],
  ["a delete nobody sent", ({ parts }) => parts[1]!.push(remove(8, "b/1")), /never written/],
  ["half a txn", ({ parts }) => parts[0]!.splice(3, 1), /half there/],
  [
    "a txn over two revisions",
    ({ parts }) => (parts[0]![3] = put(5, "a/3", 3)),
    /is at 4 and at 5/,
  ],
  ["an unknown put that happened twice", doubled, /is at 2 and at 8/],
  ["a hole in the revisions", ({ parts }) => (parts[1]![2] = remove(8, "a/2")), /from revision 6/],
  ["history that goes back", ({ parts }) => parts[1]!.push(put(3, "a/8", 8)), /from revision 7/],
  ["a store beyond its history", ({ heads }) => (heads[1] = 8), /the store at 8/],
  ["a history rewritten behind us", ({ again }) => (again[1] = put(3, "b/1", 8)), /fresh watch/],
  ["a stored key is gone", ({ stored }) => stored.pop(), /has 2 keys/],
  ["a stored value is old", ({ stored }) => (stored[2] = put(5, "b/2", 6)), /stored as of 5/],
  ["a deleted key is back", ({ stored }) => stored.push(put(2, "a/1", 1)), /a\/1 is stored/],
  ["a watcher with a gap", ({ watched }) => watched[0]!.splice(1, 1), /watcher 0/],
  ["a watcher with a repeat", ({ watched }) => watched[2]!.push(watched[2]!.at(-1)!), /watcher 2/],
  ["a watcher out of order", ({ watched }) => watched[1]!.reverse(), /after/],
  [
    "a watcher with other contents",
    ({ watched }) => (watched[1]![0] = put(3, "b/1", 6)),
    /watcher 1/,
  ],
  ["a watcher with a foreign key", ({ watched }) => watched[1]!.push(put(9, "a/1", 1)), /got a\/1/],
  ["a watcher that stopped early", ({ watched }) => watched[0]!.pop(), /watcher 0/],
];

test.each(planted)("%s: found", (_, change, found) => {
  expect(violationsOf(change).join("\n")).toMatch(found);
});

function loseNewest({ parts, heads }: Story): void {
  parts[1] = parts[1]!.slice(0, 1);
  heads[1] = 5;
}

function doubled({ parts, heads }: Story): void {
  parts[1]!.push(put(8, "a/1", 1));
  heads[1] = 8;
}
