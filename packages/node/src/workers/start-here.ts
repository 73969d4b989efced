/**
 * Does tasks one after the other in this thread, and with others beside it if that takes a while: for work that is
 * probably over before another thread has started.
 * @param tasks - both sides take from them. They end early if this side fails, also for those who wait for the next one.
 * @param patience - settles when the others shall join in; they are not called if all is done before.
 */
export async function startHere<Task>(
  tasks: AsyncIterator<Task, void, undefined>,
  doTask: (task: Task) => Promise<void>,
  { patience, joinIn }: { readonly patience: Promise<unknown>; readonly joinIn: () => Promise<void> },
): Promise<void> {
  let atWork = Promise.resolve();
  const stopped = new AbortController();
  const work = async (): Promise<'done'> => {
    for (
      let next = await tasks.next();
      next.done !== true && !stopped.signal.aborted;
      next = await tasks.next()
    ) {
      const task = doTask(next.value);
      atWork = task.catch(() => {});
      await task;
    }
    return 'done';
  };
  const here = work();
  here.catch(() => void tasks.return?.());
  try {
    if ((await Promise.race([here, patience])) !== 'done') await joinIn();
    await here;
  } finally {
    // The others have failed: whoever called closes what the last task here still uses.
    stopped.abort();
    await atWork;
  }
}
