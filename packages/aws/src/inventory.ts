/** The account's inventory, apart from the others: functions need none of its clients. */
export { AccountInventory } from './inventory/account-inventory.ts';
export { type InventoryClients, makeInventoryClients } from './inventory/make-inventory-clients.ts';
export { type ProtectionFact, readVaultProtection } from './inventory/vault-protection.ts';
export { type SourceFacts, SourceTags } from './inventory/source-tags.ts';
export {
  type BlockQuotas,
  readBlockQuotas,
  readFunctionsAtOnce,
  readSubscriptions,
} from './inventory/deployment-limits.ts';
