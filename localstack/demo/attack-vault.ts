import { DeleteObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { begin, say } from './narrate.ts';
import { type Scene, typeCommand } from './scene.ts';

/** Reads what the vault has, checks the log of what was done to it, and tries to take something away. */
export async function checkAndAttackVault(scene: Scene): Promise<void> {
  const { bucket, machine, proof } = scene;
  begin('reading whole points as a restore would', 'every byte is there, decrypts, and has its hash');
  const verified = [bucket.name, machine.instanceId];
  const isVerified = await typeCommand(scene, 'verify', ...verified);
  if (!isVerified) proof.fail(`holdfast verify ${verified.join(' ')} did not end well`);
  proof.add({
    done: 'the newest points read',
    came: 'all of it is there',
    compared: isVerified ? 'every chunk with its keyed hash' : 'DAMAGED',
  });

  begin('checking the audit log', 'what was done is in a chain of which nothing is missing');
  const isLogged = await typeCommand(scene, 'audit', 'verify');
  if (!isLogged) proof.fail('holdfast audit verify did not end well');
  proof.add({
    done: 'the audit log read',
    came: 'unbroken',
    compared: isLogged ? 'each entry with the hash of the one before' : 'BROKEN',
  });

  begin('asking how it stands', 'one command says what is protected, and what is not');
  if (!(await typeCommand(scene, 'status'))) proof.fail('holdfast status did not end well');

  await tryToDelete(scene);
}

async function tryToDelete({ s3, outputs, proof }: Scene): Promise<void> {
  const Bucket = outputs['VaultBucketName'] as string;
  const { Versions } = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'packs/', MaxKeys: 1 }));
  const pack = Versions?.[0];
  if (pack?.Key === undefined || pack.VersionId === undefined) throw new Error('the vault has no pack');
  begin(
    `trying to delete ${pack.Key}, version ${pack.VersionId}, for good`,
    'S3 itself refuses, whoever asks, for as long as a point needs it',
  );
  const done = 'a locked pack deleted';
  try {
    await s3.send(new DeleteObjectCommand({ Bucket, Key: pack.Key, VersionId: pack.VersionId }));
    proof.fail(`S3 deleted the locked pack ${pack.Key}`);
  } catch (error) {
    if ((error as Error).name !== 'AccessDenied') throw error;
    say(`  refused: ${(error as Error).name}: ${(error as Error).message}`);
    proof.add({ done, came: 'refused', compared: "S3's answer: AccessDenied" });
  }
}
