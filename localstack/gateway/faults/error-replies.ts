import type { AwsRequest } from '../aws-request.ts';
import { jsonReply, xmlReply, type Reply } from '../reply.ts';

const requestId = '00000000-0000-4000-8000-000000000000';
const queryServices = new Set(['cloudformation', 'iam', 'sns', 'sts', 'elasticloadbalancing', 'autoscaling']);

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/**
 * Makes an error that the SDK parses as the service's own, in the protocol of the call.
 * @param members - what an error of S3, or of a service that speaks JSON, says besides its message.
 */
export function errorReply(
  request: AwsRequest,
  status: number,
  code: string,
  message: string,
  members: Readonly<Record<string, string>> = {},
): Reply {
  if (request.service === 's3') {
    const more = Object.entries(members).map(([name, value]) => `<${name}>${escaped(value)}</${name}>`);
    const body =
      `<Error><Code>${code}</Code><Message>${escaped(message)}</Message>${more.join('')}` +
      `<RequestId>${requestId}</RequestId></Error>`;
    return xmlReply(status, request.method === 'HEAD' ? '' : body);
  }
  if (request.service === 'ec2') {
    const error = `<Error><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`;
    return xmlReply(
      status,
      `<Response><Errors>${error}</Errors><RequestID>${requestId}</RequestID></Response>`,
    );
  }
  if (queryServices.has(request.service)) {
    const type = status < 500 ? 'Sender' : 'Receiver';
    const error = `<Error><Type>${type}</Type><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`;
    return xmlReply(status, `<ErrorResponse>${error}<RequestId>${requestId}</RequestId></ErrorResponse>`);
  }
  if (/^\/service\/[^/]+\/operation\//.test(request.path)) return cborReply(status, code, message);
  const reply = jsonReply(
    status,
    { __type: code, code, message, Message: message, ...members },
    'application/x-amz-json-1.0',
  );
  return { ...reply, headers: { ...reply.headers, 'x-amzn-errortype': code, 'x-amzn-requestid': requestId } };
}

function cborText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x79, bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function cborReply(status: number, code: string, message: string): Reply {
  const mapOfTwo = Buffer.from([0xa2]);
  const body = Buffer.concat([
    mapOfTwo,
    cborText('__type'),
    cborText(code),
    cborText('message'),
    cborText(message),
  ]);
  return { status, headers: { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' }, body };
}

type Throttle = readonly [status: number, code: string, message: string, members?: Record<string, string>];
const throttles: Readonly<Record<string, Throttle>> = {
  s3: [503, 'SlowDown', 'Please reduce your request rate.'],
  ec2: [503, 'RequestLimitExceeded', 'Request limit exceeded.'],
  ebs: [400, 'RequestThrottledException', 'The request was throttled.', { Reason: 'ACCOUNT_THROTTLED' }],
  dynamodb: [
    400,
    'ProvisionedThroughputExceededException',
    'The level of configured provisioned throughput for the table was exceeded.',
  ],
  lambda: [429, 'TooManyRequestsException', 'Rate Exceeded.'],
  scheduler: [429, 'ThrottlingException', 'Rate exceeded'],
  tagging: [400, 'ThrottledException', 'Rate exceeded'],
  sns: [400, 'Throttling', 'Rate exceeded'],
  sts: [400, 'Throttling', 'Rate exceeded'],
  iam: [400, 'Throttling', 'Rate exceeded'],
  cloudformation: [400, 'Throttling', 'Rate exceeded'],
};

export function throttleReply(request: AwsRequest): Reply {
  const throttle = throttles[request.service] ?? ([400, 'ThrottlingException', 'Rate exceeded'] as const);
  return errorReply(request, ...throttle);
}
