// Holds the bodies that Slipway sends, to connect itself and to write flags, against the schemas by which @vercel/sdk
// sends them.
import { readFileSync } from 'node:fs';

const { createRequire } = await import('node:module');
const { dirname, join } = await import('node:path');
const root = dirname(createRequire(import.meta.url).resolve('@vercel/sdk/package.json'));
const model = (name) => import(join(root, 'esm', 'models', `${name}.js`));
const schemas = {
  drains: (await model('createdrainop')).CreateDrainRequestBody$outboundSchema,
  webhooks: (await model('createwebhookop')).CreateWebhookRequestBody$outboundSchema,
  checks: (await model('createprojectcheckop')).CreateProjectCheckRequestBody$outboundSchema,
  flags: (await model('createflagop')).CreateFlagRequestBody$outboundSchema,
  flag: (await model('updateflagop')).UpdateFlagRequestBody$outboundSchema,
};

// unknown names the keys that a schema does not send on.
function unknown(body, sent, at) {
  if (body === null || typeof body !== 'object') return [];
  return Object.keys(body).flatMap((k) =>
    sent !== null && typeof sent === 'object' && k in sent
      ? unknown(body[k], sent[k], `${at}.${k}`)
      : [`${at}.${k} is in no schema`],
  );
}

const report = { judged: 0, wrong: [] };
for (const { path, body } of JSON.parse(readFileSync(0, 'utf8'))) {
  const kind = path.includes('/flags/') ? 'flag' : path.split('/').pop();
  const read = schemas[kind].safeParse(body);
  report.judged += 1;
  if (read.success) report.wrong.push(...unknown(body, read.data, kind));
  else report.wrong.push(...read.error.issues.map((i) => `${kind} ${i.path.join('.')}: ${i.message}`));
}
console.log(JSON.stringify(report));
