// How strictly values fit GitHub's published types: nothing is missing, nothing is unknown, every word is one of
// theirs. Times and addresses are what they are called.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const types = (name) => JSON.stringify(path(`node_modules/@octokit/${name}/types.d.ts`));
const head = `import type { operations as O } from ${types('openapi-types')};
import type { components as H } from ${types('openapi-webhooks-types')};
type In<T> = T extends { content: { "application/json": infer B } } ? B : never;
export type Answer<K extends keyof O, S> = O[K] extends { responses: infer R } ? S extends keyof R
  ? In<R[S]> : never : never;
export type Body<K extends keyof O> = O[K] extends { requestBody?: infer B } ? In<NonNullable<B>> : never;
export type Query<K extends keyof O> = O[K] extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;
export type Event<K extends keyof H["schemas"]> = H["schemas"][K];
`;
const values = JSON.parse(fs.readFileSync(0, 'utf8')); // [{ name, type, value }]
const file = path('judged.ts'); // which is never written
const text = head + values.map((v, i) => `export const v${i}: ${v.type} = ${JSON.stringify(v.value)};`).join('\n');
const options = { strict: true, noEmit: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler };
const host = ts.createCompilerHost(options);
const { getSourceFile, fileExists } = host;
host.getSourceFile = (name, ...rest) =>
  name === file ? ts.createSourceFile(name, text, options.target) : getSourceFile(name, ...rest);
host.fileExists = (name) => name === file || fileExists(name);
const program = ts.createProgram([file], options, host);
const first = head.split('\n').length - 1;
const wrong = ts.getPreEmitDiagnostics(program, program.getSourceFile(file)).map((d) => {
  const line = d.file ? d.file.getLineAndCharacterOfPosition(d.start).line - first : -1;
  return `${values[line]?.name ?? 'all'}: ${ts.flattenDiagnosticMessageText(d.messageText, '\n')}`;
});

const walk = (name, v) => {
  if (v === null || typeof v !== 'object') return;
  for (const [key, x] of Object.entries(v)) {
    const bad = (what) => wrong.push(`${name}.${key}: ${JSON.stringify(x)} is no ${what}`);
    if (typeof x === 'string') {
      if (/_at$/.test(key) && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(x)) bad('time');
      if (/(^|_)url$/.test(key) && key !== 'ssh_url' && x !== '' && !URL.canParse(x)) bad('address');
    }
    if (/^id$|_count$/.test(key) && typeof x === 'number' && !Number.isSafeInteger(x)) bad('whole number');
    walk(`${name}.${key}`, x);
  }
};
for (const v of values) walk(v.name, v.value);
process.stdout.write(JSON.stringify({ judged: values.length, wrong }));
