import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { restoreTargetContract } from '@holdfast/engine/testing';

import { makeTarget } from './target-under-test.ts';

restoreTargetContract({
  name: 'a directory',
  make: async () => {
    const { target, root } = makeTarget();
    const at = (name: string): string => path.join(root, name);
    return Promise.resolve({
      target,
      read: async (name) => {
        try {
          return await Promise.resolve(readFileSync(at(name), 'utf8'));
        } catch {
          return undefined;
        }
      },
      // A file is where the folder would have to be.
      refuse: async (folder) => Promise.resolve(writeFileSync(at(folder.replace(/\/$/, '')), '')),
      remove: async () => Promise.resolve(rmSync(root, { recursive: true })),
    });
  },
});
