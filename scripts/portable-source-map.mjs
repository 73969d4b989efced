// Rewrites the sources of a bundle's source map to paths from the root of the project. esbuild writes them from where the
// bundle lies, which is another place in another checkout, and the hash of the asset with it.
// Usage: node scripts/portable-source-map.mjs <folder of index.js.map> <root>

import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

const [folder = '', root = ''] = process.argv.slice(2).map((path) => realpathSync(path));
const file = join(folder, 'index.js.map');
const map = JSON.parse(readFileSync(file, 'utf8'));
map.sources = map.sources.map((source) => relative(root, resolve(folder, source)).replaceAll(sep, '/'));
writeFileSync(file, JSON.stringify(map));
