// Removes a deployment from the account and region that the AWS SDK's own settings name, and prints how to go on with the
// vault, which stays. See docs/operations.md.
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { destroyDeployment, DestroyError } from './destroy-deployment.ts';

const { values } = parseArgs({ options: { yes: { type: 'boolean' }, region: { type: 'string' } } });

const confirm = async (question: string): Promise<boolean> => {
  if (values.yes === true) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question(`${question} (type "yes") `)) === 'yes';
  } finally {
    terminal.close();
  }
};

try {
  const cloudFormation = new CloudFormationClient(
    values.region === undefined ? {} : { region: values.region },
  );
  const destroyed = await destroyDeployment({ cloudFormation, confirm, log: (line) => console.log(line) });
  if (!destroyed) {
    console.log('nothing was removed');
    process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof DestroyError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
