import { accountBlockQuota } from '@holdfast/engine/model';
import * as z from 'zod';
import type { AwsRequest } from './aws-request.ts';
import type { EbsSettings } from './ebs/settings.ts';
import { errorReply } from './faults/error-replies.ts';
import { jsonReply, type Reply } from './reply.ts';

/** Quotas of the EBS direct APIs that can be raised, by their codes. */
const operations = { 'L-C125AE42': 'GetSnapshotBlock', 'L-AFAE1BE8': 'PutSnapshotBlock' } as const;

const Asked = z.looseObject({
  ServiceCode: z.literal('ebs'),
  QuotaCode: z.enum(['L-C125AE42', 'L-AFAE1BE8']),
});

/**
 * Service Quotas, which the emulators lack, for calls of EBS: a quota that was never changed has no applied value, only a
 * default. The applied one is what the settings of EBS throttle at.
 * @see https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
 */
export function answerQuotas(
  request: AwsRequest,
  body: Uint8Array,
  { accountQuotas }: EbsSettings,
): Reply | undefined {
  const { service, operation, region, accountId } = request;
  if (service !== 'servicequotas') return undefined;
  const asked = Asked.safeParse(JSON.parse(Buffer.from(body).toString('utf8')));
  const code = asked.data?.QuotaCode;
  const applied = code && accountQuotas[operations[code]];
  const value = operation === 'GetServiceQuota' ? applied : code && accountBlockQuota(region);
  if (code === undefined || value === undefined)
    return errorReply(request, 400, 'NoSuchResourceException', 'The specified resource does not exist');
  return jsonReply(
    200,
    {
      Quota: {
        ServiceCode: 'ebs',
        QuotaCode: code,
        QuotaArn: `arn:aws:servicequotas:${region}:${accountId}:ebs/${code}`,
        QuotaName: `${operations[code]} requests per account`,
        Value: value,
        Unit: 'None',
        Adjustable: true,
        GlobalQuota: false,
      },
    },
    'application/x-amz-json-1.1',
  );
}
