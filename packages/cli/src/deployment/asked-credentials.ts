import { createInterface } from 'node:readline/promises';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { CredentialsRefusedError } from '@holdfast/engine';

/** The terminal of a person, as far as a question needs it. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/**
 * Makes the question that the SDK asks when a profile's role wants a code of an MFA device (`mfa_serial`). It is asked on
 * stderr, as stdout may be read by a program.
 */
function askMfaCode({ input, output }: Terminal): (serial: string) => Promise<string> {
  return async (serial) => {
    const lines = createInterface({ input, output, terminal: false });
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    // A question to which the input ends is never answered, and the process would end as if all were well.
    lines.once('close', () => reject(new CredentialsRefusedError(`no code of ${serial} was given`)));
    lines.question(`code of ${serial}: `).then((code) => resolve(code.trim()), reject);
    return promise.finally(() => lines.close());
  };
}

/** The SDK's own chain of credentials, which asks somebody at a terminal for codes; one code is good for all clients. */
export function credentialsAskedFor(terminal: Terminal | undefined) {
  return terminal && defaultProvider({ mfaCodeProvider: askMfaCode(terminal) });
}
