/** A line of `/etc/fstab`, as `fstab(5)` has it. */
export interface FstabEntry {
  readonly device: string;
  /** Without a slash at its end; empty of the root. */
  readonly mountPoint: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Entries of what is mounted when the machine starts: no swap space, and nothing that waits to be asked for. */
export function parseFstab(text: string): FstabEntry[] {
  const entries: FstabEntry[] = [];
  for (const line of text.split('\n')) {
    const [device, mountPoint, type = 'auto', options = 'defaults'] = line.trim().split(/[ \t]+/);
    if (device === undefined || device.startsWith('#') || mountPoint?.startsWith('/') !== true) continue;
    const entry = {
      device: unescaped(device),
      mountPoint: unescaped(mountPoint).replace(/\/+$/, ''),
      type,
      options: options.split(','),
    };
    if (type === 'swap') continue;
    if (entry.options.includes('noauto') && !entry.options.includes('x-systemd.automount')) continue;
    entries.push(entry);
  }
  return entries;
}

/** Blanks in a field are written as their octal codes. */
function unescaped(field: string): string {
  return field.replaceAll(/\\(?<code>[0-7]{3})/g, (_, code: string) =>
    String.fromCodePoint(Number.parseInt(code, 8)),
  );
}

const networkTypes = /^(?:nfs4?|cifs|smb3|smbfs|efs|lustre|ceph|glusterfs|9p|fuse\.(?:sshfs|s3fs|mount-s3))$/;

/** A mount that is no file system of a device, as people call it; `undefined` of one that is. */
export function foreignMount({ device, type, options }: FstabEntry): string | undefined {
  if (options.includes('bind') || options.includes('rbind'))
    return `a bind mount: what is there is at ${device}`;
  if (networkTypes.test(type) || /^(?:\/\/|[^/]+:\/)/.test(device))
    return `a network mount (${type} of ${device}), which is on no volume`;
  if (type === 'overlay') return 'an overlay of other directories';
  if (/^(?:\/dev\/|(?:UUID|LABEL|PARTUUID|PARTLABEL)=)/.test(device)) return undefined;
  if (device.startsWith('/')) return `a disk image (${device}), whose files are not read`;
  return `${type}, which is on no volume`;
}
