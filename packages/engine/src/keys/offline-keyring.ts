import { constants, createPrivateKey, createPublicKey, type KeyObject, privateDecrypt } from 'node:crypto';
import { InvalidInputError, NotSupportedError } from '../errors.ts';
import { findRsaProblem } from '../model/offline-key.ts';
import type { KeyContext, Keyring, WrappedKey } from '../ports/keyring.ts';
import { unwrapAny } from './unwrap-any.ts';
import { oaepLabel, offlineRecipientName, rsaFingerprint, rsaKeyText } from './rsa-key.ts';

/** Opens what was wrapped for an offline recipient, with the private key: for the day on which KMS is gone. */
export class OfflineKeyring implements Keyring {
  readonly #privateKey: KeyObject;
  readonly #name: string;

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    this.#name = rsaKeyText(rsaFingerprint(createPublicKey(privateKey)));
  }

  /**
   * @param privateKeyPem - PEM, PKCS#8 or PKCS#1, encrypted or not.
   * @throws {@link InvalidInputError} it is a public key, no RSA key, too small, or its passphrase is missing or wrong.
   */
  static open(privateKeyPem: string, passphrase?: string): OfflineKeyring {
    const privateKey = readPrivateKey(privateKeyPem, passphrase);
    const problem = findRsaProblem(privateKey);
    if (problem !== undefined) throw new InvalidInputError(`the offline key ${problem}`);
    return new OfflineKeyring(privateKey);
  }

  /** @throws {@link NotSupportedError} always: the private key is for reading. */
  async generate(context: KeyContext): Promise<never> {
    return Promise.reject(
      new NotSupportedError(
        `key ${context.keyId} cannot be made with the offline key, which only opens keys; use the vault's own key`,
      ),
    );
  }

  async unwrap(context: KeyContext, wrapped: readonly WrappedKey[]): Promise<Uint8Array> {
    return unwrapAny(
      context,
      wrapped,
      offlineRecipientName,
      ({ ciphertext }) => this.#decrypt(context, ciphertext),
      { keyAtHand: this.#name },
    );
  }

  #decrypt(context: KeyContext, ciphertext: Uint8Array): Uint8Array {
    const plain = privateDecrypt(
      {
        key: this.#privateKey,
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash: 'sha256',
        oaepLabel: oaepLabel(context),
      },
      ciphertext,
    );
    return new Uint8Array(plain);
  }
}

function readPrivateKey(pem: string, passphrase: string | undefined): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    const what = pem.includes('PUBLIC KEY-----') ? 'a public key, which opens nothing' : 'no private key';
    throw new InvalidInputError(`the offline key is ${what}; give the private key in PEM`);
  }
  const isEncrypted = pem.includes('ENCRYPTED');
  if (isEncrypted && passphrase === undefined)
    throw new InvalidInputError('the offline key is encrypted; give its passphrase');
  try {
    return createPrivateKey({ key: pem, format: 'pem', passphrase: isEncrypted ? passphrase : undefined });
  } catch (error) {
    const why = isEncrypted ? 'its passphrase is wrong, or it is damaged' : 'it is damaged';
    throw new InvalidInputError(`the offline key cannot be read: ${why}`, { cause: error });
  }
}
