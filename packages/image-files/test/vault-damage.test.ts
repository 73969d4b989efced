import { DiskBytesLostError } from '@holdfast/disk';
import { getVolume, openVault, PointReader, VolumeDamagedError } from '@holdfast/engine';
import { FakeClock, makeMemoryServices, putImagePoint, SeededRandom } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';
import { namingPath } from '../src/file-system-errors.ts';
import { SharedVolumes } from '../src/shared-volumes.ts';
import { vaultVolume } from '../src/vault-volume.ts';

test('bytes that the vault has lost are known as such to whoever reads a file system, and to people by their volume', async () => {
  const services = makeMemoryServices(new FakeClock('2026-11-23T02:00:00.000Z'), new SeededRandom('damage'));
  const content = new SeededRandom('content').bytes(65_536);
  const root = await putImagePoint(services, {
    volumes: [{ volume: 'vol-0a', content, blockBytes: 16_384 }],
  });
  const versions = await Array.fromAsync(services.store.listVersions('packs/'));
  const [blocks] = versions.toSorted((one, other) => other.bytes - one.bytes);
  const get = services.store.get.bind(services.store);
  services.store.get = async (name, options) => {
    const bytes = await get(name, options);
    return name === blocks?.name ? bytes.map((byte) => byte ^ 1) : bytes;
  };
  const reader = new PointReader(services.store, await openVault(services), root);
  const volume = await getVolume(reader, 'vol-0a');

  const { findVolume } = await new SharedVolumes({}).next(reader);
  const shared = (await findVolume('vol-0a'))!;

  for (const source of [vaultVolume(reader, volume), shared]) {
    await expect(source.read(20_000, 10)).rejects.toThrow(DiskBytesLostError);
    await expect(namingPath('/etc', async () => source.read(20_000, 10))).rejects.toThrow(VolumeDamagedError);
  }
});
