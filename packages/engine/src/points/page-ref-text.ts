import * as z from 'zod';
import { fromBase64, toBase64 } from '../bytes.ts';
import { decodePageRef, encodePageRef } from '../manifest/page-codec.ts';
import type { PageRef } from '../manifest/page-store.ts';

/** A reference to a stored tree in roots and work objects: its bytes in base64 (docs/format.md, section 5). */
export const PageRefText = z.base64();
export type PageRefText = z.infer<typeof PageRefText>;

/** The sink must have stored its last pack. */
export function pageRefToText(ref: PageRef): PageRefText {
  return toBase64(encodePageRef(ref));
}

/** `undefined` for an empty map, which has no page. */
export function findPageRef(
  text: PageRefText | undefined,
  objectName: string | undefined,
): PageRef | undefined {
  return text === undefined ? undefined : pageRefFromText(text, objectName ?? 'a reference to a page');
}

/**
 * @param objectName - the text's origin in error messages.
 * @throws {@link StoredBytesDamagedError} it is not a reference.
 */
export function pageRefFromText(text: PageRefText, objectName: string): PageRef {
  return decodePageRef(fromBase64(text), objectName);
}
