import * as z from 'zod';
import { fromBase64, toBase64 } from '../bytes.ts';
import { decodePageRef, encodePageRef } from '../manifest/page-codec.ts';
import type { PageRef } from '../manifest/page-store.ts';

/** A reference to a stored tree as roots and work objects carry it: its bytes in base64 (docs/format.md, section 5). */
export const PageRefText = z.base64();
export type PageRefText = z.infer<typeof PageRefText>;

/** Writes a reference down; the sink must have stored its last pack. */
export function pageRefToText(ref: PageRef): PageRefText {
  return toBase64(encodePageRef(ref));
}

/** The reference, where there is one: an empty map has no page. */
export function findPageRef(
  text: PageRefText | undefined,
  objectName: string | undefined,
): PageRef | undefined {
  return text === undefined ? undefined : pageRefFromText(text, objectName ?? 'a reference to a page');
}

/**
 * @param objectName - what errors call the place that the text is from.
 * @throws {@link StoredBytesDamagedError} it is not a reference.
 */
export function pageRefFromText(text: PageRefText, objectName: string): PageRef {
  return decodePageRef(fromBase64(text), objectName);
}
