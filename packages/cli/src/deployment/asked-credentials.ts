import { fromIni } from '@aws-sdk/credential-provider-ini';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { CredentialsRefusedError } from '@holdfast/engine';
import { askLine, type Terminal } from '../terminal/ask.ts';

/** Makes the question that the SDK asks when a profile's role wants a code of an MFA device (`mfa_serial`). */
function askMfaCode(terminal: Terminal): (serial: string) => Promise<string> {
  return async (serial) => {
    const code = await askLine(terminal, `code of ${serial}: `);
    if (code === undefined) throw new CredentialsRefusedError(`no code of ${serial} was given`);
    return code;
  };
}

/**
 * The SDK's own chain of credentials, which asks somebody at a terminal for codes; one code is good for all clients.
 * @param profile - instead of the chain: where it is not known, those of the machine are not taken in its place
 */
export function credentialsAskedFor(terminal: Terminal | undefined, profile?: string) {
  const mfaCodeProvider = terminal && askMfaCode(terminal);
  if (profile !== undefined) return fromIni({ profile, mfaCodeProvider });
  return mfaCodeProvider && defaultProvider({ mfaCodeProvider });
}
