package vercel

import "net/http"

// permissions are what a token may do with a project, in the words of a project's own answer. Nothing is said of what
// it may not do at all. (unverified) That webhooks, drains and Global Configs are among them.
func (t *Token) permissions() object {
	all := []string{"create", "delete", "list", "read", "update"}
	out := object{}
	for right, things := range map[string][]string{
		"Project: deployment promotion": {"deploymentPromote"}, "Project: deployment rollback": {"deploymentRollback"},
		"Project: rolling release":       {"projectRollingRelease"},
		"Project: environment variables": {"projectEnvVars", "projectEnvVarsProduction"},
		"Project: checks":                {"projectCheck"}, "Deployment: checks": {"projectCheckRun"},
		"Project: protection bypass": {"projectProtectionBypass"}, "Edge Config: update": {"edgeConfig", "edgeConfigItem"},
		"Flags": {"projectFlags", "projectFlagsProduction"}, "Webhook: create": {"webhook"}, "Drain: create": {"drain"},
		"Observability: read": {"observabilityData"},
		"Deployment: create":  {"deployment"}, "Project: update": {"project"},
	} {
		for _, thing := range things {
			if t.may(right) {
				out[thing] = all
			}
		}
	}
	for right, thing := range map[string]string{"Deployment: read": "deployment", "Project: read": "project"} {
		if out[thing] == nil && t.may(right) {
			out[thing] = []string{"list", "read"}
		}
	}
	return out
}

// credential tells of the token that asks.
func (c *call) credential() reply {
	if c.PathValue("id") != "current" {
		return missing("Token", c.PathValue("id"))
	}
	b := object{"id": "tok_1", "name": c.token.name(), "type": "oauth2-token", "origin": "manual",
		"activeAt": c.w.now(), "createdAt": 1700000000000, "scopes": []any{object{"type": "user", "origin": "manual",
			"createdAt": 1700000000000}}}
	if !c.token.Expires.IsZero() {
		b["expiresAt"] = c.token.Expires.UnixMilli()
	}
	return ok(object{"token": b})
}

func tokenRoutes() []route {
	return []route{{http.MethodGet, "5", "/user/tokens/{id}", "", 0, (*call).credential}}
}
