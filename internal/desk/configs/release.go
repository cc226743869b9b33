package configs

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
)

// OfRelease says with which variables a release's deployment was built, and which come back with the one before it;
// nil where no platform keeps variables.
func (d *Desk) OfRelease(ctx context.Context, id, before string) (*api.ReleaseConfig, error) {
	if !d.On() || id == "" {
		return nil, nil
	}
	is, err := d.built(ctx, id)
	if err != nil {
		return nil, err
	}
	was, err := d.built(ctx, before)
	if err != nil {
		return nil, err
	}
	out := api.ReleaseConfig{}
	var now, then configuration.Revision
	if out.Built, now, err = d.with(ctx, is); err != nil {
		return nil, err
	}
	if out.Back, then, err = d.with(ctx, was); err != nil {
		return nil, err
	}
	out.Sentence = "It is not known with which variables it was built."
	if out.Built > 0 {
		out.Sentence = fmt.Sprintf("Built with revision %d of the variables.", out.Built)
	}
	switch {
	case was.Version == "":
	case out.Back == 0:
		out.Sentence += fmt.Sprintf(" Which ones come back with %s is not known.", was.Version)
	case out.Back == out.Built:
		out.Sentence += fmt.Sprintf(" %s has the same: going back changes none.", was.Version)
	default:
		out.Sentence += fmt.Sprintf(" Going back to %s brings revision %d with it", was.Version, out.Back)
		if now.ID != "" && then.ID != "" {
			out.Sentence += ": against this it " + configuration.Words(configuration.Diff(now.Variables, then.Variables))
		}
		out.Sentence += "."
	}
	return &out, nil
}

// built returns a deployment; an empty one where there is none.
func (d *Desk) built(ctx context.Context, id string) (deployment.Deployment, error) {
	if id == "" {
		return deployment.Deployment{}, nil
	}
	x, err := d.DB.Deployment(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return deployment.Deployment{}, nil
	}
	return x, err
}

// with returns the revision that a deployment was built with: its number, and itself where it is one of ours.
func (d *Desk) with(ctx context.Context, x deployment.Deployment) (int64, configuration.Revision, error) {
	number, id := configuration.Named(x.Config)
	if number == 0 {
		return 0, configuration.Revision{}, nil
	}
	r, err := d.DB.Config(ctx, id)
	if fault.Is(err, fault.NotFound) { // what stands in the meta of a build, anybody may have written
		return 0, configuration.Revision{}, nil
	}
	return number, r, err
}
