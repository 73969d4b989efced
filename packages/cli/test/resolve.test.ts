import { expect, test } from 'vitest';
import { CliUnderTest } from './cli-under-test.ts';

test.for([
  [
    'photso',
    'resource "photso" is not in the catalog; did you mean photos?; "holdfast resources" lists what is',
  ],
  ['videos', 'resource "videos" is not in the catalog; "holdfast resources" lists what is'],
] as const)(
  'a resource that is not there, as %s, is answered with the one that was probably meant',
  async ([name, answer]) => {
    const cli = new CliUnderTest();
    await cli.plantResource();

    const { code, err } = await cli.run('backup', name);

    expect(err).toContain(answer);
    expect(code).toBe(3);
  },
);
