package target

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/release"
)

// asking is how long a platform may take to answer one question.
const asking = 20 * time.Second

// Locate finds the build that a release is of, on a platform that keeps builds: by its id there, its address or its
// commit. A commit that nobody built yet is built now. Behind our own edge the release says where it answers itself.
func (w *Watcher) Locate(ctx context.Context, r *release.Release) (*provider.Build, error) {
	if w.Platform == nil {
		switch {
		case r.Version == "":
			return nil, fault.New(fault.Invalid, "version_missing", "Name the version, e.g. v2 or 1.4.0.").
				At(fault.Command, "It is given with --version.")
		case r.URL == "":
			return nil, fault.New(fault.Invalid, "deployment_url_invalid",
				"Say where the deployment answers, e.g. http://127.0.0.1:3002.")
		}
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	ref := provider.Ref{Commit: r.Commit}
	switch {
	case strings.Contains(r.URL, "://"):
		ref = provider.Ref{URL: r.URL}
	case r.URL != "":
		ref = provider.Ref{External: r.URL}
	case r.Commit == "":
		return nil, fault.New(fault.Invalid, "deployment_missing",
			"Name the deployment by its id or address on the platform, or the commit.")
	}
	b, err := w.Platform.Find(ctx, ref)
	if fault.Is(err, fault.NotFound) && ref.Commit != "" {
		now, clock := w.DB.Now(ctx)
		config, unknown := w.configOf(ctx, provider.Build{Created: now})
		if err := errors.Join(clock, unknown); err != nil {
			return nil, err
		}
		b, err = w.Platform.Create(ctx, provider.Order{Commit: r.Commit, Version: r.Version, Release: r.Version,
			Production: true, Config: config})
	}
	if err != nil {
		return nil, err
	}
	if b.Preview {
		return nil, fault.New(fault.Refused, "deployment_preview",
			"%s was built for a preview, with a preview's variables: production would run another build than was tried. "+
				"Release a build of the production branch, or name the commit and Slipway has one built.", b.External)
	}
	if b.State == provider.Failed {
		return nil, fault.New(fault.Refused, "build_failed", "%s was not built: %s", b.External, b.Why)
	}
	r.URL = b.URL
	if r.Version == "" {
		r.Version = b.Version
	}
	if r.Commit == "" {
		r.Commit = b.Commit
	}
	return &b, nil
}

// Await says whether the platform has finished the build that an effect waits for.
func (w *Watcher) Await(ctx context.Context, a release.TargetArgs) error {
	if w.Platform == nil {
		return nil
	}
	d, err := w.DB.Deployment(ctx, a.Deployment)
	if err != nil || d.External == "" {
		return err
	}
	b, err := w.Platform.Find(ctx, provider.Ref{External: d.External})
	if err != nil {
		return err
	}
	if b.Gone {
		return fault.New(fault.Invalid, "build_gone", "%s was deleted on the platform.", b.External)
	}
	switch b.State {
	case provider.Ready:
		return nil
	case provider.Failed:
		return fault.New(fault.Invalid, "build_failed", "%s was not built: %s", b.External, b.Why)
	}
	return fault.New(fault.Unavailable, provider.UnderWay, "%s is being built. %s", b.External, b.Why)
}

// LookAtBuild records a build that the platform told of, as a push makes one: in the environment that its branch
// belongs to, as a preview where it belongs to none. What was built for production is recorded in staging: being built
// is not being served.
func (w *Watcher) LookAtBuild(ctx context.Context, id string) (time.Time, error) {
	if w.Platform == nil {
		return time.Time{}, nil
	}
	ask, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	b, err := w.Platform.Find(ask, provider.Ref{External: id[len(BuildPrefix):]})
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && b.Gone:
		return time.Time{}, w.there(ctx, id[len(BuildPrefix):], false)
	case err == nil && b.State == provider.Failed:
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err // it is looked at again
	case b.State == provider.Building:
		now, err := w.DB.Now(ctx)
		return now.Add(15 * time.Second), err
	}
	if err := w.there(ctx, b.External, true); err != nil {
		return time.Time{}, err
	}
	env, mapped := w.Strategy.EnvironmentOf(b.Branch)
	switch {
	case !b.Preview:
		env = "staging"
	case !mapped || env == "production":
		env = "development"
	}
	if b.Config, err = w.configOf(ctx, b); err != nil {
		return time.Time{}, err
	}
	who := access.Actor{ID: "system:target", Name: by(b.By, "The platform")}
	_, err = w.Register(ctx, who, deployment.Deployment{
		Version: b.Version, Commit: b.Commit, URL: b.URL, Environment: env, External: b.External,
		BuildIDs: []string{b.External}, Preview: b.Preview && !mapped, Config: b.Config,
	})
	return time.Time{}, err
}

// configOf is the revision of the variables that a build has.
func (w *Watcher) configOf(ctx context.Context, b provider.Build) (string, error) {
	if w.Config == nil {
		return b.Config, nil
	}
	return w.Config(ctx, b)
}

// BuildPrefix begins the id of work at a build; the platform's id of it follows.
const BuildPrefix = "build/"

func by(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// Steps are the shares that a release's canary will take; none for other subjects.
func (w *Watcher) Steps(ctx context.Context, subject string) ([]float64, error) {
	if w.Platform == nil || !ident.Valid("rel", subject) {
		return nil, nil
	}
	r, err := w.DB.Release(ctx, subject)
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, s := range r.Plan.Shares() {
		out = append(out, s.Share)
	}
	return out, nil
}

// WithAccess returns a client whose requests carry what the platform asks for at its own addresses, such as the
// header that opens a protected deployment; hop by hop, so that a redirect elsewhere carries nothing.
func WithAccess(c *http.Client, p provider.Platform) *http.Client {
	out := *c
	out.Transport = opened{c.Transport, p}
	return &out
}

type opened struct {
	next     http.RoundTripper
	platform provider.Platform
}

// RoundTrip implements http.RoundTripper.
func (o opened) RoundTrip(r *http.Request) (*http.Response, error) {
	if h := o.platform.Access(r.Context(), r.URL.Scheme+"://"+r.URL.Host); len(h) > 0 {
		r = r.Clone(r.Context())
		for name, values := range h {
			r.Header[name] = values
		}
	}
	return o.next.RoundTrip(r) //nolint:wrapcheck // it is the transport itself
}
