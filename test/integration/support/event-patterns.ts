import * as z from 'zod';

const Answer = z.object({ Result: z.boolean() });

/** Asks EventBridge, without its client, which nothing else needs, if a rule's pattern matches an event. */
export async function matches(pattern: unknown, given: object): Promise<boolean> {
  const endpoint = process.env['AWS_ENDPOINT_URL'] ?? '';
  const scope = `20261123/${process.env['AWS_REGION'] ?? ''}/events/aws4_request`;
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'AWSEvents.TestEventPattern',
      authorization: `AWS4-HMAC-SHA256 Credential=test/${scope}, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify({ EventPattern: JSON.stringify(pattern), Event: JSON.stringify(given) }),
  });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(body));
  return Answer.parse(body).Result;
}
