import * as z from 'zod';
import { isPointId } from './ids.ts';
import { bucketNamePattern, findBucketAddress } from '../bucket-address.ts';

/** The rule for a name that the target has already. */
export const OverwriteRule = z.enum(['never', 'if-different', 'always']);
export type OverwriteRule = z.infer<typeof OverwriteRule>;

/** The speed of making an archived object readable; cost and duration depend on the store's class. */
export const ThawSpeed = z.enum(['expedited', 'standard', 'bulk']);
export type ThawSpeed = z.infer<typeof ThawSpeed>;

/** Days that the readable copy of an archived object may stay. */
export const thawDays = { least: 1, most: 365, usual: 7 } as const;

/** Characters of a directory's name with its host's, as the audit log takes them. */
export const longestDirectoryName = 1_024;

export const VolumeType = z.enum(['gp3', 'gp2', 'io1', 'io2', 'st1', 'sc1', 'standard']);

/** Types of volumes that have the performance which somebody sets. */
export const provisionedBy = {
  iops: ['gp3', 'io1', 'io2'],
  throughput: ['gp3'],
} as const satisfies Readonly<Record<string, readonly z.infer<typeof VolumeType>[]>>;

/** Settings of new volumes; what is left out is as it was. */
export const VolumeWishes = z.strictObject({
  availabilityZone: z
    .string()
    .regex(/^[a-z]{2,}(-[a-z]+)+-\d+(-[a-z]+-\d+)?[a-z]$/, 'expected a zone such as us-east-1a')
    .describe('Where the new volumes are made; an instance in that zone can attach them.'),
  type: VolumeType.optional().describe('Type of the new volumes. Left out: as they were.'),
  iops: z
    .int()
    .positive()
    .optional()
    .describe(
      'IOPS of the new volumes, of types gp3, io1 and io2; the last two cannot be made without. Left out: as they were.',
    ),
  throughput: z
    .int()
    .positive()
    .optional()
    .describe('MiB a second of the new volumes, of type gp3. Left out: as they were.'),
  deltaFrom: z
    .array(z.string().regex(/^snap-[0-9a-f]{8,32}$/, 'expected the id of a snapshot'))
    .min(1)
    .optional()
    .describe(
      'Complete snapshots of volumes as they are now, one of a volume: each of these is written as the difference to its ' +
        'own, out of the blocks in the vault.',
    ),
});
export type VolumeWishes = z.infer<typeof VolumeWishes>;

const idOf = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}-[0-9a-f]{8,}$`), `expected an id such as ${prefix}-0123456789abcdef0`);

/** Settings of an instance that is launched again; what is left out is as it was. */
export const InstanceWishes = z.strictObject({
  subnet: idOf('subnet').optional().describe('Where it is launched. Left out: in its own subnet.'),
  securityGroups: z
    .array(idOf('sg'))
    .min(1)
    .max(16)
    .optional()
    .describe('Security groups of its interface, in the VPC of the subnet. Left out: its own.'),
  type: z
    .string()
    .regex(/^[a-z][\w-]*\.[\w-]+$/, 'expected an instance type such as t3.micro')
    .optional()
    .describe('Left out: its own type.'),
  keyName: z
    .union([z.string().min(1).max(255), z.literal(false)])
    .optional()
    .describe('Name of a key pair; false for none. Left out: its own.'),
  iamInstanceProfile: z
    .union([z.string().regex(/^[\w+=,.@-]{1,128}$/), z.literal(false)])
    .optional()
    .describe(
      'Name of an instance profile, whose role the configuration allows; false for none. Left out: its own.',
    ),
  userData: z.literal(false).optional().describe('Launches it without its user data.'),
  network: z
    .literal(false)
    .optional()
    .describe(
      'For a look at it alone: securityGroups has to name a group without any rule; it gets no public address, no ' +
        'instance metadata, and no profile unless one is named.',
    ),
  privateAddress: z
    .enum(['keep', 'new'])
    .optional()
    .describe('keep: the private addresses that it had, which nobody else may have. Left out: new ones.'),
  stopped: z.literal(true).optional().describe('Stops it as soon as it runs: EC2 launches nothing stopped.'),
});
export type InstanceWishes = z.infer<typeof InstanceWishes>;

const destinations = ['bucket', 'original', 'volumes', 'instance', 'ami', 'directory'] as const;

/** The destination is exactly one of {@link destinations}. */
export const RestoreDestination = z
  .strictObject({
    bucket: z
      .string()
      .superRefine(checkBucketName)
      .optional()
      .describe('A bucket that the configuration allows restores into.'),
    prefix: z
      .string()
      .max(900)
      .optional()
      .describe('What the keys in that bucket begin with, such as "restored/".'),
    prefixWithoutSlash: z
      .literal(true)
      .optional()
      .describe(
        'Confirms a prefix that does not end with "/", and so is the beginning of names, not a folder.',
      ),
    original: z
      .literal(true)
      .optional()
      .describe('The bucket that was protected; it has to be allowed, too.'),
    volumes: VolumeWishes.optional().describe('New volumes, as those of an image were.'),
    instance: InstanceWishes.optional().describe('The machine of an image, launched again.'),
    ami: z
      .strictObject({
        name: z
          .string()
          .regex(
            /^[\w()[\] ./'@-]{3,128}$/,
            "expected 3 to 128 letters, digits, spaces and ( ) [ ] . / - ' @ _",
          )
          .describe('The name of the new AMI, which nobody in the account and region has yet.'),
      })
      .optional()
      .describe('Registers an AMI of the machine of an image, and launches nothing.'),
    directory: z
      .string()
      .min(1)
      .max(longestDirectoryName)
      .optional()
      .describe(
        'Where the caller is going to restore to by itself, as "<host>:<absolute path>". Nothing is written there from ' +
          'here: the restore is put on the audit log, and an archived point is thawed first.',
      ),
  })
  .superRefine((target, context) => {
    const given = destinations.filter((name) => name in target);
    if (given.length !== 1) {
      const found = given.length === 0 ? 'none of them' : given.join(' and ');
      context.addIssue({
        code: 'custom',
        message: `expected one of ${destinations.join(', ')}, found ${found}`,
      });
    }
    const { bucket, prefix = '', prefixWithoutSlash } = target;
    if (prefix !== '' && bucket === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['prefix'],
        message: 'goes with bucket only; name one or leave it out',
      });
    } else if (prefix !== '' && !prefix.endsWith('/') && prefixWithoutSlash === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['prefix'],
        message:
          `it has no "/" at its end, so "a.txt" would become "${prefix}a.txt"; write "${prefix}/", or confirm with ` +
          '"prefixWithoutSlash": true',
      });
    }
  })
  .meta({
    description: `Where to restore to: exactly one of ${destinations.join(', ')}.`,
    oneOf: destinations.map((name) => ({ required: [name] })),
    dependentRequired: { prefix: ['bucket'], prefixWithoutSlash: ['prefix'] },
  });

export type RestoreDestination = z.infer<typeof RestoreDestination>;

export const ThawRequest = z.strictObject({
  speed: ThawSpeed.default('standard').describe(
    'How fast; what each takes and costs depends on the class. Deep Archive has no expedited.',
  ),
  days: z
    .int()
    .min(thawDays.least)
    .max(thawDays.most)
    .default(thawDays.usual)
    .describe('How long the readable copy stays, so that a restore can be repeated.'),
});
export type ThawRequest = z.infer<typeof ThawRequest>;
/** A thaw as a person asks for it; what is absent is left to the machine. */
export type ThawOptions = z.input<typeof ThawRequest>;

/** The input of the restore state machine. */
export const RestoreRequest = z
  .strictObject({
    point: z
      .string()
      .refine(isPointId, 'expected a point id such as 20260301T020000Z-0123456789abcdef')
      .optional()
      .describe('Id of the recovery point.'),
    resource: z.string().regex(/^arn:/, 'expected an ARN').optional().describe('ARN of what was protected.'),
    time: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('Restores the newest point at or before this time.'),
    paths: z
      .array(z.string().min(1))
      .min(1)
      .max(1000)
      .optional()
      .describe(
        'Only these files; a path that ends in "/" stands for everything below it. Left out: everything. Of an image: ' +
          'files and directories in its volumes, such as "/etc/" or "/dev/xvdf1/var/log/messages", into a bucket or directory.',
      ),
    target: RestoreDestination,
    overwrite: OverwriteRule.default('never').describe('What to do with files that the target has already.'),
    deleteExtra: z
      .literal(true)
      .optional()
      .describe(
        'The caller is going to delete what the target has and the point has not, when everything is restored. Nothing is ' +
          'deleted from here: it is put on the audit log.',
      ),
    thaw: ThawRequest.prefault({}).describe('How a point in an archive class is made readable first.'),
    dryRun: z.boolean().default(false).describe('Only checks the restore and says what it would take.'),
  })
  .refine(namesOnePoint, {
    error: 'expected either "point", or "resource" and "time" together',
    // Runs whatever else is wrong, so that all of it is said at once.
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .refine(
    ({ deleteExtra, target: { bucket, original, directory }, overwrite }) =>
      deleteExtra === undefined || ((bucket ?? original ?? directory) !== undefined && overwrite !== 'never'),
    {
      path: ['deleteExtra'],
      error: 'goes with a bucket or directory, and with "overwrite": "if-different" or "always"',
    },
  )
  .meta({
    title: 'Input of a Holdfast restore',
    oneOf: [{ required: ['point'] }, { required: ['resource', 'time'] }],
    examples: [
      { point: '20260301T020000Z-0123456789abcdef', target: { bucket: 'my-restores', prefix: 'monday/' } },
      {
        resource: 'arn:aws:s3:::my-photos',
        time: '2026-03-01T12:00:00Z',
        paths: ['2026/february/', 'index.html'],
        target: { original: true },
        overwrite: 'if-different',
        dryRun: true,
      },
      {
        point: '20260301T020000Z-0123456789abcdef',
        target: { volumes: { availabilityZone: 'us-east-1a', type: 'gp3' } },
      },
      {
        point: '20260301T020000Z-0123456789abcdef',
        target: { instance: { subnet: 'subnet-0123456789abcdef0', privateAddress: 'new' } },
        dryRun: true,
      },
      {
        point: '20260301T020000Z-0123456789abcdef',
        paths: ['/etc/', '/dev/xvdf1/var/log/messages'],
        target: { bucket: 'my-restores', prefix: 'monday/' },
      },
      {
        point: '20260301T020000Z-0123456789abcdef',
        target: { directory: 'ann-laptop:/home/ann/restored' },
        thaw: { speed: 'bulk', days: 2 },
      },
    ],
  });
export type RestoreRequest = z.infer<typeof RestoreRequest>;
/** A restore request with what may be left out: what goes into the machine. */
export type RestoreInput = z.input<typeof RestoreRequest>;

function namesOnePoint(input: { readonly [Field in 'point' | 'resource' | 'time']?: unknown }): boolean {
  const [point, resource, time] = [input.point, input.resource, input.time].map(
    (field) => field !== undefined,
  );
  return point === true ? resource !== true && time !== true : resource === true && time === true;
}

/** People have buckets as URLs at hand. */
function checkBucketName(text: string, context: z.RefinementCtx): void {
  if (bucketNamePattern.test(text)) return;
  const address = findBucketAddress(text);
  const prefix = address?.folder ? ` and "prefix": ${JSON.stringify(address.folder)}` : '';
  context.addIssue({
    code: 'custom',
    message:
      address === undefined
        ? 'it should be the name of a bucket'
        : `it should be the name alone; write "bucket": ${JSON.stringify(address.bucket)}${prefix}`,
  });
}
