/** The terminal of a person, as far as a question needs it. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/**
 * Asks on stderr, as stdout may be read by a program.
 * @returns the answer, without spaces around it; `undefined` where the input ends instead: a question to which nobody
 * answers would otherwise end the process as if all were well.
 */
export async function askLine(
  { input, output }: Terminal,
  question: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input, output, terminal: false });
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  lines.once('close', () => resolve(undefined));
  lines.question(question, { signal }).then((line) => resolve(line.trim()), reject);
  return promise.finally(() => lines.close());
}
