import type { CallCounts, CallRates, RatedCall } from '../ports/call-rates.ts';

/** Counts of calls in memory, which workers of one test share. */
export class MemoryCallRates implements CallRates {
  readonly #counts = new Map<RatedCall, { readonly counts: CallCounts; readonly version: number }>();
  /** Times that counts were read or replaced. */
  requests = 0;

  async find(
    call: RatedCall,
  ): Promise<{ readonly counts: CallCounts; readonly version: number } | undefined> {
    this.requests += 1;
    await Promise.resolve();
    return this.#counts.get(call);
  }

  async replace(
    call: RatedCall,
    version: number | undefined,
    counts: CallCounts,
  ): Promise<'replaced' | 'changed'> {
    this.requests += 1;
    await Promise.resolve();
    if (this.#counts.get(call)?.version !== version) return 'changed';
    this.#counts.set(call, { counts, version: (version ?? 0) + 1 });
    return 'replaced';
  }
}
