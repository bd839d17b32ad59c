import { copyBytes, equalBytes } from "../../base/bytes.ts";
import { EtcdError } from "../../base/errors.ts";
import { parseKeyValue, valueOf } from "../../mvcc/key-value.ts";
import type { Method, UnaryCall } from "../call.ts";
import { headerOf, type MemberIdentity } from "../member.ts";
import { DESCRIPTORS, type Draft } from "../proto/codec.ts";
import type {
  CampaignRequest,
  CampaignResponse,
  LeaderKey,
  LeaderRequest,
  LeaderResponse,
  ProclaimRequest,
  ProclaimResponse,
  ResignRequest,
  ResignResponse,
} from "../proto/messages-recipes.ts";
import { unaryMethod } from "../unary.ts";
import { ObserveStream } from "./observe.ts";
import {
  failUnknown,
  firstOf,
  ifCreatedAt,
  type Place,
  putOf,
  queueRange,
  type RecipeOptions,
  RecipeQueue,
} from "./queue.ts";

export interface ElectionOptions extends RecipeOptions {
  readonly member: MemberIdentity;
}

const NOT_LEADER = "election: not leader";
const NO_LEADER = "election: no leader";
const LEADER_MISSING = '"leader" field must be provided';

/** The Election service (X6-X10): the leader is whoever is first in the queue of a name. */
export function electionMethods(options: ElectionOptions): readonly (readonly [string, Method])[] {
  const service = new ElectionService(options);
  const campaign = unaryMethod<CampaignRequest, CampaignResponse>(
    { request: DESCRIPTORS.CampaignRequest, response: DESCRIPTORS.CampaignResponse },
    (request, done, call) => service.campaign(request, done, call),
  );
  const proclaim = unaryMethod<ProclaimRequest, ProclaimResponse>(
    { request: DESCRIPTORS.ProclaimRequest, response: DESCRIPTORS.ProclaimResponse },
    (request, done, call) => service.proclaim(request, done, call),
  );
  const leader = unaryMethod<LeaderRequest, LeaderResponse>(
    { request: DESCRIPTORS.LeaderRequest, response: DESCRIPTORS.LeaderResponse },
    (request, done, call) => service.leader(request, done, call),
  );
  const resign = unaryMethod<ResignRequest, ResignResponse>(
    { request: DESCRIPTORS.ResignRequest, response: DESCRIPTORS.ResignResponse },
    (request, done, call) => service.resign(request, done, call),
  );
  const observe: Method = {
    kind: "stream",
    open: (call): ObserveStream => new ObserveStream(call, options),
  };
  return [
    ["/v3electionpb.Election/Campaign", campaign],
    ["/v3electionpb.Election/Proclaim", proclaim],
    ["/v3electionpb.Election/Leader", leader],
    ["/v3electionpb.Election/Observe", observe],
    ["/v3electionpb.Election/Resign", resign],
  ];
}

type Done<Response> = (response: Draft<Response>) => void;

class ElectionService {
  readonly #options: ElectionOptions;
  readonly #queue: RecipeQueue;

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#queue = new RecipeQueue(options);
  }

  campaign(asked: CampaignRequest, done: Done<CampaignResponse>, call: UnaryCall): void {
    const name = copyBytes(asked.name);
    const value = copyBytes(asked.value);
    this.#queue.session(asked.lease, call, (lease) => {
      this.#queue.join({ name, lease, value }, call, (place) => {
        const elected = (): void => {
          const { key, createRevision: rev } = place;
          const header = headerOf(this.#options.member, place.revision);
          done({ header, leader: { name, key, rev, lease } });
        };
        const stand = (): void => this.#queue.awaitTurn(place, call, elected);
        const { present } = place;
        if (present === undefined || equalBytes(valueOf(present), value)) stand();
        else this.#restate(place, value, { call, done: stand });
      });
    });
  }

  proclaim(asked: ProclaimRequest, done: Done<ProclaimResponse>, call: UnaryCall): void {
    const { leader } = asked;
    if (leader === undefined) {
      failUnknown(call, LEADER_MISSING);
      return;
    }
    const key = copyBytes(leader.key);
    const value = copyBytes(asked.value);
    this.#queue.session(leader.lease, call, (lease) => {
      const command = ifCreatedAt(key, leader.rev, putOf(key, value, lease));
      this.#queue.txn(command, call, ({ succeeded, revision }) => {
        if (!succeeded) failUnknown(call, NOT_LEADER);
        else done({ header: headerOf(this.#options.member, revision) });
      });
    });
  }

  leader({ name }: LeaderRequest, done: Done<LeaderResponse>, call: UnaryCall): void {
    const found = this.#queue.read(firstOf(queueRange(name)));
    if (found instanceof EtcdError) {
      failUnknown(call, found.message);
      return;
    }
    const first = found.keyValues[0];
    if (first === undefined) failUnknown(call, NO_LEADER);
    else done({ header: headerOf(this.#options.member, found.revision), kv: parseKeyValue(first) });
  }

  /** No error for one who is no longer the leader (X10). */
  resign({ leader }: ResignRequest, done: Done<ResignResponse>, call: UnaryCall): void {
    if (leader === undefined) {
      failUnknown(call, LEADER_MISSING);
      return;
    }
    this.#queue.txn(resignation(leader), call, ({ revision }) => {
      done({ header: headerOf(this.#options.member, revision) });
    });
  }

  /** A second candidacy of the same lease says something else than the first. */
  #restate(
    place: Place,
    value: Uint8Array,
    { call, done }: { readonly call: UnaryCall; readonly done: () => void },
  ): void {
    const { key, createRevision, lease } = place;
    const command = ifCreatedAt(key, createRevision, putOf(key, value, lease));
    this.#queue.txn(command, call, ({ succeeded }) => {
      if (succeeded) done();
      else failUnknown(call, NOT_LEADER);
    });
  }
}

function resignation({ key, rev }: LeaderKey): ReturnType<typeof ifCreatedAt> {
  const range = { kind: "single", key } as const;
  return ifCreatedAt(key, rev, { kind: "delete-range", range, prevKv: false });
}
