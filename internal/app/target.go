package app

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/engine/target"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/provider/selfhost"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// openTarget makes what moves the visitors: the provider, the same again where it is a platform, and the client that
// asks deployments.
func (a *App) openTarget(client *http.Client) (provider.Provider, provider.Platform, *http.Client) {
	v, onVercel := a.opts.Strategy.Vercel()
	if !onVercel {
		sticky := edge.Sticky{Cookie: a.opts.Strategy.Sticky.Cookie, UserHeader: a.opts.Strategy.Sticky.UserHeader,
			UserCookie: a.opts.Strategy.Sticky.UserCookie}
		return selfhost.New(selfhost.Options{
			Sticky: sticky, Publish: a.publish, Edges: a.edges, Silent: 15 * time.Second, Confirm: 3 * time.Second,
			Poll: 20 * time.Millisecond,
		}), nil, client
	}
	p := onvercel.New(onvercel.Options{
		Client: VercelClient(v, a.opts.Env), Project: v.Project, Mode: v.Canary, Config: v.Config,
		Bypass: func() string { s, _ := a.opts.Env(v.BypassEnv); return s }, Gate: true, Address: a.URL(),
		Publish: func(ctx context.Context, app string, generation uint64, doc json.RawMessage) (json.RawMessage, error) {
			return a.Engine.PublishRoute(ctx, app, generation, doc)
		},
		Wanted: a.DB.Route, Now: time.Now,
	})
	return p, p, target.WithAccess(client, p)
}

// VercelClient returns a client of Vercel's API as the strategy names it. Secrets are read from the environment at each
// call, so that they can be changed while it runs.
func VercelClient(v strategy.Vercel, env func(string) (string, bool)) *vercel.Client {
	o := vercel.Options{API: v.API, Team: v.Team, Token: secret(v.TokenEnv, env)}
	connection, _ := env(v.ConfigEnv)
	if host, token := readsConfig(connection); token != "" {
		o.Read, o.Reader = host, func(context.Context) (string, error) { return token, nil }
	}
	return vercel.New(o)
}

// secret reads a secret from the environment.
func secret(name string, env func(string) (string, bool)) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		if s, _ := env(name); strings.TrimSpace(s) != "" {
			return strings.TrimSpace(s), nil
		}
		return "", fault.New(fault.Invalid, "secret_missing",
			"The strategy reads Vercel's token from %s, and it is empty. Make one under Account Settings, Tokens.", name)
	}
}

// readsConfig takes a connection string of a Global Config apart: https://HOST/ecfg_…?token=….
func readsConfig(connection string) (host, token string) {
	u, err := url.Parse(connection)
	if err != nil || u.Host == "" {
		return "", ""
	}
	return u.Scheme + "://" + u.Host, u.Query().Get("token")
}
