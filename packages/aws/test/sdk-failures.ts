/** An error as a client of the SDK throws it. */
export function sdkError(name: string, status: number | undefined, message = 'no reason given'): Error {
  const error = new Error(message);
  error.name = name;
  return Object.assign(error, status === undefined ? {} : { $metadata: { httpStatusCode: status } });
}

/** A connection that broke, as Node.js reports it. */
export function networkError(code = 'ECONNRESET'): Error {
  return Object.assign(new Error(`read ${code}`), { code });
}
