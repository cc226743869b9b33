package app

import (
	"context"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/engine/forge"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/github"
	"github.com/slipwayhq/slipway/internal/hook"
	"github.com/slipwayhq/slipway/internal/remote"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// openGitHub makes what shows releases where their code is.
func (a *App) openGitHub() forge.Options {
	g, ok := a.opts.Strategy.GitHub()
	if !ok {
		return forge.Options{}
	}
	return forge.Options{Address: a.PublicURL(), Client: GitHubClient(g, a.opts.Env,
		func(ctx context.Context) (string, error) { return a.kept(ctx, secrets.GitHubKey) }, limits{a.DB}),
		Use: func(ctx context.Context) github.Use {
			u, came := useOf(g, a.opts.Public), a.hooks.Status(hook.Code)
			u.Taken, u.Refused = came.Deliveries, came.Refused
			list, err := a.gitHubSecrets(ctx)
			u.Signed = err == nil && len(list) > 0
			return u
		}}
}

// useOf is what the strategy wants the app for. Deliveries should go to Slipway's own address; empty: nobody said.
func useOf(g strategy.GitHub, own string) github.Use {
	u := github.Use{Check: g.Check, Deployments: g.Deployments, Protection: len(g.Protection) > 0}
	if own != "" {
		u.Hook = own + github.HookPath
	}
	return u
}

// GitHubClient returns a client of GitHub's API as the strategy names it. The key is read when it is needed, so that it
// can be changed while Slipway runs: from the environment, or where that is empty from where it is kept.
func GitHubClient(g strategy.GitHub, env func(string) (string, bool), kept func(context.Context) (string, error),
	l remote.Limits) *github.Client {
	key := func(ctx context.Context) (string, error) {
		if s, _ := env(g.KeyEnv); strings.TrimSpace(s) != "" {
			return s, nil
		}
		if kept != nil {
			if s, err := kept(ctx); !fault.Is(err, fault.NotFound) {
				return s, err
			}
		}
		return "", fault.New(fault.Invalid, "secret_missing", "Slipway has no private key of the GitHub App: %s is empty "+
			"and none is kept. Make one on the app's page and give it with: slipway github key set KEY.pem", g.KeyEnv)
	}
	return github.New(github.Options{API: g.API, App: g.App, Repository: g.Repository, Key: key, Limits: l})
}

// LookAtGitHub says what is there of what the strategy needs at GitHub, by the secrets of the environment.
func LookAtGitHub(ctx context.Context, g strategy.GitHub, env func(string) (string, bool), own string) github.Report {
	secret, _ := env(g.WebhookEnv)
	u := useOf(g, own)
	u.Signed = strings.TrimSpace(secret) != ""
	return GitHubClient(g, env, nil, nil).Look(ctx, u)
}

// gitHubSecrets are those that GitHub's deliveries may be signed with now.
func (a *App) gitHubSecrets(ctx context.Context) ([]string, error) {
	g, ok := a.opts.Strategy.GitHub()
	if !ok {
		return nil, nil
	}
	return a.valid(ctx, secrets.GitHubWebhook, g.WebhookEnv, time.Now())
}
