/**
 * Equal for superblocks with equal fields.
 * @param passing - names of fields, and of features, that say nothing of where nodes lie.
 */
export function layoutText(superblock: object, passing: readonly string[]): string {
  const lasting = Object.entries(superblock).filter(([name]) => !passing.includes(name));
  return JSON.stringify(
    lasting.map(([name, value]: [string, unknown]) =>
      value instanceof Set
        ? [...value].filter((feature) => !passing.includes(feature as string))
        : [name, value],
    ),
  );
}
