import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePython } from '../../../../localstack/python-environment.ts';

/**
 * Installs the AWS CLI once, and gives the variables with which a shell finds it and it finds the emulator.
 * @param directory - where a program `aws` is put: an environment that was moved has programs that do not start.
 */
export async function awsCliVariables(
  directory: string,
  endpointUrl: string,
): Promise<Readonly<Record<string, string>>> {
  const python = await ensurePython(
    { name: 'the AWS CLI', requirementsPath: join(import.meta.dirname, 'requirements.txt'), otherwise: '' },
    () => {},
  );
  const program = join(directory, 'aws');
  await writeFile(program, `#!/bin/sh\nexec '${python}' -m awscli "$@"\n`);
  await chmod(program, 0o755);
  const endpoint = endpointUrl.replace('127.0.0.1', 'localhost');
  return {
    PATH: `${directory}:${process.env['PATH'] ?? ''}`,
    PYTHONPATH: import.meta.dirname,
    AWS_ENDPOINT_URL: endpoint,
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_PAGER: '',
  };
}
