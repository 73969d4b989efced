import { hash } from 'node:crypto';
import { auditEntryName, decodeAuditEntry, ifReadable, vaultChain } from './audit-entry.ts';
import { AuditLog, type AuditLogOptions } from './audit-log.ts';
import { findAuditHead } from './find-audit-head.ts';

/** Entries of the vault's chain that are looked through for the last configuration: holds on tags lie between. */
const entriesLookedThrough = 200;

/**
 * Puts a configuration on the audit log, unless it is the one that was recorded last. Repeatable. Costs one request, and
 * one for every entry of the vault's chain since.
 * @param configuration - plain JSON without secrets; keys in any order.
 * @returns whether it was recorded now.
 */
export async function recordConfiguration(
  options: AuditLogOptions,
  configuration: Record<string, unknown>,
): Promise<boolean> {
  const sha256 = hash('sha256', JSON.stringify(sorted(configuration)), 'hex');
  if ((await findLastConfiguration(options)) === sha256) return false;
  const now = await options.store.now();
  await new AuditLog(options).append({
    chain: vaultChain,
    id: `configuration ${sha256} ${now.toISOString().slice(0, 10)}`,
    by: 'deployment',
    event: { kind: 'configuration', sha256, configuration },
  });
  return true;
}

async function findLastConfiguration({ store }: AuditLogOptions): Promise<string | undefined> {
  const head = await findAuditHead(store, vaultChain);
  const last = head?.n ?? 0;
  for (let n = last; n > Math.max(0, last - entriesLookedThrough); n--) {
    const name = auditEntryName(vaultChain, n);
    const bytes = await store.get(name);
    const event = ifReadable(() => decodeAuditEntry(bytes, name))?.event;
    if (event?.kind === 'configuration') return event.sha256;
  }
  return undefined;
}

/** Sorts keys, so that the same content gives the same text. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
