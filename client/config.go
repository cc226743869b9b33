package client

import (
	"context"
	"net/http"
	"strconv"

	"github.com/slipwayhq/slipway/api"
)

func configPath(environment string) string { return "config/" + seg(environment) }

// Configs returns the variables of every environment that the caller sees.
func (c *Client) Configs(ctx context.Context) ([]api.Config, error) {
	return get[[]api.Config](ctx, c, "config", nil)
}

// Config returns an environment's variables, their drift and what is wrong.
func (c *Client) Config(ctx context.Context, environment string) (api.Config, error) {
	return get[api.Config](ctx, c, configPath(environment), nil)
}

// ConfigRevisions returns a page of revisions, newest first.
func (c *Client) ConfigRevisions(ctx context.Context, environment, cursor string, limit int) (api.ConfigPage, error) {
	return get[api.ConfigPage](ctx, c, configPath(environment)+"/revisions",
		query("cursor", cursor, "limit", number(limit)))
}

// ConfigRevision returns a revision with its variables.
func (c *Client) ConfigRevision(ctx context.Context, environment string, revision int64) (api.ConfigRevision, error) {
	return get[api.ConfigRevision](ctx, c, configPath(environment)+"/revisions/"+strconv.FormatInt(revision, 10), nil)
}

// ConfigDiff says how two revisions differ; 0 takes the newest, and the one before.
func (c *Client) ConfigDiff(ctx context.Context, environment string, from, to int64) (api.ConfigDiff, error) {
	return get[api.ConfigDiff](ctx, c, configPath(environment)+"/diff", query("from", number(from), "to", number(to)))
}

// PushConfig changes variables.
func (c *Client) PushConfig(ctx context.Context, environment string, in api.PushConfig) (api.ConfigChange, error) {
	return post[api.ConfigChange](ctx, c, configPath(environment)+"/push", in)
}

// PullConfig takes over what the platform has.
func (c *Client) PullConfig(ctx context.Context, environment string, in api.PullConfig) (api.ConfigChange, error) {
	return post[api.ConfigChange](ctx, c, configPath(environment)+"/pull", in)
}

// BackConfig brings an older revision back.
func (c *Client) BackConfig(ctx context.Context, environment string, in api.BackConfig) (api.ConfigChange, error) {
	return post[api.ConfigChange](ctx, c, configPath(environment)+"/rollback", in)
}

// ConfigDraft returns what is gathered for an environment's next revision.
func (c *Client) ConfigDraft(ctx context.Context, environment string) (api.ConfigDraft, error) {
	return get[api.ConfigDraft](ctx, c, configPath(environment)+"/draft", nil)
}

// EditConfigDraft gathers changes of variables. Nothing is written to the platform.
func (c *Client) EditConfigDraft(ctx context.Context, environment string, in api.EditConfigDraft) (api.ConfigDraft,
	error) {
	return post[api.ConfigDraft](ctx, c, configPath(environment)+"/draft", in)
}

// DiscardConfigDraft lets go of the draft that was seen; empty: of whatever it is.
func (c *Client) DiscardConfigDraft(ctx context.Context, environment, seen string) (api.ConfigDraft, error) {
	return do[api.ConfigDraft](ctx, c, call{method: http.MethodDelete, path: configPath(environment) + "/draft",
		query: query("seen", seen)})
}

// ApplyConfigDraft makes the draft that was seen the next revision and has it written.
func (c *Client) ApplyConfigDraft(ctx context.Context, environment string, in api.ApplyConfigDraft) (api.ConfigChange,
	error) {
	return post[api.ConfigChange](ctx, c, configPath(environment)+"/draft/apply", in)
}
