/**
 * Time that a test waits for something that is to come, before it calls it lost. No measure of speed: a machine that is
 * many times slower than ours, or busy with other things, passes as well. Milliseconds.
 */
export const patienceMs = 600_000;

/** A test may wait for several things in turn. What is over it hangs. */
export const hangsAfterMs = 3 * patienceMs;
