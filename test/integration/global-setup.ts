import { ensureTestEndpoint } from '../support/test-endpoint.ts';

/** Called by vitest before the first test file; what it returns is called after the last. */
export const setup = (): Promise<() => Promise<void>> => ensureTestEndpoint();
