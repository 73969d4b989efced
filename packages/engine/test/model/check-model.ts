import { exhaustiveScenarios } from './exhaustive.ts';
import { explore, type Exploration } from './explorer.ts';

/** Explores every scenario to its end and prints what it visited; exits with 1 if a promise does not hold. */
const only = process.argv[2];
const report = ({ states, transitions, depth, localStates, seconds }: Exploration): string =>
  `${states.toLocaleString('en')} states, ${transitions.toLocaleString('en')} transitions, depth ${depth}, ` +
  `${localStates.toLocaleString('en')} states of single actors, ${seconds.toFixed(0)} s`;

let total = 0;
for (const { title, make } of exhaustiveScenarios) {
  if (only !== undefined && !title.includes(only)) continue;
  console.log(title);
  const explored = await explore(await make(), {
    order: 'depth',
    onProgress: (now) => process.stderr.write(`  ${report(now)}\r`),
  });
  console.log(`  ${report(explored)}`);
  total += explored.states;
  if (explored.fault !== undefined) {
    console.log(`  ${explored.fault.what}`);
    for (const [at, line] of explored.fault.trace.entries()) console.log(`  ${at + 1}. ${line}`);
    process.exitCode = 1;
  }
}
console.log(`${total.toLocaleString('en')} states in all`);
