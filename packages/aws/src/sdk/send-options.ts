export interface SendOptions {
  readonly abortSignal?: AbortSignal;
}

export function sendOptions(signal: AbortSignal | undefined): SendOptions {
  return signal === undefined ? {} : { abortSignal: signal };
}
