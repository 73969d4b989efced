import type { AwsRequest } from './aws-request.ts';
import { errorReply } from './faults/error-replies.ts';
import type { Reply } from './reply.ts';

const longestName = 80;
// AWS refuses white space, brackets, wildcards, these special characters and control characters.
const refusedCharacters = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]/u;

/**
 * Refuses the name of an execution as AWS does, which the emulator behind does not.
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
 */
export function refuseExecutionName(request: AwsRequest, body: Uint8Array): Reply | undefined {
  if (request.service !== 'states' || !/^Start(Sync)?Execution$/.test(request.operation)) return undefined;
  const name = nameIn(body);
  if (
    name === undefined ||
    (name.length > 0 && name.length <= longestName && !refusedCharacters.test(name))
  ) {
    return undefined;
  }
  return errorReply(request, 400, 'InvalidName', `Invalid Name: '${name}'`);
}

function nameIn(body: Uint8Array): string | undefined {
  try {
    const { name } = JSON.parse(Buffer.from(body).toString('utf8')) as { name?: unknown };
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}
