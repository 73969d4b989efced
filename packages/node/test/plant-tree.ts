import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

/** What a test tree has at a path (latin1: one character a byte): content, a link's target, or a directory (`null`). */
export type Planted = string | { readonly link: string } | null;

/** Makes files, links and directories below a root; parents are made as needed. */
export function plantTree(root: string, tree: Readonly<Record<string, Planted>>): void {
  for (const [name, planted] of Object.entries(tree)) {
    const full = Buffer.from(`${root}/${name}`, 'latin1');
    const slash = name.lastIndexOf('/');
    if (slash >= 0) mkdirSync(Buffer.from(`${root}/${name.slice(0, slash)}`, 'latin1'), { recursive: true });
    if (planted === null) mkdirSync(full, { recursive: true });
    else if (typeof planted === 'string') writeFileSync(full, planted, 'latin1');
    else symlinkSync(Buffer.from(planted.link, 'latin1'), full);
  }
}
