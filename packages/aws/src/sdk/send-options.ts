/** What a client's `send` takes besides the command. */
export interface SendOptions {
  readonly abortSignal?: AbortSignal;
}

/** Passes a caller's signal on to a client. */
export function sendOptions(signal: AbortSignal | undefined): SendOptions {
  return signal === undefined ? {} : { abortSignal: signal };
}
