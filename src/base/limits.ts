/**
 * Every bound of the server: name, unit, source. What happens at each bound is said where it is
 * enforced. Bounds that a user can set are defaults here and arrive as options.
 */
const KiB = 1024;
const MiB = 1024 * KiB;

/** etcd's --max-request-bytes (O6h): largest request that may enter the log. */
export const MAX_REQUEST_BYTES_DEFAULT: number = 1.5 * MiB;
/** What etcd adds to --max-request-bytes for gRPC framing (O6i, T4). */
export const REQUEST_OVERHEAD_BYTES: number = 512 * KiB;
/** etcd's --max-txn-ops (O6j). */
export const MAX_TXN_OPS_DEFAULT = 128;
/** etcd's --quota-backend-bytes (O6n). */
export const QUOTA_BYTES_DEFAULT: number = 2 * 1024 * MiB;
/** etcd's longest TTL of a lease in seconds; a longer one is refused (O6l). */
export const LEASE_TTL_SECONDS_MAX = 9_000_000_000;
/** Watch responses are cut between revisions at this many bytes of events (D9). */
export const WATCH_RESPONSE_BYTES_MAX: number = MiB;
/** The shared event log keeps the newest events up to this many bytes. */
export const EVENT_LOG_BYTES_DEFAULT: number = 64 * MiB;
/**
 * Bytes that collect for the next commit while the disk works; at this bound requests are refused
 * as too many. Half of what a frame may hold, so that one more large request fits.
 */
export const UNCOMMITTED_BYTES_MAX: number = 64 * MiB;
/** A log segment is sealed once it is at least this long. */
export const SEGMENT_BYTES_DEFAULT: number = 64 * MiB;
/**
 * Room on the disk kept for when it is full, as far as the log is as large: for tombstones and for
 * what a compaction writes before it takes away.
 */
export const RESERVE_BYTES_DEFAULT: number = 16 * MiB;
/**
 * Messages (or unknown groups) inside one another; deeper ones are refused. The default of most
 * protobuf implementations: Go's 10,000 would be half of our stack.
 */
export const MESSAGE_DEPTH_MAX = 100;
/** The newest part of the log that stays in memory, so that reads need no disk. */
export const RESIDENT_BYTES_DEFAULT: number = 256 * MiB;
/** Events that one slice of catching up reads: about a millisecond of work. */
export const WATCH_EVENTS_PER_STEP = 4096;
/** Watchers on one stream; more are refused with a reason. */
export const WATCHERS_PER_STREAM_MAX = 100_000;
/** Watchers of the whole server; more are refused with a reason. */
export const WATCHERS_TOTAL_MAX = 2_000_000;
/** Ranges that one watch may name beside its key and range_end; with more it is refused. */
export const WATCH_RANGES_MAX = 256;
