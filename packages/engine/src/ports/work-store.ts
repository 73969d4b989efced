/**
 * Scratch space beside the vault in which the workers of one run leave each other plans, shard lists and results.
 * Nothing in it is needed for a restore; everything in it may be gone after 14 days. Writing a name again replaces
 * it, so a step that runs twice leaves one result.
 */
export interface WorkStore {
  put(name: string, body: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Writes under a name that is free; of any number of callers one succeeds. `taken`: what is there stays. */
  putNew(name: string, body: Uint8Array, signal?: AbortSignal): Promise<'written' | 'taken'>;
  /** @throws {@link ObjectNotFoundError} nothing was written under that name, or it has been swept. */
  get(name: string, signal?: AbortSignal): Promise<Uint8Array>;
}
