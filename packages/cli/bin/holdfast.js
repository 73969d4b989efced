#!/usr/bin/env node
// Plain JavaScript on purpose: it has to run on the Node that is too old to run the rest.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const needed = 24;

/** The Node that `npm ci` installs beside the program on Linux, if it is there. */
function findInstalledNode() {
  if (process.platform !== 'linux') return undefined;
  try {
    const require = createRequire(import.meta.url);
    const manifest = require.resolve(`node-linux-${process.arch}/package.json`);
    return join(dirname(manifest), 'bin', 'node');
  } catch {
    return undefined;
  }
}

/** Runs this file again on another Node and ends as that one ends. */
async function runOn(node) {
  const { spawn } = await import('node:child_process');
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends its interrupt to the child as well; leaving first would hide how the child ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', () => refuse());
  child.on('exit', (code, signal) => {
    if (signal !== null) process.kill(process.pid, signal);
    process.exitCode = code ?? 1;
  });
}

function refuse() {
  console.error(
    `holdfast: node ${process.versions.node} is too old, ${needed} or later is needed; ` +
      `install it from nodejs.org or with "nvm install ${needed}"`,
  );
  process.exitCode = 1;
}

async function startOrRefuse() {
  if (Number(process.versions.node.split('.')[0]) >= needed) {
    const { start } = await import('./start-sources.js');
    await start();
    return;
  }
  const node = findInstalledNode();
  if (node === undefined) refuse();
  else await runOn(node);
}

// Node ends with 0 where nothing is left to wait for, whatever has not been done by then.
const isUnfinished = 13;
process.exitCode = isUnfinished;
process.once('exit', (code) => {
  if (code === isUnfinished) console.error('holdfast: ended before its work was done; please report it');
});
void startOrRefuse();
