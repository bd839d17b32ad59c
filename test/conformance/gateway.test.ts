import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isAvailable, PEER_KINDS, TestServer } from "../support/servers.ts";
import { ask, withoutOldError } from "./gateway-client.ts";
import { COMPARED_REQUESTS } from "./gateway-requests.ts";
import { randomGatewayRequests } from "./random-gateway-requests.ts";

/**
 * The JSON gateway beside real ones (G1-G9, G20-G23): the same requests in the same order, with
 * equal status, content type and body. etcd 3.5.30 has the gateway of 3.7, 3.4 the one before.
 */
const kinds = PEER_KINDS.filter(isAvailable);

describe.each(kinds)("the gateway beside %s", (kind) => {
  let ours: TestServer;
  let peer: TestServer;

  beforeAll(async () => {
    [ours, peer] = await Promise.all([TestServer.start("vedette"), TestServer.start(kind)]);
  });

  afterAll(async () => {
    await Promise.all([ours.dispose(), peer.dispose()]);
  });

  test("answers each of a list of requests alike, but for the differences it names", async () => {
    const faults: unknown[] = [];
    for (const asked of COMPARED_REQUESTS) {
      const [mine, theirs] = await Promise.all([ask(ours.port, asked), ask(peer.port, asked)]);
      const compared = kind === "etcd-3.5" ? withoutOldError(mine) : mine;
      const isEqual = JSON.stringify(sorted(compared)) === JSON.stringify(sorted(theirs));
      const isMeantToBe = asked.unlike?.[kind] === undefined;
      const { path, body } = asked;
      if (isEqual !== isMeantToBe) faults.push({ path, body: body?.slice(0, 200), mine, theirs });
    }
    expect(faults).toEqual([]);
  });

  // The older gateway has other words for most of what is wrong.
  if (kind === "etcd-3.4") return;

  test("answers random requests alike", async () => {
    const faults: unknown[] = [];
    const seed = Number(process.env["VEDETTE_SEED"] ?? 1);
    for (const asked of fc.sample(randomGatewayRequests, { numRuns: 300, seed })) {
      const [mine, theirs] = await Promise.all([ask(ours.port, asked), ask(peer.port, asked)]);
      const compared = withoutOldError(mine);
      const isEqual = JSON.stringify(sorted(compared)) === JSON.stringify(sorted(theirs));
      if (!isEqual) faults.push({ ...asked, mine: compared, theirs });
    }
    expect(faults).toEqual([]);
  });
});

/** The same with the names of objects in order: which order they come in means nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const names = Object.keys(value).toSorted();
  return names.map((name) => [name, sorted((value as Record<string, unknown>)[name])]);
}
