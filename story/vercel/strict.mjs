// How strictly an answer fits what @vercel/sdk was generated from.
import fs from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';

register('./hooks.mjs', import.meta.url);

// flat says each issue with its place; of alternatives, those of the one that fits best.
function flat(issues) {
  return issues.flatMap((i) => {
    if (i.code !== 'invalid_union') return [`${i.path.join('.')}: ${i.message}`];
    const options = i.unionErrors.map((e) => flat(e.issues));
    return options.sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0];
  });
}

const depth = (lines) => Math.max(...lines.map((l) => l.split(':')[0].split('.').length));

// strictly parses a body with one of the SDK's schemas, and says all that is wrong with it.
export function strictly(schema, body) {
  const parsed = schema.safeParse(body);
  return parsed.success ? [] : flat(parsed.error.issues);
}

// schemaOf finds the schema with which a function of the SDK reads an answer of this status.
export async function schemaOf(name, status) {
  const file = fileURLToPath(import.meta.resolve(`@vercel/sdk/funcs/${name}.js`));
  const text = fs.readFileSync(file, 'utf8');
  for (const m of text.matchAll(/M\.json\((\[[^\]]*\]|\d+), (.*?)(\w+\$inboundSchema)/g)) {
    if (!m[1].includes(String(status))) continue;
    const from = new RegExp(`import \\{[^}]*\\b${m[3].replace('$', '\\$')}[^}]*\\} from "([^"]+)"`).exec(text)[1];
    const schema = (await import(`${new URL(from, `file://${file}`).href}?strict`))[m[3]];
    return m[2].includes('z.array') ? schema.array() : schema;
  }
  return null;
}
