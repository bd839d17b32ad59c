import { type Behaviour, row } from "./behaviour.ts";

const LEASES = "watch/scenarios/leases.txt";
const LEASE_WATCH = "e2e/lease-watch.test.ts";
const PERMISSION = "api/auth/watch-permission.test.ts";
const GUARD = "api/auth/watch-guard.test.ts";
const USERS = "conformance/scenarios/auth-watch.txt";
const AUTH_WATCH = "e2e/watch-auth.test.ts";
const WIRE = "conformance/scenarios";

/** Leases that end under watchers. */
export const LEASED: readonly Behaviour[] = [
  row(
    49,
    "a lease that ends deletes its keys in one revision, in key order, a thousand of them as well",
    "watch/leases.test.ts > a lease that expires deletes its %s keys in one revision",
    `${LEASES} > A lease that is taken back takes its keys in one revision`,
    `${LEASES} > A lease whose time is over goes like one that is taken back`,
    `${LEASES} > A lease without keys tells nobody of its end`,
    `${WIRE}/lease.txt > All keys of a lease go in one revision, in ascending order.`,
  ),
  row(
    50,
    "a lease that ends while the server stands still, starts again or dies: one decision, one delete",
    `${LEASES} > The process stands still while a lease runs out`,
    `${LEASES} > The server starts again while a lease runs out`,
    `${LEASES} > The server dies between the end of a lease and its first byte on the disk`,
    `${LEASES} > Clients were away when a lease ended`,
    `${LEASES} > A renewal that comes in time is the decision`,
    `${LEASES} > A renewal that comes too late waits for the end`,
    `${LEASES} > A lease that ends twice in one turn ends once`,
    "watch/leases.test.ts > every watcher is told of the end of a lease once",
    "replica/lease-runner.test.ts > an end that is decided and waits for its turn is not undone",
    `${LEASE_WATCH} > a renewal that waits while the server stands still comes before any end`,
    `${LEASE_WATCH} > a lease that runs out while the server is dead ends once, behind the next start`,
  ),
  row(
    51,
    "a key that moved to another lease outlives its first one",
    `${LEASES} > A key that moved to another lease outlives its first one`,
    `${LEASES} > A key that comes back to its first lease goes with it`,
    `${LEASES} > A put that moves a key in the turn in which its lease ends`,
    "watch/leases.test.ts > every watcher is told of the end of a lease once",
  ),
];

/** Users and permissions that go under watchers. */
export const PERMITTED: readonly Behaviour[] = [
  row(
    48,
    "the value before is not told once the permission is gone, wherever the watcher stands",
    `${PERMISSION} > a watcher that is level is told of no later value`,
    `${PERMISSION} > a watcher whose stream takes no more is not told of what it has missed`,
    `${PERMISSION} > a watcher that is reading history reads no further`,
    `${PERMISSION} > history is for whoever may read now`,
    `${USERS} > What was there before a change is for whoever may still watch the key.`,
  ),
  row(
    59,
    "a token that expires ends no watch; a user or a permission that goes ends those that needed it",
    `${PERMISSION} > a token that expires ends no watch, and opens no further one`,
    `${PERMISSION} > a password that changes takes the token, and ends no watch`,
    `${PERMISSION} > when %s, all watches of the user end, each once`,
    `${PERMISSION} > a user of the same name that comes in the same commit inherits no watch`,
    `${PERMISSION} > what is granted otherwise keeps a watch alive`,
    `${GUARD} > only those watches end that may go on no longer`,
    `${GUARD} > many watches are judged a slice a turn`,
    `${USERS} > A password that changes, and a token that is void, end no watch.`,
    `${AUTH_WATCH} > a watch outlives its token, and not its user`,
  ),
  row(
    60,
    "auth that is switched on ends anonymous watches, also those that are behind",
    `${PERMISSION} > ends anonymous watches, wherever they stand, and refuses further ones`,
    `${PERMISSION} > judges those who can say who they are by what they may`,
    `${GUARD} > auth that is switched on asks those who have not said who they are`,
    `${USERS} > Whoever watches without having said who they are is told so`,
    `${AUTH_WATCH} > auth that is switched on ends an anonymous watch`,
  ),
];
