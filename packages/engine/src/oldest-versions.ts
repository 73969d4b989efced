import type { ObjectVersion } from './ports/object-store.ts';

/**
 * The version of each name that counts: the one that was written first. A listing has the newest of a name first.
 * @param onLater - told of each version that was written over another one.
 */
export async function* oldestVersions<Version extends ObjectVersion>(
  listed: AsyncIterable<Version>,
  onLater?: (later: Version, earlier: Version) => void,
): AsyncGenerator<Version> {
  let last: Version | undefined;
  for await (const version of listed) {
    if (last !== undefined && last.name !== version.name) yield last;
    else if (last !== undefined) onLater?.(last, version);
    last = version;
  }
  if (last !== undefined) yield last;
}
