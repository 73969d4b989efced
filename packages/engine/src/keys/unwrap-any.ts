import { KeyUnavailableError } from '../errors.ts';
import type { KeyContext, WrappedKey } from '../ports/keyring.ts';

/**
 * Opens a key with the first of its wrappings for a recipient that fits; others may be for another key, or context.
 * @param options.refusalOf - tells of a failure if it only says that the wrapping key may not be used now. What it
 * throws ends the search.
 * @throws {@link KeyUnavailableError} none fits.
 */
export async function unwrapAny(
  { keyId }: KeyContext,
  wrapped: readonly WrappedKey[],
  recipient: string,
  open: (key: WrappedKey) => Uint8Array | Promise<Uint8Array>,
  options: {
    readonly keyAtHand?: string;
    readonly refusalOf?: (error: unknown, key: WrappedKey) => string | undefined;
  } = {},
): Promise<Uint8Array> {
  let cause: unknown;
  let refusal: string | undefined;
  for (const key of wrapped) {
    if (key.recipient !== recipient) continue;
    try {
      return await open(key);
    } catch (error) {
      refusal ??= options.refusalOf?.(error, key);
      cause = error;
    }
  }
  const recipients = wrapped.map((key) => `${key.recipient} (${key.wrappingKey})`);
  throw new KeyUnavailableError(keyId, recipients, { cause, keyAtHand: options.keyAtHand, refusal });
}
