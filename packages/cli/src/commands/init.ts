import { createLocalVault } from '@holdfast/node';
import * as z from 'zod';
import { documentAnswer } from '../terminal/answer.ts';
import { defineCommand } from '../terminal/command.ts';

const Made = documentAnswer(
  'always',
  z.strictObject({ vault: z.string(), keyFile: z.string(), keyMade: z.boolean() }),
);

export const initCommand = defineCommand({
  name: 'init',
  summary:
    'Make a vault in the directory of --vault, and its key in the file of --key-file if there is none.',
  answers: { made: Made },
  declare: (command) => command,
  async run({ localVault, out }) {
    const { root, keyFile } = localVault();
    const { keyMade } = await createLocalVault({ root, keyFile });
    if (out.json) return out.answer(Made, { vault: root, keyFile, keyMade });
    await out.line(`vault     ${root}`);
    await out.line(`key       ${keyFile}, ${keyMade ? 'made now' : 'as it was'}`);
    await out.line(
      'Keep a copy of the key apart from this machine and from the vault: without it nothing can be restored,',
    );
    await out.line('and with it everything can.');
  },
});
