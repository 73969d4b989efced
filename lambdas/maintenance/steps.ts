import { workerMegabytes } from '@holdfast/engine/model';
import type { StepRows } from '../runtime/needs.ts';

/** Only two of these steps may delete from the vault. */
export const maintenanceSteps = {
  'plan-maintenance': {
    needs: { vault: { read: 'names' }, work: { use: 'maintenance/*' }, catalog: 'read' },
    minutes: 15,
  },
  'reconcile-points': {
    needs: { vault: { read: 'opened', seeHolds: ['points/*'] }, catalog: 'use' },
    memoryMegabytes: 512,
    minutes: 15,
  },
  'reconcile-holds': {
    needs: { vault: { read: 'opened', renew: true, hold: true }, catalog: 'use' },
    memoryMegabytes: 512,
    minutes: 15,
  },
  'renew-leases': {
    needs: {
      plans: true,
      vault: { read: 'opened', renew: true, audit: true },
      work: { read: 'maintenance/*' },
      catalog: 'use',
    },
    memoryMegabytes: 1024,
    minutes: 15,
  },
  'start-containers': {
    needs: {
      plans: true,
      vault: { read: 'names' },
      work: { read: 'maintenance/*' },
      catalog: 'read',
      machines: { protect: 'start' },
    },
    minutes: 15,
  },
  'expire-points': {
    needs: {
      vault: { read: 'sealed', sweep: ['points/*'], audit: true },
      images: 'remove',
      catalog: 'use',
    },
    memoryMegabytes: 512,
    minutes: 15,
  },
  'sweep-packs': {
    needs: {
      vault: { read: 'opened', sweep: ['packs/*', 'pages/*', 'containers/*'] },
      catalog: 'use',
      index: 'forget',
    },
    memoryMegabytes: 512,
    minutes: 15,
  },
  'sweep-snapshots': {
    needs: { plans: true, images: 'release', catalog: 'use' },
    minutes: 15,
  },
  'verify-sample': {
    needs: { vault: { read: 'opened' }, catalog: 'use' },
    memoryMegabytes: workerMegabytes,
    minutes: 15,
  },
  'write-checkpoint': {
    needs: { vault: { read: 'sealed', audit: true }, work: { use: 'maintenance/*' } },
    memoryMegabytes: 512,
    minutes: 15,
  },
  'report-maintenance': {
    needs: { metrics: true },
  },
} as const satisfies StepRows;
