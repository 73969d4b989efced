// Bundles the handlers of all functions into one folder: a module for each machine, and chunks that they share.
// Usage: node scripts/bundle-handlers.mjs <folder>

import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { build } from 'esbuild';
import { directImports } from './direct-imports.ts';

const root = join(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const [folder = 'handlers'] = process.argv.slice(2);
const entries = globSync('lambdas/*/*.lambda.ts', { cwd: root }).sort();

/**
 * Has modules of Node required instead of imported: an import reads every export once, and one of `node:http` is WebSocket,
 * for which Node loads all of fetch. Where all exports are wanted, as by an import at run time, none is read before its use.
 */
const requiredBuiltins = {
  name: 'required-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:|[a-z_/0-9]+$)/ }, ({ path, kind }) => {
      if (!isBuiltin(path) || kind === 'require-call') return undefined;
      return { path, namespace: kind === 'import-statement' ? 'builtin' : 'whole-builtin' };
    });
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({ contents: readsOf(path) }));
    onLoad({ filter: /.*/, namespace: 'whole-builtin' }, ({ path }) => ({
      contents: `module.exports = ${requireOf(path)};`,
    }));
  },
};

/** A module with the exports of one of Node's, of which the bundler keeps those that are used. */
function readsOf(path) {
  const names = Object.keys(Object.getOwnPropertyDescriptors(require(path))).filter(isIdentifier);
  const reads = names.map(
    (name) => `const ${name}_ = /* @__PURE__ */ (() => whole.${name})(); export { ${name}_ as ${name} };`,
  );
  return [`const whole = ${requireOf(path)};`, 'export default whole;', ...reads].join('\n');
}

function requireOf(path) {
  return `require(${JSON.stringify(path)})`;
}

function isIdentifier(name) {
  return /^[A-Za-z_$][\w$]*$/.test(name) && name !== 'default';
}

const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: Object.fromEntries(entries.map((entry) => [basename(entry, '.lambda.ts'), entry])),
  // Nothing is written there: names of chunks are hashes that must not depend on where the bundle will lie.
  outdir: join(root, 'handlers'),
  write: false,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  // Splitting keeps what a step does not use in a chunk that it does not load: EC2's client above all.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  sourcemap: true,
  sourcesContent: false,
  // Modules first: unused parts of a client stay out, which halves the bundle. The SDK itself is in, as the runtime's
  // lags behind the tested one.
  mainFields: ['module', 'main'],
  // Some of the SDK's dependencies are CommonJS.
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  plugins: [directImports, requiredBuiltins],
  logLevel: 'warning',
});

mkdirSync(folder, { recursive: true });
for (const { path, text } of outputFiles) {
  const content = path.endsWith('.map') ? withPathsFromRoot(path, text) : text;
  writeFileSync(join(folder, basename(path)), content);
}

/** The same sources make the same bundle, wherever they lie: an asset changes only when its code does. */
function withPathsFromRoot(path, text) {
  const map = JSON.parse(text);
  map.sources = map.sources.map((source) =>
    relative(root, resolve(dirname(path), source)).replaceAll(sep, '/'),
  );
  return JSON.stringify(map);
}
