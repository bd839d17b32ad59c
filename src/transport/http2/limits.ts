/**
 * Every bound of the HTTP/2 server: name, unit, where it comes from, and what happens when it is
 * reached. They are meant never to be met by a working client, whatever it does all day.
 */
const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Largest frame payload we accept: RFC 9113's smallest allowed. Beyond: FRAME_SIZE_ERROR, close.
 */
export const FRAME_BYTES_MAX: number = 16 * KiB;
/** Largest DATA frame we send to a peer that allows more, so that streams still interleave. */
export const SENT_DATA_FRAME_BYTES_MAX: number = 128 * KiB;

/** Compressed bytes of one header block over all its frames. Beyond: ENHANCE_YOUR_CALM, close. */
export const HEADER_BLOCK_BYTES_MAX: number = 32 * KiB;
/** CONTINUATION frames of one header block. Beyond: ENHANCE_YOUR_CALM, close. */
export const CONTINUATION_FRAMES_MAX = 16;
/**
 * Decoded names and values plus 32 bytes a field (RFC 9113 §6.5.2). Beyond: the stream is reset.
 */
export const HEADER_LIST_BYTES_MAX: number = 32 * KiB;
/** Fields of one header list. Beyond: the stream is reset. */
export const HEADER_FIELDS_MAX = 100;
/** HPACK's dynamic table, RFC 7541's default. A larger size update: COMPRESSION_ERROR, close. */
export const HEADER_TABLE_BYTES_MAX: number = 4 * KiB;
/** Whole header blocks kept decoded per connection; when full, all are forgotten. */
export const HEADER_CACHE_ENTRIES_MAX = 64;
/** Header blocks longer than this are decoded anew each time. */
export const HEADER_CACHE_BLOCK_BYTES_MAX: number = KiB;

/**
 * What a client may send on one stream before we grant more: large enough that a 2 MiB message
 * needs few grants. Beyond: FLOW_CONTROL_ERROR, the stream is reset.
 */
export const STREAM_RECEIVE_WINDOW_BYTES: number = MiB;
/**
 * The same for the whole connection: what is withheld from the api (paused streams, requests that
 * wait until their client reads) is not granted again. Beyond: FLOW_CONTROL_ERROR, close.
 */
export const CONNECTION_RECEIVE_WINDOW_BYTES: number = 32 * MiB;
/**
 * Request bytes held in all. Messages that are not whole are granted again as they come, or many
 * large ones could block each other; so they need a bound of their own: 64 callers with the largest
 * message each. Beyond: the stream that asks for more is answered RESOURCE_EXHAUSTED.
 */
export const CONNECTION_HELD_REQUEST_BYTES_MAX: number = 128 * MiB;

/** A window may not grow beyond this (RFC 9113 §6.9.1). Beyond: FLOW_CONTROL_ERROR. */
export const WINDOW_BYTES_MAX: number = 2 ** 31 - 1;
/** Both windows before anything is said (RFC 9113 §6.9.2). */
export const WINDOW_BYTES_INITIAL = 65_535;

/** `offer` takes a message while at most this much waits on its stream. Beyond: it says no. */
export const STREAM_QUEUE_BYTES_MAX: number = 16 * KiB;
/**
 * Bytes given to the socket and not yet taken by the kernel, this turn's included: a few batches
 * for each of a hundred watchers. Beyond: DATA stays in the queues of the streams, which are served
 * in turn, and `offer` says no.
 */
export const SOCKET_BACKLOG_BYTES_MAX: number = 4 * MiB;
/**
 * The same while the kernel takes no more: the client does not keep up, or lies still. With the
 * largest message on top, what a client that never reads costs.
 */
export const SOCKET_STALLED_BYTES_MAX: number = MiB;
/** So many bytes are handed to the socket at once, and not only at the end of the turn. */
export const FLUSH_BYTES: number = 512 * KiB;
/**
 * Bytes of unary and HTTP answers that wait on one connection, for windows or for the socket.
 * Beyond: further requests wait until the client has read.
 */
export const ANSWERS_QUEUE_BYTES_MAX: number = 16 * MiB;
/**
 * Bytes that all streaming calls of one connection have waiting. Beyond: `offer` takes only a
 * message that can begin to leave at once, and requests wait on the streams that are not read.
 */
export const STREAMS_QUEUE_BYTES_MAX: number = 16 * MiB;
/** The same for whole messages of streams whose client does read. Beyond: `offer` says no. */
export const STREAMS_QUEUE_BYTES_HARD_MAX: number = 64 * MiB;
/**
 * Bytes of any kind given to the socket and not yet taken by the kernel: DATA stops long before, so
 * these are answers to requests that a client sends without reading. Beyond: ENHANCE_YOUR_CALM,
 * close.
 */
export const OUTPUT_BACKLOG_BYTES_MAX: number = 8 * MiB;
/**
 * What may wait for all clients of a listener together, as a share of the heap that V8 allows.
 * Beyond: `TIGHT_BYTES_MAX` takes the place of the larger bounds of a connection, and a streaming
 * call gets only what can leave at once, until enough has been read.
 */
export const WAITING_SHARE_OF_HEAP = 0.25;
/** Bytes at the socket, and of answers, that one connection may have waiting in tight times. */
export const TIGHT_BYTES_MAX: number = 64 * KiB;
/** What one stream may send before the next that waits has its turn. */
export const STREAM_QUANTUM_BYTES: number = 16 * KiB;
/** Bodies at least this long go out by reference (writev), shorter ones are copied. */
export const REFERENCE_BYTES_MIN: number = 16 * KiB;
/**
 * Buffers, of a megabyte in general, that what waits for the socket may keep alive by reference.
 * Beyond: bodies are copied.
 */
export const REFERENCED_BUFFERS_MAX = 8;
/** A gRPC message's flag and length. */
export const MESSAGE_PREFIX_BYTES = 5;
/** One pooled piece of output. */
export const OUTPUT_CHUNK_BYTES: number = 64 * KiB;
/** Free pieces kept by one listener for reuse (16 MiB); more are left to the collector. */
export const OUTPUT_CHUNKS_KEPT_MAX = 256;

/**
 * Control frames (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown) that a client may
 * send at once and per second. Each frame with use in it, in either direction, adds some more, so
 * that traffic in proportion to data never runs dry. Beyond: ENHANCE_YOUR_CALM, close.
 */
export const CONTROL_FRAMES_BURST = 1000;
export const CONTROL_FRAMES_PER_SECOND = 200;
/**
 * What one useful frame earns. Go's client answers one DATA frame with up to two WINDOW_UPDATEs
 * and a PING.
 */
export const CONTROL_FRAMES_PER_USEFUL_FRAME = 4;
/** DATA that brings nothing but this little padding counts as empty; more costs its sender, too. */
export const EMPTY_DATA_BYTES_MAX = 64;
/** Earned frames are kept up to this many. */
export const CONTROL_FRAMES_EARNED_MAX = 1_000_000;

/**
 * Streams that a client may break at once and per second: reset soon after it opened them, or made
 * us reset them (CVE-2023-44487, CVE-2025-8671). A call that ends as it should earns one more.
 * Beyond: ENHANCE_YOUR_CALM, close.
 */
export const STREAM_RESETS_BURST = 1000;
export const STREAM_RESETS_PER_SECOND = 100;
/** A stream at least this old may be reset at no cost: it took its place among those allowed. */
export const STREAM_SETTLED_MS = 50;

/** Pings that come too soon before we close (grpc-go's maxPingStrikes, T3). */
export const PING_STRIKES_MAX = 2;
/** Pings that frames we sent have made free are kept up to this many. */
export const PINGS_FREE_MAX = 100;
/** How far apart pings must be without any open stream (grpc-go's defaultPingTimeout, T3). */
export const IDLE_PING_INTERVAL_MS: number = 2 * 60 * 60 * 1000;

/** From accepting a socket to the end of the client's first SETTINGS. Beyond: close. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/** From HEADERS to the end of the header block. Beyond: ENHANCE_YOUR_CALM, close. */
export const HEADER_BLOCK_TIMEOUT_MS = 10_000;
/** From HEADERS to the end of a unary request. Beyond: the stream is reset. */
export const REQUEST_BODY_TIMEOUT_MS = 30_000;
/** From GOAWAY to destroying the socket, so that the client can read why. */
export const CLOSE_LINGER_MS = 500;
/** Ids of closed streams that are remembered, to tell late frames from wrong ones. */
export const CLOSED_STREAMS_REMEMBERED = 256;
