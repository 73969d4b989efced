import { DecryptCommand, GenerateDataKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import {
  InvalidInputError,
  type KeyContext,
  type Keyring,
  StoreUnavailableError,
  unwrapAny,
  type WrappedKey,
} from '@holdfast/engine';
import {
  answerOf,
  errorName,
  isAbort,
  isCredentialFailure,
  isUnavailable,
  toEngineError,
} from '../sdk/sdk-errors.ts';

/** The name of this recipient in `keys/`. */
const recipient = 'kms';

/** Errors of KMS for a wrapping that was changed, or is of another vault: no permission would help. */
const unfitNames: ReadonlySet<string> = new Set([
  'IncorrectKeyException',
  'InvalidArnException',
  'InvalidCiphertextException',
  'ValidationException',
]);

/** Wraps the vault's keys with a KMS key; see docs/format.md, section 2, for the encryption context. */
export class KmsKeyring implements Keyring {
  readonly #kms: KMSClient;
  readonly #keyArn: string | undefined;

  /** @param keyArn - wraps new keys; without it, the keyring only opens what is wrapped already */
  constructor(kms: KMSClient, keyArn?: string) {
    this.#kms = kms;
    this.#keyArn = keyArn;
  }

  async generate(
    context: KeyContext,
  ): Promise<{ readonly plain: Uint8Array; readonly wrapped: readonly WrappedKey[] }> {
    if (this.#keyArn === undefined) {
      throw new InvalidInputError(
        `key ${context.keyId} cannot be made without a KMS key; name the vault's key`,
      );
    }
    const command = new GenerateDataKeyCommand({
      KeyId: this.#keyArn,
      KeySpec: 'AES_256',
      EncryptionContext: encryptionContext(context),
    });
    const answer = await answerOf(this.#kms.send(command), `making a key with ${this.#keyArn}`);
    if (answer.Plaintext === undefined || answer.CiphertextBlob === undefined) {
      throw new StoreUnavailableError(`KMS key ${this.#keyArn} answered without a key; try again later`);
    }
    // The ARN, whatever name the caller used: a person who has only the bucket has to find the key.
    const wrappingKey = answer.KeyId ?? this.#keyArn;
    return {
      plain: new Uint8Array(answer.Plaintext),
      wrapped: [{ recipient, wrappingKey, ciphertext: new Uint8Array(answer.CiphertextBlob) }],
    };
  }

  async unwrap(context: KeyContext, wrapped: readonly WrappedKey[]): Promise<Uint8Array> {
    return unwrapAny(context, wrapped, recipient, async (key) => this.#decrypt(context, key), {
      refusalOf: (error, key) => {
        if (isAbort(error) || isUnavailable(error) || isCredentialFailure(error))
          throw toEngineError(error, `opening a key with ${key.wrappingKey}`);
        return unfitNames.has(errorName(error)) ? undefined : String(error);
      },
    });
  }

  async #decrypt(context: KeyContext, key: WrappedKey): Promise<Uint8Array> {
    const command = new DecryptCommand({
      KeyId: inRegion(key.wrappingKey, await this.#kms.config.region()),
      CiphertextBlob: key.ciphertext,
      EncryptionContext: encryptionContext(context),
    });
    const { Plaintext } = await this.#kms.send(command);
    if (Plaintext === undefined) {
      throw new StoreUnavailableError(`KMS key ${key.wrappingKey} answered without a key; try again later`);
    }
    return new Uint8Array(Plaintext);
  }
}

function encryptionContext(context: KeyContext): Record<string, string> {
  return {
    'holdfast:vault': context.vaultId,
    'holdfast:key': context.keyId,
    'holdfast:purpose': context.purpose,
  };
}

/** A multi-region key is used through its replica in `region`; another key's ARN stays as it is. */
function inRegion(keyArn: string, region: string): string {
  return keyArn.replace(/^(arn:[^:]+:kms:)[^:]+(:\d+:key\/mrk-)/, `$1${region}$2`);
}
