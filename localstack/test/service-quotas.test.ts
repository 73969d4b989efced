import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { readBlockQuotas } from '@holdfast/aws/inventory';
import { expect, test } from 'vitest';
import { startFixture } from './gateway-fixture.ts';

test('quotas of blocks are those that are applied to the account, or else those of AWS', async () => {
  const fixture = await startFixture();
  const quotas = new ServiceQuotasClient(fixture.clientOptions);

  expect(await readBlockQuotas(quotas)).toEqual({ read: 5000, write: 5000 });

  await fixture.configureEbs({ accountQuotas: { GetSnapshotBlock: 8000 } });
  expect(await readBlockQuotas(quotas)).toEqual({ read: 8000, write: 5000 });
  expect(fixture.upstreamCalls).toEqual([]);
});
