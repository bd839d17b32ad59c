import type { CallInfo } from "../call.ts";

/** Request headers that reach a call by their own name, without `Grpc-Metadata-`. */
const OWN_NAMES: ReadonlySet<string> = new Set(["vedette-watch"]);

/**
 * A request's headers as a call's metadata (G9): `Grpc-Metadata-X` is `x`, and `Authorization` is
 * the token of the user, with or without the word Bearer.
 */
export function metadataOf(request: CallInfo, name: string): string | undefined {
  if (name === "authorization") {
    return request.header(name)?.replace(/^Bearer /i, "");
  }
  return (
    request.header(`grpc-metadata-${name}`) ??
    (OWN_NAMES.has(name) ? request.header(name) : undefined)
  );
}
