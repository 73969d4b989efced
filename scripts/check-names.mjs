// An exported name means one thing in the product: fails when two source files declare and export the same one.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Names that each step exports by convention. */
const ofEachStep = new Set(['handler', 'makeHandler', 'Env']);
const rooms = ['packages/*/src/**/*.ts', 'lambdas/**/*.ts', 'lib/**/*.ts', 'bin/**/*.ts'];
const declaration =
  /^export (?:declare |abstract |async )*(?:const|class|function\*?|interface|type) (?<name>\w+)/gm;

/** @type {Map<string, Set<string>>} */
const filesOf = new Map();
const listed = execFileSync('git', ['ls-files', ...rooms.map((room) => `:(glob)${room}`)], {
  encoding: 'utf8',
});
for (const file of listed.trim().split('\n')) {
  for (const { groups } of readFileSync(file, 'utf8').matchAll(declaration)) {
    const name = groups?.name ?? '';
    if (!ofEachStep.has(name)) filesOf.set(name, (filesOf.get(name) ?? new Set()).add(file));
  }
}

const twice = [...filesOf].filter(([, files]) => files.size > 1);
for (const [name, files] of twice)
  console.error(`"${name}" is exported by ${[...files].join(' and ')}; give one of them another name`);
process.exitCode = twice.length === 0 ? 0 : 1;
