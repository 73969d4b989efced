import { createHmac, randomBytes } from 'node:crypto';

const macBytes = 12;

/** Tokens that a client can neither read nor make up, of the letters that the API allows. */
export class SealedTokens {
  readonly #key = randomBytes(32);

  seal(...parts: readonly (string | number)[]): string {
    const text = Buffer.from(parts.join(' '));
    return Buffer.concat([this.#mac(text), text]).toString('base64');
  }

  /** @returns the parts of a token of this gateway, otherwise `undefined`. */
  open(token: string): string[] | undefined {
    const bytes = Buffer.from(token, 'base64');
    const text = bytes.subarray(macBytes);
    return this.#mac(text).equals(bytes.subarray(0, macBytes)) ? text.toString().split(' ') : undefined;
  }

  #mac(text: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(text).digest().subarray(0, macBytes);
  }
}
