import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

/**
 * Has modules import the module that declares a name instead of its package's index. esbuild puts all that an index leads
 * to into one chunk: every command and every function would load the whole engine.
 */
export const directImports: Plugin = {
  name: 'direct-imports',
  setup: (bundle) => {
    bundle.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(
        importOfPackage,
        (text, names: string, index: string) =>
          // As many lines as before, for source maps.
          `${importsOf(names, index).join(' ')}${'\n'.repeat(text.split('\n').length - 1)}`,
      ),
      loader: 'ts',
    }));
  },
};

const importOfPackage = /^import \{([^}]+)\} from '(@holdfast\/[^']+)';$/gm;
const exportFrom = /^export (?:\{([^}]+)\}|\*) from '([^']+)';$/gm;
const declaration = /^export (?:abstract |async )*(?:const|class|function\*?) (\w+)/gm;

const { resolve } = createRequire(import.meta.url);

type NamedValue = readonly [name: string, as: string];

/** Of each module that was looked at: the path of the module that declares each value which it exports. */
const declaredBy = new Map<string, Map<string, string>>();

function importsOf(names: string, index: string): readonly string[] {
  const modules = modulesOf(resolve(index));
  return valuesOf(names).map(([name, as]) => {
    const module = modules.get(name);
    if (module === undefined) throw new Error(`${index} exports no ${name}`);
    return `import { ${name} as ${as} } from ${JSON.stringify(module)};`;
  });
}

function modulesOf(path: string): ReadonlyMap<string, string> {
  const known = declaredBy.get(path);
  if (known !== undefined) return known;
  const source = readFileSync(path, 'utf8');
  const found = new Map(
    [...source.matchAll(declaration)].map(([, name = '']): [string, string] => [name, path]),
  );
  declaredBy.set(path, found);
  for (const [, names, from = ''] of source.matchAll(exportFrom)) {
    const other = from.startsWith('.') ? join(dirname(path), from) : resolve(from);
    const modules = modulesOf(other);
    const values =
      names === undefined ? [...modules.keys()].map((name): NamedValue => [name, name]) : valuesOf(names);
    for (const [name, as] of values) {
      const module = modules.get(name);
      if (module === undefined || name !== as)
        throw new Error(`${path} exports ${name} as ${as}, and ${other} declares nothing of that name`);
      found.set(name, module);
    }
  }
  return found;
}

/** Names in braces that are no types, and what each is called where they stand. */
function valuesOf(names: string): readonly NamedValue[] {
  return names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith('type '))
    .map((text) => {
      const [name = '', as = name] = text.split(' as ');
      return [name, as];
    });
}
