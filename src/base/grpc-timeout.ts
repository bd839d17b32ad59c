/** Milliseconds of each unit of grpc-timeout (gRPC over HTTP/2, "Timeout"). */
const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["H", 3_600_000],
  ["M", 60_000],
  ["S", 1000],
  ["m", 1],
  ["u", 0.001],
  ["n", 0.000_001],
]);
const DIGITS_MAX = 8;

/** Milliseconds of a grpc-timeout, or why it is none, in grpc-go's words. */
export function parseGrpcTimeout(text: string): number | string {
  if (text.length < 2) return `transport: timeout string is too short: ${JSON.stringify(text)}`;
  if (text.length > DIGITS_MAX + 1) {
    return `transport: timeout string is too long: ${JSON.stringify(text)}`;
  }
  const unitMs = UNIT_MS.get(text.charAt(text.length - 1));
  if (unitMs === undefined) {
    return `transport: timeout unit is not recognized: ${JSON.stringify(text)}`;
  }
  const digits = text.slice(0, -1);
  if (!/^[0-9]+$/.test(digits)) {
    return `strconv.ParseUint: parsing ${JSON.stringify(digits)}: invalid syntax`;
  }
  return Number(digits) * unitMs;
}
