// Reads a Global Config with Vercel's own client, and has Vercel's flags judge a proof of access.
import { createClient } from '@vercel/global-config';
import { verifyAccess } from 'flags';

const { connection, proofs, secret } = JSON.parse(process.env.WORLD);
const client = createClient(connection);
const consistentRead = { consistentRead: true };
const out = {
  plain: await client.get('canary'),
  consistent: await client.get('canary', consistentRead),
  all: await client.getAll(undefined, consistentRead),
  some: await client.getAll(['canary'], consistentRead),
  has: [await client.has('canary', consistentRead), await client.has('none', consistentRead)],
  digest: await client.digest(consistentRead),
  access: await Promise.all(proofs.map((p) => verifyAccess(`Bearer ${p}`, secret).catch((e) => e.name))),
};
process.stdout.write(JSON.stringify(out));
