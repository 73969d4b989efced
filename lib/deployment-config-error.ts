/** A plans file, properties or the CDK context cannot be deployed; the message has one line for every problem. */
export class DeploymentConfigError extends Error {
  override readonly name = 'DeploymentConfigError';
}
