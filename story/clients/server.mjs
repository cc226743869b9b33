// A program that asks for flags as OpenFeature's server SDK does, and evaluates the server's own definitions with
// flagd's core. It prints one JSON document.
import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { FlagdCore, MemoryStorage } from '@openfeature/flagd-core';

const base = process.env.SLIPWAY_URL;
const headers = [['Authorization', `Bearer ${process.env.SLIPWAY_FLAG_KEY}`]];

await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: base, headers }));
const client = OpenFeature.getClient();
const brief = ({ value, variant, reason, errorCode }) => ({ value, variant, reason, errorCode });
const out = {
  boolean: brief(await client.getBooleanDetails('checkout', false)),
  string: brief(await client.getStringDetails('banner', 'none', { targetingKey: 'u1', plan: 'pro' })),
  other: brief(await client.getStringDetails('banner', 'none', { targetingKey: 'u1', plan: 'free' })),
  number: brief(await client.getNumberDetails('price', -1, { targetingKey: 'u1' })),
  object: brief(await client.getObjectDetails('limits', {})),
  nobody: brief(await client.getNumberDetails('price', -1)),
  off: brief(await client.getBooleanDetails('secret', true)),
  wrongType: brief(await client.getStringDetails('checkout', 'fallback')),
  missing: brief(await client.getBooleanDetails('nothing', true)),
};

const document = await (await fetch(`${base}/flags/v1/document`, { headers: Object.fromEntries(headers) })).text();
const quiet = { error() {}, warn() {}, info() {}, debug() {} };
const core = new FlagdCore(new MemoryStorage(quiet), quiet, { disableDynamicCodeGeneration: true });
core.setConfigurations(document);
const differ = [];
for (let i = 0; i < 200; i++) {
  const context = { targetingKey: `user-${i}`, plan: ['pro', 'free', undefined][i % 3], version: `1.${i % 7}.0` };
  const here = core.resolveNumberEvaluation('price', -1, context, quiet);
  const there = await client.getNumberDetails('price', -1, context);
  const banner = core.resolveStringEvaluation('banner', 'none', context, quiet);
  const remote = await client.getStringDetails('banner', 'none', context);
  for (const [a, b] of [[here, there], [banner, remote]]) {
    if (a.value !== b.value || a.variant !== b.variant || a.reason !== b.reason) {
      differ.push({ context, here: brief(a), there: brief(b) });
    }
  }
}
await OpenFeature.close();

await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: base, headers: [['X-API-Key', 'slwf_srv_wrong']] }));
const wrongKey = brief(await OpenFeature.getClient().getBooleanDetails('checkout', false));
console.log(JSON.stringify({ ...out, wrongKey, differ }));
