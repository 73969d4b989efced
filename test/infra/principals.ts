/** Who asks, with all that AWS itself says of them in a request: tests name a principal, never a key about one. */
export interface Principal {
  readonly kind: 'role' | 'user' | 'service';
  /** As IAM simulates it: the ARN of a session or a user, or a service's name. */
  readonly name: string;
  /** What every request of it carries about who asks. */
  readonly context: Readonly<Record<string, string>>;
}

/**
 * A session of a role, however it was assumed. It carries no MFA information: "temporary credentials returned by
 * AssumeRole do not include MFA information in the context".
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
 */
export function roleSession(roleArn: string): Principal {
  const account = accountOf(roleArn);
  return {
    kind: 'role',
    name: `arn:aws:sts::${account}:assumed-role/${roleArn.split('/').at(-1)}/test`,
    context: ofPerson(roleArn, 'AssumedRole'),
  };
}

/**
 * An IAM user: with an MFA code in the call or in the session, with a session that was got without one, or with access
 * keys, which carry no MFA key at all.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
 */
export function user(userArn: string, by: 'mfa' | 'session-without-mfa' | 'access-keys'): Principal {
  const mfa = { mfa: 'true', 'session-without-mfa': 'false', 'access-keys': undefined }[by];
  return {
    kind: 'user',
    name: userArn,
    context: {
      ...ofPerson(userArn, 'User'),
      ...(mfa === undefined ? {} : { 'aws:MultiFactorAuthPresent': mfa }),
    },
  };
}

/** A service of AWS, calling for a resource of an account. It has no ARN of its own. */
export function service(name: string, sourceArn: string): Principal {
  return {
    kind: 'service',
    name,
    context: {
      'aws:PrincipalIsAWSService': 'true',
      'aws:PrincipalServiceName': name,
      'aws:SourceAccount': accountOf(sourceArn),
      'aws:SourceArn': sourceArn,
    },
  };
}

/** Keys that every request of a kind of principal carries; for services, when they call for a resource of an account. */
export const KEYS_OF = {
  role: keysOf(roleSession('arn:aws:iam::111122223333:role/any')),
  user: keysOf(user('arn:aws:iam::111122223333:user/any', 'mfa')),
  service: keysOf(service('any.amazonaws.com', 'arn:aws:any:eu-central-1:111122223333:any')),
} as const;

function keysOf({ context }: Principal): ReadonlySet<string> {
  return new Set(Object.keys(context));
}

function ofPerson(arn: string, type: 'AssumedRole' | 'User'): Record<string, string> {
  return {
    'aws:PrincipalArn': arn,
    'aws:PrincipalAccount': accountOf(arn),
    'aws:PrincipalType': type,
    'aws:PrincipalIsAWSService': 'false',
  };
}

function accountOf(arn: string): string {
  return arn.split(':')[4] ?? '';
}
