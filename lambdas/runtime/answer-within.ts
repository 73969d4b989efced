/**
 * Waits for an answer that nothing depends on, no longer than a limit.
 * @throws whatever the work throws, or an error that says that the limit has passed.
 */
export async function answerWithin<Answer>(
  limitMs: number,
  work: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const stop = new AbortController();
  // A client may wait for its next attempt, and hear of the signal only then.
  const tooLate = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(new Error(`no answer within ${limitMs} ms`)));
  });
  const timer = setTimeout(() => stop.abort(), Math.max(0, limitMs));
  try {
    return await Promise.race([work(stop.signal), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
