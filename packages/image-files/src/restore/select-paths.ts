import { InvalidInputError, UnknownNameError, utf8 } from '@holdfast/engine';
import { type ImagePlace, partsText } from '../image-part.ts';
import type { PointImage } from '../point-image.ts';
import { latinOf } from '../latin-text.ts';

/** A path within an image that a restore is asked for. */
export interface SelectedPath {
  /** As a person wrote it. */
  readonly asked: string;
  /** What its entries begin with, a character a byte: the same without a slash in front. */
  readonly entryPath: string;
}

/**
 * Sorts paths as their entries are, and leaves out those that lie in another one.
 * @throws {@link InvalidInputError} a path has an empty, `.` or `..` part, which no entry may have.
 */
export function selectPaths(paths: readonly string[]): readonly SelectedPath[] {
  const all = paths.map((asked) => ({ asked, entryPath: entryPathOf(asked) }));
  all.sort((one, other) => (one.entryPath < other.entryPath ? -1 : Number(one.entryPath > other.entryPath)));
  const kept: SelectedPath[] = [];
  for (const path of all)
    if (!kept.some(({ entryPath }) => isWithin(path.entryPath, entryPath))) kept.push(path);
  return kept;
}

function isWithin(path: string, other: string): boolean {
  return path === other || ((other === '' || other.endsWith('/')) && path.startsWith(other));
}

/**
 * Looks paths up, and gives them as a restore keeps them: those of directories end in `/`.
 * @throws {@link InvalidInputError} a path has an empty, `.` or `..` part.
 * @throws {@link UnknownNameError} there is nothing at a path, or no file system.
 */
export async function lookUpPaths(image: PointImage, paths: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths) {
    entryPathOf(path);
    const { node } = await getNode(image, path);
    if (node.kind !== 'directory' && path.endsWith('/'))
      throw new UnknownNameError(`${JSON.stringify(path)} is a ${node.kind}; leave the "/" at its end out`);
    found.push(node.kind === 'directory' && !path.endsWith('/') ? `${path}/` : path);
  }
  return found;
}

export async function getNode(
  image: PointImage,
  path: string,
): Promise<Extract<ImagePlace, { readonly kind: 'node' }>> {
  const place = await image.getPlace(path, { followLast: path.endsWith('/') });
  if (place.kind === 'node') return place;
  throw new UnknownNameError(
    `${JSON.stringify(path)} is no directory; name one of ${partsText(place.parts)}`,
  );
}

function entryPathOf(asked: string): string {
  // A drive of Windows.
  const slashed = /^[a-z]:/i.test(asked) ? asked.replaceAll('\\', '/') : asked;
  const path = slashed.replace(/^\//, '');
  const parts = path.replace(/\/$/, '').split('/');
  if (path !== '' && parts.some((part) => part === '' || part === '.' || part === '..'))
    throw new InvalidInputError(
      `path ${JSON.stringify(asked)} has an empty part, "." or ".."; write the whole path, as "holdfast ls" prints it`,
    );
  return latinOf(utf8(path));
}
