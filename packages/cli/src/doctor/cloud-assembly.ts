import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { InvalidInputError } from '@holdfast/engine';
import * as z from 'zod';
import { parseTemplate, type StackTemplate } from './stack-template.ts';
import { UsageError } from '../terminal/errors.ts';

const Manifest = z.looseObject({
  artifacts: z
    .record(
      z.string(),
      z.looseObject({
        type: z.string(),
        environment: z.string().optional(),
        properties: z
          .looseObject({
            templateFile: z.string().optional(),
            stackName: z.string().optional(),
            directoryName: z.string().optional(),
          })
          .optional(),
      }),
    )
    .default({}),
});

/**
 * Reads the templates that `cdk synth` wrote, by the names of their stacks, those of stages as well. Stacks of other
 * regions are left out.
 * @throws {@link UsageError} the directory is no cloud assembly, or lacks a part of it.
 */
export async function readCloudAssembly(
  directory: string,
  region: string,
): Promise<ReadonlyMap<string, StackTemplate>> {
  const stacks = new Map<string, StackTemplate>();
  const { artifacts } = await readManifest(directory);
  for (const [id, { type, environment = '', properties = {} }] of Object.entries(artifacts)) {
    const { templateFile, stackName = id, directoryName } = properties;
    if (type === 'cdk:cloud-assembly' && directoryName !== undefined)
      for (const [name, template] of await readCloudAssembly(path.join(directory, directoryName), region))
        stacks.set(name, template);
    const place = /^aws:\/\/[^/]*\/(.+)$/.exec(environment)?.[1] ?? 'unknown-region';
    const isHere = place === region || place === 'unknown-region';
    if (type !== 'aws:cloudformation:stack' || templateFile === undefined || !isHere) continue;
    const file = path.join(directory, templateFile);
    stacks.set(stackName, parseTemplate(await readWritten(file), file));
  }
  return stacks;
}

async function readManifest(directory: string): Promise<z.infer<typeof Manifest>> {
  const file = path.join(directory, 'manifest.json');
  const text = await readWritten(file);
  try {
    return Manifest.parse(JSON.parse(text));
  } catch (cause) {
    throw new InvalidInputError(`${file} is not the manifest of a cloud assembly; run "cdk synth" again`, {
      cause,
    });
  }
}

async function readWritten(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`there is no ${file}; "cdk synth" writes it, into cdk.out unless told otherwise`, {
      cause,
    });
  });
}
