import { namingPath, openPointImage, readInStretches } from '@holdfast/image-files';
import { warnDegraded } from '../names/degraded-point.ts';
import { openPoint } from '../names/open-point.ts';
import { parsePointPath, pathWord } from '../names/point-path.ts';
import { resolvePointOrResource } from '../names/resolve-point.ts';
import { defineCommand } from '../terminal/command.ts';
import { UsageError } from '../terminal/errors.ts';

export const catCommand = defineCommand({
  name: 'cat',
  summary: 'Write a file out of an image to stdout. Of a resource, out of its newest point.',
  answers: {},
  declare: (command) => command.argument('<point|resource>').argument('[path]', pathWord),
  async run(context, _, word, typed) {
    const { connect, out, clock, signal, warn } = context;
    if (out.json) throw new UsageError('cat writes the file as it is; leave --json out');
    const { name, path } = parsePointPath(word, typed);
    if (path === undefined) throw new UsageError(`name a file of "${name}", as "holdfast ls" shows them`);
    const connection = await connect();
    const point = await resolvePointOrResource(connection.services.catalog, name, clock.now());
    await warnDegraded(point, connection, context);
    const reader = await openPoint(connection, point);
    const place = await openPointImage(reader, {
      onNotice: warn,
      openSnapshots: connection.openSnapshots,
      signal,
    }).getPlace(path, {
      followLast: true,
    });
    if (place.kind === 'parts')
      throw new UsageError(`"${path}" is a volume; name a file on it, as "holdfast ls" does`);
    await namingPath(path, async () => {
      for await (const piece of readInStretches(place.node, {}, signal)) await out.bytes(piece);
    });
  },
});
