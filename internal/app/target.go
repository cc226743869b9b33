package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/engine/target"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/hook"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/provider/selfhost"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vault"
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
	a.vercel = VercelClient(v, a.opts.Env, a.kept, limits{a.DB})
	p := onvercel.New(onvercel.Options{
		Client: a.vercel, Project: v.Project, Mode: v.Canary, Domain: v.Domain,
		Config: v.Config,
		Bypass: func(ctx context.Context) string { return a.bypass(ctx, v.BypassEnv) }, Gate: true, Address: a.PublicURL(),
		Publish: func(ctx context.Context, app string, generation uint64, doc json.RawMessage) (json.RawMessage, error) {
			return a.Engine.PublishRoute(ctx, app, generation, doc)
		},
		Wanted: a.DB.Route, Now: time.Now,
	})
	return p, p, target.WithAccess(client, p)
}

// VercelClient returns a client of Vercel's API as the strategy names it. The token is read at each call, so that it
// can be changed while Slipway runs: from the environment, or where that is empty from where it is kept. Limits may be
// shared by all nodes; nil: they are this process's own.
func VercelClient(v strategy.Vercel, env func(string) (string, bool),
	kept func(ctx context.Context, name string) (string, error), l vercel.Limits) *vercel.Client {
	token := func(ctx context.Context) (string, error) {
		if s, _ := env(v.TokenEnv); strings.TrimSpace(s) != "" {
			return strings.TrimSpace(s), nil
		}
		if kept != nil {
			if s, err := kept(ctx, secrets.TargetToken); !fault.Is(err, fault.NotFound) {
				return s, err
			}
		}
		return "", fault.New(fault.Invalid, "secret_missing", "Slipway has no token of Vercel's API: %s is empty and "+
			"none is kept. Make one under Account Settings, Tokens, and give it with: slipway target token set.", v.TokenEnv)
	}
	o := vercel.Options{API: v.API, Team: v.Team, Token: token, Limits: l}
	text, _ := env(v.ConfigEnv)
	if c, err := vercel.ParseConnection(text); err == nil {
		o.Read, o.Reader = c.Address, func(context.Context) (string, error) { return c.Token, nil }
	} else if strings.TrimSpace(text) == "" && kept != nil {
		o.Connection = func(ctx context.Context) (vercel.Connection, error) {
			s, err := kept(ctx, secrets.TargetConnection)
			if err != nil {
				return vercel.Connection{}, err
			}
			return vercel.ParseConnection(s)
		}
	}
	return vercel.New(o)
}

// kept is a secret of the target that Slipway keeps sealed.
func (a *App) kept(ctx context.Context, name string) (string, error) {
	return a.Engine.Secrets.Open(ctx, name)
}

// bypass is the secret that opens protected deployments: from the environment, or where that is empty as it is kept.
func (a *App) bypass(ctx context.Context, env string) string {
	if s, _ := a.opts.Env(env); s != "" {
		return s
	}
	s, _ := a.kept(ctx, secrets.TargetBypass) // without it the deployment says itself that it is protected
	return s
}

// openVault makes what seals secrets. Beside a SQLite file the key is a file that is made when it is first needed; for
// PostgreSQL, which many nodes share, it must be given.
func (a *App) openVault() *vault.Vault {
	o := vault.Options{Keys: func() string { s, _ := a.opts.Env(vault.EnvKeys); return s }}
	o.File, _ = a.opts.Env(vault.EnvFile)
	if o.File == "" && a.DB.Dialect() == store.SQLite {
		database := strings.TrimPrefix(strings.TrimPrefix(a.opts.Database, "sqlite:"), "//")
		o.File, o.Make = database+".key", true
	}
	return vault.New(o)
}

// file reads a file of the folder that the strategy is in, and none outside of it.
func (a *App) file(name string) ([]byte, error) {
	if a.opts.Folder == "" {
		return nil, fs.ErrNotExist
	}
	root, err := os.OpenRoot(a.opts.Folder)
	if err != nil {
		return nil, fmt.Errorf("open the strategy's folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	return root.ReadFile(name)
}

// targetLine says, at the start, where the application runs on a platform, how far Slipway is connected to it, and what
// is next; nothing where visitors come through our own edge. It asks nobody.
func (a *App) targetLine(ctx context.Context) string {
	v, ok := a.opts.Strategy.Vercel()
	if !ok {
		return ""
	}
	of, way := "", map[string]string{strategy.Rolling: "by rolling releases",
		strategy.Proxy: "by the application's proxy.ts", strategy.AutoPick: "in the way that its plan allows"}[v.Canary]
	if v.Team != "" {
		of = " of " + v.Team
	}
	line := fmt.Sprintf("%s%s on Vercel, canaries %s. ", v.Project, of, way)
	if token, _ := a.opts.Env(v.TokenEnv); strings.TrimSpace(token) == "" {
		if _, err := a.kept(ctx, secrets.TargetToken); fault.Is(err, fault.NotFound) {
			return line + fmt.Sprintf("There is no token: set %s, or next: slipway target token set", v.TokenEnv)
		} else if err != nil {
			return line + "The token that is kept cannot be opened: " + fault.MessageOf(err)
		}
	}
	var missing []string
	for _, k := range []hook.Kind{hook.Drains, hook.Webhooks} {
		if valid, err := a.secrets(ctx, k); err != nil {
			return line + "What deliveries are signed with cannot be opened: " + fault.MessageOf(err)
		} else if len(valid) == 0 {
			missing = append(missing, string(k))
		}
	}
	if len(missing) == 0 {
		return line + "It is connected; look with: slipway target status"
	}
	return line + fmt.Sprintf("It is not connected: no secret for %s. Next, with the address that Vercel reaches: "+
		"slipway target connect --url https://…", strings.Join(missing, " and "))
}
