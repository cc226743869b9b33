// Reads flags that Slipway has published, with Vercel's own client.
import { createClient } from '@vercel/global-config';

const { connection, key } = JSON.parse(process.env.WORLD);
const client = createClient(connection);
process.stdout.write(JSON.stringify({ flags: await client.get(key), digest: await client.digest() }));
