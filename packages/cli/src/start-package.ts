import { CompiledModules, kindOf } from '@holdfast/node/compiled-modules';
import type * as program from './main.ts';

/** Runs the packaged program, with what earlier processes compiled of it. */
export async function start(): Promise<void> {
  const kind = kindOf(process.argv.slice(2));
  const modules = new CompiledModules({ directory: import.meta.dirname, kind });
  const { main } = modules.load('main.js') as typeof program;
  await main();
  modules.keep();
}
