// Octokit as a GitHub App: it makes every call that Slipway makes, then takes deliveries until standard input ends.
import http from 'node:http';
import { createAppAuth } from '@octokit/auth-app';
import { Octokit } from '@octokit/rest';
import { createNodeMiddleware, Webhooks } from '@octokit/webhooks';

const w = JSON.parse(process.env.WORLD);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const headers = { 'X-GitHub-Api-Version': '2022-11-28', accept: 'application/vnd.github+json' };
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const octokit = (auth) =>
  new Octokit({ authStrategy: createAppAuth, auth, baseUrl: w.api, userAgent: 'story', log: quiet });

const identity = { appId: w.app, privateKey: w.key };
const here = { owner: 'acme', repo: 'shop' };
const calls = [];
const called = async (of, family, name, args) => {
  const kebab = name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
  const { status, data } = await of.rest[family][name]({ ...args, headers });
  calls.push({ operation: `${family}/${kebab}`, status, body: data ?? null });
  return data;
};

const app = octokit(identity);
const { id: installationId } = await called(app, 'apps', 'getRepoInstallation', here);
const bought = await called(app, 'apps', 'createInstallationAccessToken', {
  installation_id: installationId,
  repositories: ['shop'],
});
const inside = octokit({ ...identity, installationId, repositoryNames: ['shop'] });
await called(inside, 'repos', 'getCommit', { ...here, ref: w.commit.slice(0, 9) });
const query = { ...here, ref: w.commit, check_name: 'Slipway', app_id: w.app, filter: 'all', per_page: 100, page: 1 };
const none = await called(inside, 'checks', 'listForRef', query);
const run = await called(inside, 'checks', 'create', {
  ...here,
  name: 'Slipway',
  head_sha: w.commit,
  external_id: 'rel_1',
  status: 'queued',
  details_url: 'https://slipway.example.com/releases/rel_1',
  output: { title: 'v2 is about to begin', summary: '0 of 8 steps are done.' },
});
const found = await called(inside, 'checks', 'listForRef', query);
for (const state of [
  { status: 'in_progress', started_at: w.from },
  { status: 'completed', conclusion: 'success', started_at: w.from, completed_at: w.to },
]) {
  await called(inside, 'checks', 'update', {
    ...here,
    check_run_id: run.id,
    name: 'Slipway',
    external_id: 'rel_1',
    details_url: 'https://slipway.example.com/releases/rel_1',
    output: { title: 'v2', summary: 'It goes on.' },
    ...state,
  });
}
const place = { ...here, sha: w.commit, environment: 'production', task: 'slipway', per_page: 100 };
const empty = await called(inside, 'repos', 'listDeployments', place);
const deployment = await called(inside, 'repos', 'createDeployment', {
  ...here,
  ref: w.commit,
  task: 'slipway',
  auto_merge: false,
  required_contexts: [],
  environment: 'production',
  payload: { slipway_release: 'rel_1' },
  description: '10 % of the visitors have v2.',
  production_environment: true,
});
const deployments = await called(inside, 'repos', 'listDeployments', place);
const at = { ...here, deployment_id: deployment.id };
const statuses = [await called(inside, 'repos', 'listDeploymentStatuses', { ...at, per_page: 1 })];
await called(inside, 'repos', 'createDeploymentStatus', {
  ...at,
  state: 'success',
  description: 'v2 is in production.',
  environment_url: 'https://shop.example.com',
  log_url: 'https://slipway.example.com/releases/rel_1',
});
statuses.push(await called(inside, 'repos', 'listDeploymentStatuses', { ...at, per_page: 1 }));
const those = { ...here, status: 'waiting', per_page: 100 };
const waiting = await called(inside, 'actions', 'listWorkflowRunsForRepo', those);
await called(inside, 'actions', 'getPendingDeploymentsForRun', { ...here, run_id: waiting.workflow_runs[0].id });
for (const state of ['approved', 'rejected']) {
  await called(inside, 'actions', 'reviewCustomGatesForRun', {
    ...here,
    run_id: w.runs[state],
    environment_name: 'production',
    state,
    comment: 'v2 has passed.',
  });
}
await called(app, 'apps', 'getAuthenticated', {});
await called(app, 'apps', 'getWebhookConfigForApp', {});
const all = await inside.paginate(inside.rest.checks.listForRef, { ...query, per_page: 1 });

const webhooks = new Webhooks({ secret: w.secret, log: quiet });
const heard = [];
webhooks.onAny(({ id, name, payload }) => heard.push({ id, name, payload }));
const server = http.createServer(createNodeMiddleware(webhooks, { path: '/hooks', log: quiet }));
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const signed = JSON.stringify({ action: 'rerequested', check_run: { external_id: 'rel_1', name: 'é' } });
say({
  hook: `http://127.0.0.1:${server.address().port}/hooks`,
  calls,
  bought: { permissions: bought.permissions, repositories: bought.repositories.map((r) => r.full_name) },
  before: none.total_count + empty.length + statuses[0].length,
  after: [found.check_runs[0].id === run.id, deployments[0].payload.slipway_release, statuses[1][0].state],
  paged: all.length,
  signed,
  signature: await webhooks.sign(signed),
});
process.stdin.resume();
process.stdin.on('end', () => {
  say({ heard });
  server.close();
});
