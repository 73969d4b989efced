import type { Deployment } from './deployment-schema.ts';
import type { HoldfastProps } from './holdfast-props.ts';

const flatNames: Readonly<Record<string, string>> = {
  'sources.buckets': 'sourceBuckets',
  'sources.keys': 'sourceKeys',
  'restoreTargets.buckets': 'restoreBuckets',
  'restoreTargets.keys': 'restoreKeys',
  'restoreTargets.roles': 'restoreRoles',
  'maintenance.schedule': 'maintenanceSchedule',
  'maintenance.timeZone': 'maintenanceTimeZone',
  'notifications.email': 'alarmEmail',
  'offlineRecipient.publicKey': 'offlinePublicKey',
};

/** The property of the construct that a setting of a plans file is. */
export function flatNameOf(path: string): string {
  const grouped = Object.keys(flatNames).find((name) => path.startsWith(name));
  return grouped === undefined ? path : `${flatNames[grouped]}${path.slice(grouped.length)}`;
}

/** The plans file that says the same as the properties. An unknown property stays in it, to be refused. */
export function toDeployment(props: HoldfastProps): Deployment {
  const { sourceBuckets, sourceKeys, restoreBuckets, restoreKeys, restoreRoles, ...others } = props;
  const { maintenanceSchedule, maintenanceTimeZone, alarmEmail, offlinePublicKey, ...besides } = others;
  const { storageScope: _storage, monitoringScope: _monitoring, handlerCode: _code, ...same } = besides;
  return {
    sources: { buckets: sourceBuckets, keys: sourceKeys },
    restoreTargets: { buckets: restoreBuckets, keys: restoreKeys, roles: restoreRoles },
    maintenance: { schedule: maintenanceSchedule, timeZone: maintenanceTimeZone },
    notifications: { email: alarmEmail },
    offlineRecipient: offlinePublicKey === undefined ? undefined : { publicKey: offlinePublicKey },
    ...same,
  };
}

export function toProps(deployment: Deployment): HoldfastProps {
  const { sources, restoreTargets, maintenance, notifications, offlineRecipient, ...same } = deployment;
  return {
    ...same,
    sourceBuckets: sources?.buckets,
    sourceKeys: sources?.keys,
    restoreBuckets: restoreTargets?.buckets,
    restoreKeys: restoreTargets?.keys,
    restoreRoles: restoreTargets?.roles,
    maintenanceSchedule: maintenance?.schedule,
    maintenanceTimeZone: maintenance?.timeZone,
    alarmEmail: notifications?.email,
    offlinePublicKey: offlineRecipient?.publicKey,
  };
}
