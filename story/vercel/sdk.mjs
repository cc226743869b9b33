// Calls every endpoint that Slipway uses with @vercel/sdk, and prints what the SDK or its schemas object to.
import { HTTPClient, VercelCore } from './parts.mjs';
import { schemaOf, strictly } from './strict.mjs';

const { api, project, base, canary, staged, domain, config, version } = JSON.parse(process.env.WORLD);
const teamId = 'team_T1';
let raw;
const http = new HTTPClient();
http.addHook('response', async (res) => {
  raw = { status: res.status, url: res.url, text: await res.clone().text() };
});
const core = new VercelCore({ serverURL: api, bearerToken: 'token', httpClient: http });

// Calls whose operations say that no token is needed get one all the same.
http.addHook('beforeRequest', (req) => {
  req.headers.set('Authorization', 'Bearer token');
  return req;
});

const report = { calls: 0, judged: 0, wrong: {} };

// call asks, and compares. Where the SDK wants one object and the command line a list (as the API answers), how says
// 'each'; where the answer is a stream of lines, 'lines'.
async function call(name, request, how) {
  const func = (await import(`@vercel/sdk/funcs/${name}.js`))[name];
  raw = undefined;
  const out = await func(core, request);
  const wrong = [];
  let bodies = [];
  try {
    if (how === 'lines') bodies = raw.text.trim().split('\n').map((l) => JSON.parse(l));
    else if (raw.text) bodies = [JSON.parse(raw.text)];
    if (how === 'each') bodies = bodies.flat();
  } catch (e) {
    wrong.push(`the answer is no JSON: ${e.message}`);
  }
  if (!raw || raw.status > 299 || (!out.ok && !how)) {
    wrong.push(`HTTP ${raw?.status} ${String(out.error?.message).slice(0, 900)} ${raw?.text?.slice(0, 300)}`);
  } else if (bodies.length) {
    const schema = await schemaOf(name, raw.status);
    if (schema) report.judged += 1;
    if (schema) wrong.push(...bodies.flatMap((b) => strictly(schema, b)));
    else if (how) wrong.push('no schema was found');
  } else if (how) {
    wrong.push('the answer is empty');
  }
  report.calls += 1;
  if (wrong.length) report.wrong[`${name} ${report.calls}`] = wrong.slice(0, 12);
  return how ? bodies : bodies[0];
}

const idOrName = project;
const p = { idOrName, teamId };
const pn = { projectIdOrName: project, teamId };

await call('userGetAuthUser', {});
await call('teamsGetTeam', { teamId });
await call('teamsGetTeams', {});
await call('authenticationGetAuthToken', { tokenId: 'current' });
await call('projectsGetProjects', { teamId });
await call('projectsGetProject', p);
await call('projectsUpdateProject', { ...p, requestBody: { skewProtectionBoundaryAt: 1700000000000 } });
await call('projectsUpdateProjectProtectionBypass', { ...p, requestBody: { generate: { note: 'sdk' } } });

await call('deploymentsGetDeployment', { idOrUrl: base, teamId });
await call('deploymentsGetDeployments', { projectId: project, teamId, limit: 5 });
await call('deploymentsGetDeploymentEvents', { idOrUrl: base, teamId }, 'each');
const made = await call('deploymentsCreateDeployment', {
  teamId,
  requestBody: { name: 'shop', meta: { slipwayRelease: 'rel_1' }, deploymentId: base },
});
await call('deploymentsGetDeployment', { idOrUrl: made.id, teamId });
await call('logsGetRuntimeLogs', { projectId: project, deploymentId: base, teamId }, 'lines');
const bytes = new TextEncoder().encode('hi');
await call('deploymentsUploadFile', {
  teamId, contentLength: 2, xNowDigest: 'c22b5f9178342609428d6f51b2c5af4c0bde6a42', requestBody: bytes,
});

await call('rollingReleaseGetRollingReleaseBillingStatus', p);
await call('rollingReleaseGetRollingReleaseConfig', p);
await call('rollingReleaseGetRollingRelease', p);
await call('rollingReleaseStartRollingRelease', { ...p, requestBody: { canaryDeploymentId: canary } });
await call('rollingReleaseApproveRollingReleaseStage', {
  ...p, requestBody: { nextStageIndex: 1, canaryDeploymentId: canary },
});
await call('rollingReleaseGetRollingRelease', p);
await call('rollingReleaseCompleteRollingRelease', { ...p, requestBody: { canaryDeploymentId: canary } });
await call('rollingReleaseGetRollingRelease', { ...p, state: 'COMPLETE' });
await call('projectsRequestRollback', { projectId: project, deploymentId: base, description: 'why', teamId });
await call('projectsGetProject', p);
await call('projectsUpdateProjectsByProjectIdRollbackByDeploymentIdUpdateDescription', {
  projectId: project, deploymentId: base, teamId, requestBody: { description: 'because' },
});
await call('rollingReleaseDeleteRollingReleaseConfig', p);
await call('projectsRequestPromote', { projectId: project, deploymentId: staged, teamId });
await call('projectsListPromoteAliases', { projectId: project, teamId });

await call('aliasesAssignAlias', { id: base, teamId, requestBody: { alias: 'canary.example.com', redirect: null } });
await call('aliasesListAliases', { projectId: project, teamId });
await call('aliasesListDeploymentAliases', { id: base, teamId });
await call('aliasesGetAlias', { idOrAlias: 'canary.example.com', teamId });
await call('aliasesDeleteAlias', { aliasId: 'canary.example.com', teamId });
await call('projectsAddProjectDomain', { ...p, requestBody: { name: 'www.example.com' } });
await call('projectsGetProjectDomains', p);
await call('projectsGetProjectDomain', { ...p, domain });
await call('projectsVerifyProjectDomain', { ...p, domain: 'www.example.com' });
await call('projectsUpdateProjectDomain', { ...p, domain: 'www.example.com', requestBody: { gitBranch: 'next' } });
await call('projectsRemoveProjectDomain', { ...p, domain: 'www.example.com' });

const env = { key: 'SDK', value: 'v', type: 'encrypted', target: ['production'] };
const variable = await call('projectsCreateProjectEnv', { ...p, requestBody: env });
await call('projectsCreateProjectEnv', { ...p, upsert: 'true', requestBody: [{ ...env, value: 'w' }] });
await call('projectsCreateProjectEnv', { ...p, requestBody: [env] });
const id = variable?.created?.id;
await call('projectsFilterProjectEnvs', { ...p, decrypt: 'true' });
await call('projectsGetProjectEnv', { ...p, id });
await call('projectsEditProjectEnv', { ...p, id, requestBody: { value: 'x' } });
await call('projectsRemoveProjectEnv', { ...p, id });
const shared = await call('environmentCreateSharedEnvVariable', {
  teamId,
  requestBody: {
    evs: [{ key: 'ALL', value: '1' }], type: 'encrypted', target: ['production'], projectId: [project],
  },
});
const sharedID = shared?.created?.[0]?.id;
await call('environmentListSharedEnvVariable', { teamId });
await call('environmentGetSharedEnvVar', { teamId, id: sharedID });
await call('environmentUpdateSharedEnvVariable', { teamId, requestBody: { updates: { [sharedID]: { value: '2' } } } });
await call('environmentUnlinkSharedEnvVariable', { teamId, id: sharedID, projectId: project });
await call('environmentDeleteSharedEnvVariable', { teamId, requestBody: { ids: [sharedID] } });
await call('environmentCreateCustomEnvironment', {
  ...p,
  requestBody: {
    slug: 'canary', branchMatcher: { type: 'startsWith', pattern: 'canary/' }, copyEnvVarsFrom: 'production',
  },
});
await call('environmentGetProjectsByIdOrNameCustomEnvironments', p);
await call('environmentGetCustomEnvironment', { ...p, environmentSlugOrId: 'canary' });
await call('environmentUpdateCustomEnvironment', {
  ...p, environmentSlugOrId: 'canary', requestBody: { description: 'changed' },
});
await call('environmentRemoveCustomEnvironment', { ...p, environmentSlugOrId: 'canary' });

const check = await call('checksV2CreateProjectCheck', {
  ...pn,
  requestBody: {
    name: 'slipway-gate', requires: 'deployment-url', blocks: 'deployment-promotion', targets: ['production'],
    source: { kind: 'webhook' }, timeout: 300, isRerequestable: true,
  },
});
const checkId = check?.id;
await call('checksV2ListProjectChecks', pn);
await call('checksV2GetProjectCheck', { ...pn, checkId });
await call('checksV2UpdateProjectCheck', { ...pn, checkId, requestBody: { timeout: 600 } });
const run = await call('checksV2CreateDeploymentCheckRun', { deploymentId: staged, teamId, requestBody: { checkId } });
await call('checksV2GetDeploymentCheckRun', { deploymentId: staged, checkRunId: run?.id, teamId });
await call('checksV2UpdateDeploymentCheckRun', {
  deploymentId: staged, checkRunId: run?.id, teamId,
  requestBody: { status: 'completed', conclusion: 'succeeded', conclusionText: 'good', externalId: 'rel_42' },
});
await call('checksV2ListDeploymentCheckRuns', { deploymentId: staged, teamId });
await call('checksV2ListCheckRuns', { ...pn, checkId });
await call('checksV2DeleteProjectCheck', { ...pn, checkId });
const old = await call('checksCreateCheck', {
  deploymentId: staged, teamId, requestBody: { name: 'old', path: '/', blocking: true },
});
const oldCheck = { deploymentId: staged, checkId: old?.id, teamId };
await call('checksGetAllChecks', { deploymentId: staged, teamId });
await call('checksGetCheck', oldCheck);
await call('checksUpdateCheck', { ...oldCheck, requestBody: { status: 'completed', conclusion: 'succeeded' } });
await call('checksRerequestCheck', oldCheck);

const hook = await call('webhooksCreateWebhook', {
  teamId, requestBody: { url: 'http://127.0.0.1:9/', events: ['deployment.promoted'], projectIds: [project] },
});
await call('webhooksGetWebhooks', { teamId });
await call('webhooksGetWebhook', { id: hook?.id, teamId });
await call('webhooksDeleteWebhook', { id: hook?.id, teamId });

const drain = await call('drainsCreateDrain', {
  teamId,
  requestBody: {
    name: 'slipway', projects: 'some', projectIds: [project], schemas: { log: { version: 'v1' } },
    delivery: {
      type: 'http', endpoint: 'http://127.0.0.1:9/', encoding: 'ndjson', compression: 'gzip', headers: {},
      secret: 'a'.repeat(32),
    },
    sampling: [{ type: 'head_sampling', rate: 1, env: 'production' }], source: { kind: 'self-served' },
  },
});
await call('drainsGetDrains', { teamId });
await call('drainsGetDrain', { id: drain?.id, teamId });
await call('drainsUpdateDrain', { id: drain?.id, teamId, requestBody: { name: 'other' } });
await call('drainsDeleteDrain', { id: drain?.id, teamId });

const g = { edgeConfigId: config, teamId };
await call('globalConfigGetEdgeConfigs', { teamId }, 'each');
await call('globalConfigGetEdgeConfig', g);
await call('globalConfigUpdateEdgeConfig', { ...g, requestBody: { slug: 'renamed' } });
await call('globalConfigGetEdgeConfigItems', g);
await call('globalConfigGetEdgeConfigItem', { ...g, edgeConfigItemKey: 'canary' });
await call('globalConfigPatchEdgeConfigSchema', { ...g, requestBody: { definition: { type: 'object' } } });
await call('globalConfigGetEdgeConfigSchema', g);
await call('globalConfigDeleteEdgeConfigSchema', g);
const token = await call('globalConfigCreateEdgeConfigToken', { ...g, requestBody: { label: 'sdk' } });
await call('globalConfigGetEdgeConfigTokens', g, 'each');
await call('globalConfigGetEdgeConfigToken', { ...g, token: token?.token });
await call('globalConfigDeleteEdgeConfigTokens', { ...g, requestBody: { tokens: [token?.token] } });
await call('globalConfigGetEdgeConfigBackups', g);
await call('globalConfigGetEdgeConfigBackup', { ...g, edgeConfigBackupVersionId: version });
await call('globalConfigRestoreEdgeConfigBackup', { ...g, edgeConfigBackupVersionId: version });
const store = await call('globalConfigCreateEdgeConfig', { teamId, requestBody: { slug: 'second', items: { a: 1 } } });
await call('globalConfigDeleteEdgeConfig', { edgeConfigId: store?.id, teamId });

await call('getObservabilitySchema', undefined);
await call('getObservabilitySchemaByMetricId', { metricId: 'vercel.request.count' });
await call('createObservabilityQuery', {
  scope: { type: 'project', ownerId: teamId, projectIds: [project] }, metric: 'vercel.request.count',
  aggregation: 'sum', groupBy: ['deployment_id'], granularity: { minutes: 5 }, limit: 10,
  startTime: new Date(Date.now() - 3600e3).toISOString(), endTime: new Date(Date.now() + 60e3).toISOString(),
});

const environment = {
  active: true,
  pausedOutcome: { type: 'variant', variantId: 'off' },
  fallthrough: { type: 'variant', variantId: 'off' },
  rules: [], targets: {},
};
await call('featureFlagsCreateFlag', {
  ...pn, requestBody: { slug: 'new-checkout', kind: 'boolean', environments: { production: environment } },
});
await call('featureFlagsListFlags', pn);
await call('featureFlagsListFlagsV2', pn);
const flag = { ...pn, flagIdOrSlug: 'new-checkout' };
await call('featureFlagsGetFlag', flag);
await call('featureFlagsUpdateFlag', {
  ...flag, requestBody: { message: 'a tenth', environments: { production: { ...environment, active: false } } },
});
await call('featureFlagsListFlagVersions', flag);
await call('featureFlagsCreateFlagSegment', {
  ...pn, requestBody: { slug: 'staff', label: 'Staff', hint: 'us', data: { rules: [], include: {}, exclude: {} } },
});
await call('featureFlagsListFlagSegments', pn);
await call('featureFlagsGetFlagSegment', { ...pn, segmentIdOrSlug: 'staff' });
await call('featureFlagsDeleteFlagSegment', { ...pn, segmentIdOrSlug: 'staff' });
await call('featureFlagsGetFlagSettings', pn);
const server = { sdkKeyType: 'server', environment: 'production' };
const key = await call('featureFlagsCreateSDKKey', { ...pn, requestBody: server });
await call('featureFlagsGetSDKKeys', pn);
await call('featureFlagsDeleteSDKKey', { ...pn, hashKey: key?.hashKey });
await call('featureFlagsGetDeploymentFeatureFlags', { deploymentId: staged, teamId });
await call('featureFlagsDeleteFlag', flag);
const bypass = { projectId: project, teamId };
await call('securityAddBypassIp', {
  ...bypass, requestBody: { domain: 'www.example.com', sourceIp: '10.0.0.1', ttl: 60000, note: 'load' },
});
await call('securityGetBypassIp', bypass);
await call('securityRemoveBypassIp', { ...bypass, requestBody: { domain: 'www.example.com', sourceIp: '10.0.0.1' } });
await call('deploymentsDeleteDeployment', { id: made?.id, teamId });
process.stdout.write(JSON.stringify(report, null, 1));
