/**
 * Time as the engine sees it. Only adapters and tests know the machine's clock.
 * Never the source of a retention date: those come from {@link ObjectStore.now}, the server's clock.
 */
export interface Clock {
  /** Wall-clock time. May be wrong by minutes. */
  now(): Date;
  /** Milliseconds that only go forward, for durations. */
  elapsedMs(): number;
  /** Waits; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
