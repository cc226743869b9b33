// Reads the flags that Slipway has written as strictly as the schemas of @vercel/sdk are, and prints what is wrong.
import { schemaOf, strictly } from './strict.mjs';

const { api, project } = JSON.parse(process.env.WORLD);
const headers = { Authorization: 'Bearer token' };
const report = { flags: [], wrong: [] };
const ask = async (path) => (await fetch(`${api}${path}`, { headers })).json();
const list = await ask(`/v2/projects/${project}/feature-flags/flags?limit=100`);
report.wrong.push(...strictly(await schemaOf('featureFlagsListFlagsV2', 200), list));
for (const { slug } of list.data) {
  const flag = await ask(`/v1/projects/${project}/feature-flags/flags/${slug}`);
  report.wrong.push(...strictly(await schemaOf('featureFlagsGetFlag', 200), flag));
  report.flags.push(slug);
}
console.log(JSON.stringify(report));
