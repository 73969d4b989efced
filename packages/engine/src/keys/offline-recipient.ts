import { constants, type KeyObject, publicEncrypt } from 'node:crypto';
import { InvalidInputError } from '../errors.ts';
import { parseOfflinePublicKey } from '../model/offline-key.ts';
import type { AbsentRecipient, KeyContext, Keyring, WrappedKey } from '../ports/keyring.ts';
import { oaepLabel, offlineRecipientName, rsaFingerprint, rsaKeyText } from './rsa-key.ts';

/** An RSA key pair of which only the public half is here: wraps keys, and can unwrap none. */
class OfflineRecipient implements AbsentRecipient {
  readonly fingerprint: string;
  readonly wrappingKey: string;
  readonly #publicKey: KeyObject;

  constructor(publicKey: KeyObject) {
    this.#publicKey = publicKey;
    this.fingerprint = rsaFingerprint(publicKey);
    this.wrappingKey = rsaKeyText(this.fingerprint);
  }

  wrap(context: KeyContext, plain: Uint8Array): WrappedKey {
    const ciphertext = publicEncrypt(
      {
        key: this.#publicKey,
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash: 'sha256',
        oaepLabel: oaepLabel(context),
      },
      plain,
    );
    return {
      recipient: offlineRecipientName,
      wrappingKey: this.wrappingKey,
      ciphertext: new Uint8Array(ciphertext),
    };
  }
}

/**
 * Reads the public key of an offline recipient.
 * @throws {@link InvalidInputError} it is none; see {@link parseOfflinePublicKey}.
 */
export function readOfflinePublicKey(text: string): KeyObject {
  const parsed = parseOfflinePublicKey(text);
  if ('problem' in parsed) throw new InvalidInputError(`the offline recipient's key ${parsed.problem}`);
  return parsed.key;
}

/**
 * A keyring that wraps every new key for an offline recipient as well, and is otherwise the same: it needs only the
 * public half, and opens nothing with it. Keys that were made before get their wrapping when a run next opens the vault.
 * @param publicKey - see {@link readOfflinePublicKey}.
 * @throws {@link InvalidInputError} it is no public RSA key of at least 3,072 bits.
 * @see docs/format.md section 2
 */
export function withOfflineRecipient(keyring: Keyring, publicKey: string): Keyring {
  const absentRecipient = new OfflineRecipient(readOfflinePublicKey(publicKey));
  return {
    absentRecipient,
    generate: async (context) => {
      const { plain, wrapped } = await keyring.generate(context);
      return { plain, wrapped: [...wrapped, absentRecipient.wrap(context, plain)] };
    },
    unwrap: async (context, wrapped) => keyring.unwrap(context, wrapped),
  };
}
