import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/** Runs the program from its sources, with what Node compiled of them before. In the package, another module takes its place. */
export async function start() {
  // `node_modules`, as git leaves that out.
  enableCompileCache(join(import.meta.dirname, 'node_modules', '.cache', 'holdfast'));
  const { main } = await import('../src/main.ts');
  await main();
}
