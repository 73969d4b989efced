/** Roles and who uses them, apart from the others: only looking at a deployment needs these clients. */
export {
  DeployedRoles,
  type RolePermissions,
  type RolePolicy,
  type RoleUser,
} from './deployment/deployed-roles.ts';
export { makeRoleClients } from './sdk/make-role-clients.ts';
