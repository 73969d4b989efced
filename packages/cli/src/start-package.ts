import { commandIn, CompiledModules } from '@holdfast/node/compiled-modules';
import { exitCodes } from './terminal/exit-codes.ts';
import type * as program from './main.ts';

/** Runs the packaged program, with what earlier processes compiled of it. */
export async function start(): Promise<void> {
  const kind = commandIn(process.argv.slice(2));
  const modules = new CompiledModules({ directory: import.meta.dirname, kind });
  const { main } = modules.load('main.js') as typeof program;
  await main();
  // Else there would be code of every misspelt command.
  if (process.exitCode !== exitCodes.usage) modules.keep();
}
