import type { KeyRange } from "../../base/key-range.ts";
import type { Timers } from "../../base/outside.ts";
import type { EventSink } from "../../watch/event-sink.ts";
import type { WatchHub } from "../../watch/hub.ts";

/** What is waited for: the next event in a range. */
export interface NoticeOptions {
  readonly hub: WatchHub;
  readonly timers: Timers;
  readonly range: KeyRange;
  readonly deletesOnly: boolean;
  /** The address of the client for whom this is. */
  readonly peer: string;
}

/**
 * Calls `fire` once, in a turn of its own, after the next event in the range that is not durable
 * yet; whoever waits then looks for himself. It is a watcher like any other, so that one of many
 * thousands costs nothing until its key changes. The result gives up the wait.
 * Undefined: there are too many watchers already.
 */
export function awaitEvent(options: NoticeOptions, fire: () => void): (() => void) | undefined {
  const { hub, timers, range, deletesOnly, peer } = options;
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    stream.close();
  };
  const fireOnce = (): void => {
    if (isOver) return;
    end();
    fire();
  };
  const sink: EventSink = {
    // The hub is in the middle of its rounds.
    offer: () => {
      timers.endOfTurn(fireOnce);
      return true;
    },
    // An operator may cancel any watcher; then it is looked again, and waited anew.
    control: () => timers.endOfTurn(() => stream.size === 0 && fireOnce()),
  };
  const stream = hub.open(sink, { peer, user: "", isInternal: true });
  stream.create({
    id: 0,
    interest: { range, noPut: deletesOnly, noDelete: false, prevKv: false },
    startRevision: 0,
    progressNotify: false,
    fragment: false,
  });
  if (stream.size > 0) return end;
  end();
  return undefined;
}
