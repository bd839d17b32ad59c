import { copyBytes, EMPTY_BYTES } from "../../base/bytes.ts";
import { EtcdError } from "../../base/errors.ts";
import { parseKeyRange } from "../../base/key-range.ts";
import type { Method, UnaryCall } from "../call.ts";
import { headerOf, type MemberIdentity } from "../member.ts";
import { DESCRIPTORS, type Draft } from "../proto/codec.ts";
import type { LockRequest, LockResponse, UnlockRequest } from "../proto/messages-recipes.ts";
import type { UnlockResponse } from "../proto/messages-recipes.ts";
import { unaryMethod } from "../unary.ts";
import { failUnknown, type Place, rangeOf, type RecipeOptions, RecipeQueue } from "./queue.ts";

export interface LockOptions extends RecipeOptions {
  readonly member: MemberIdentity;
}

const SESSION_EXPIRED = "mutex: session is expired";

/** The Lock service (X1-X5): a lock is held by whoever is first in the queue of its name. */
export function lockMethods(options: LockOptions): readonly (readonly [string, Method])[] {
  const service = new LockService(options);
  const lock = unaryMethod<LockRequest, LockResponse>(
    { request: DESCRIPTORS.LockRequest, response: DESCRIPTORS.LockResponse },
    (request, done, call) => service.lock(request, done, call),
  );
  const unlock = unaryMethod<UnlockRequest, UnlockResponse>(
    { request: DESCRIPTORS.UnlockRequest, response: DESCRIPTORS.UnlockResponse },
    (request, done, call) => service.unlock(request, done, call),
  );
  return [
    ["/v3lockpb.Lock/Lock", lock],
    ["/v3lockpb.Lock/Unlock", unlock],
  ];
}

class LockService {
  readonly #options: LockOptions;
  readonly #queue: RecipeQueue;

  constructor(options: LockOptions) {
    this.#options = options;
    this.#queue = new RecipeQueue(options);
  }

  lock(asked: LockRequest, done: (response: Draft<LockResponse>) => void, call: UnaryCall): void {
    const name = copyBytes(asked.name);
    this.#queue.session(asked.lease, call, (lease) => {
      this.#queue.join({ name, lease, value: EMPTY_BYTES }, call, (place) => {
        if (place.isFirst) done(this.#answer(place, place.revision));
        else this.#queue.awaitTurn(place, call, () => this.#waited(place, done, call));
      });
    });
  }

  /** Whatever the key is, and also when it does not exist (X4). */
  unlock(
    { key }: UnlockRequest,
    done: (response: Draft<UnlockResponse>) => void,
    call: UnaryCall,
  ): void {
    if (key.length === 0) {
      failUnknown(call, new EtcdError("emptyKey").message);
      return;
    }
    const range = parseKeyRange(key, EMPTY_BYTES);
    const { replica, member } = this.#options;
    replica.propose({ kind: "delete-range", range, prevKv: false }, (outcome) => {
      if (outcome instanceof EtcdError) failUnknown(call, outcome.message);
      else done({ header: headerOf(member, outcome.revision) });
    });
  }

  /** The lease may have ended while its key stood in the queue. */
  #waited(place: Place, done: (response: Draft<LockResponse>) => void, call: UnaryCall): void {
    const own = this.#queue.read(rangeOf({ kind: "single", key: place.key }));
    if (own instanceof EtcdError) failUnknown(call, own.message);
    else if (own.keyValues.length === 0) failUnknown(call, SESSION_EXPIRED);
    else done(this.#answer(place, own.revision));
  }

  #answer({ key }: Place, revision: number): Draft<LockResponse> {
    return { header: headerOf(this.#options.member, revision), key };
  }
}
