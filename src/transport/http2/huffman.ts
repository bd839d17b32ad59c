/**
 * HPACK's Huffman code (RFC 7541 §5.2, appendix B), decoded four bits a step. The code is
 * canonical: the lengths alone give every code, shorter ones first, then by symbol.
 */

/** Bits of the code of each byte, then of the end-of-string symbol. */
const CODE_LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const SYMBOLS = CODE_LENGTHS.length;
const END_OF_STRING = SYMBOLS - 1;
const STEP_BITS = 4;
const STEP_VALUES = 1 << STEP_BITS;

/** A cell of the table: next state | symbol << 8 | flags. */
const EMITS = 1 << 16;
const INVALID = 1 << 17;
/** Stopping here is legal: the bits since the last symbol are fewer than 8 and all ones. */
const ACCEPTS = 1 << 18;

/** The codes by symbol: canonical order is by length, then by symbol. */
export function huffmanCodes(): { readonly code: Uint32Array; readonly bits: readonly number[] } {
  const code = new Uint32Array(SYMBOLS);
  let next = 0;
  for (let bits = 1; bits <= 30; bits++) {
    next *= 2;
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      if (CODE_LENGTHS[symbol] === bits) code[symbol] = next++;
    }
  }
  return { code, bits: CODE_LENGTHS };
}

/** The code as a binary tree: child of node n on bit b is `tree[2n + b]`; leaves are ~symbol. */
function buildTree(): Int32Array {
  const { code, bits } = huffmanCodes();
  const tree = new Int32Array(2 * SYMBOLS);
  let nodes = 1;
  for (let symbol = 0; symbol < SYMBOLS; symbol++) {
    let node = 0;
    const length = bits[symbol] as number;
    for (let i = length - 1; i >= 0; i--) {
      const at = 2 * node + (((code[symbol] as number) >>> i) & 1);
      if (i === 0) tree[at] = ~symbol;
      else if (tree[at] === 0) tree[at] = nodes++;
      node = tree[at] as number;
    }
  }
  return tree;
}

/** Nodes on which padding may end: reached from the root by at most seven ones. */
function acceptingNodes(tree: Int32Array): ReadonlySet<number> {
  const accepting = new Set<number>();
  for (let node = 0, ones = 0; ones < 8; ones++) {
    accepting.add(node);
    node = tree[2 * node + 1] as number;
  }
  return accepting;
}

function buildTable(): Uint32Array {
  const tree = buildTree();
  const accepting = acceptingNodes(tree);
  const table = new Uint32Array(END_OF_STRING * STEP_VALUES);
  for (let start = 0; start < END_OF_STRING; start++) {
    for (let value = 0; value < STEP_VALUES; value++) {
      table[start * STEP_VALUES + value] = buildCell(tree, accepting, start, value);
    }
  }
  return table;
}

function buildCell(
  tree: Int32Array,
  accepting: ReadonlySet<number>,
  start: number,
  value: number,
): number {
  let node = start;
  let cell = 0;
  for (let i = STEP_BITS - 1; i >= 0; i--) {
    const child = tree[2 * node + ((value >>> i) & 1)] as number;
    if (child === ~END_OF_STRING) return INVALID;
    if (child < 0) cell = EMITS | (~child << 8);
    node = child < 0 ? 0 : child;
  }
  return cell | node | (accepting.has(node) ? ACCEPTS : 0);
}

const TABLE: Uint32Array = buildTable();

/**
 * Decodes `bytes[start..end)` into `target` from its beginning and returns the length, or -1 when
 * the code is wrong: an end-of-string symbol inside, or padding that is longer than 7 bits or not
 * all ones. `target` must have room for 8/5 of the input.
 */
export function decodeHuffman(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
): number {
  let length = 0;
  let cell = ACCEPTS;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    cell = TABLE[(cell & 0xff) * STEP_VALUES + (byte >>> 4)] as number;
    if ((cell & EMITS) !== 0) target[length++] = (cell >>> 8) & 0xff;
    if ((cell & INVALID) !== 0) return -1;
    cell = TABLE[(cell & 0xff) * STEP_VALUES + (byte & 0xf)] as number;
    if ((cell & EMITS) !== 0) target[length++] = (cell >>> 8) & 0xff;
    if ((cell & INVALID) !== 0) return -1;
  }
  return (cell & ACCEPTS) === 0 ? -1 : length;
}
