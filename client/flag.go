package client

import (
	"context"
	"net/http"

	"github.com/slipwayhq/slipway/api"
)

// FlagQuery selects flags.
type FlagQuery struct {
	Text, Tag   string
	State       string // on, off, ramping, stale or archived
	Environment string // where State is asked
	Cursor      string // Next of the page before
	Limit       int
}

func flagIn(key, environment string) string {
	return "flags/" + seg(key) + "/environments/" + seg(environment)
}

func segmentIn(key, environment string) string {
	return "segments/" + seg(key) + "/environments/" + seg(environment)
}

// Flags returns a page of flags by key.
func (c *Client) Flags(ctx context.Context, q FlagQuery) (api.FlagPage, error) {
	return get[api.FlagPage](ctx, c, "flags", query("q", q.Text, "tag", q.Tag, "state", q.State,
		"environment", q.Environment, "cursor", q.Cursor, "limit", number(q.Limit)))
}

// CreateFlag makes a flag.
func (c *Client) CreateFlag(ctx context.Context, in api.CreateFlag) (api.Flag, error) {
	return post[api.Flag](ctx, c, "flags", in)
}

// Flag returns a flag with what it does in each environment.
func (c *Client) Flag(ctx context.Context, key string) (api.Flag, error) {
	return get[api.Flag](ctx, c, "flags/"+seg(key), nil)
}

// ChangeFlag changes what a flag is. It is sent once.
func (c *Client) ChangeFlag(ctx context.Context, key string, in api.ChangeFlag) (api.Flag, error) {
	return do[api.Flag](ctx, c, call{method: http.MethodPatch, path: "flags/" + seg(key), body: in})
}

// ArchiveFlag takes a flag out of use.
func (c *Client) ArchiveFlag(ctx context.Context, key, reason string) (api.Flag, error) {
	return post[api.Flag](ctx, c, "flags/"+seg(key)+"/archive", api.ArchiveFlag{Reason: reason})
}

// RestoreFlag brings an archived flag back, as it was.
func (c *Client) RestoreFlag(ctx context.Context, key, reason string) (api.Flag, error) {
	return post[api.Flag](ctx, c, "flags/"+seg(key)+"/restore", api.ArchiveFlag{Reason: reason})
}

// PromoteFlag copies what a flag serves to another environment, or says what that would change.
func (c *Client) PromoteFlag(ctx context.Context, key string, in api.PromoteFlag) (api.FlagChange, error) {
	return post[api.FlagChange](ctx, c, "flags/"+seg(key)+"/promote", in)
}

// FlagConfig returns what a flag does in an environment.
func (c *Client) FlagConfig(ctx context.Context, key, environment string) (api.FlagConfig, error) {
	return get[api.FlagConfig](ctx, c, flagIn(key, environment), nil)
}

// PutFlagConfig says what a flag does in an environment, as a whole. It is sent once.
func (c *Client) PutFlagConfig(
	ctx context.Context, key, environment string, in api.PutFlagConfig,
) (api.FlagChange, error) {
	return do[api.FlagChange](ctx, c, call{method: http.MethodPut, path: flagIn(key, environment), body: in})
}

// TurnFlagOn turns a flag on in an environment.
func (c *Client) TurnFlagOn(ctx context.Context, key, environment string, in api.SwitchFlag) (api.FlagChange, error) {
	return post[api.FlagChange](ctx, c, flagIn(key, environment)+"/on", in)
}

// TurnFlagOff turns a flag off in an environment.
func (c *Client) TurnFlagOff(ctx context.Context, key, environment string, in api.SwitchFlag) (api.FlagChange, error) {
	return post[api.FlagChange](ctx, c, flagIn(key, environment)+"/off", in)
}

// RollOutFlag sets the share of users, whom no rule serves, that get a variant.
func (c *Client) RollOutFlag(
	ctx context.Context, key, environment string, in api.RolloutFlag,
) (api.FlagChange, error) {
	return post[api.FlagChange](ctx, c, flagIn(key, environment)+"/rollout", in)
}

// RevertFlag brings back what an earlier revision said.
func (c *Client) RevertFlag(ctx context.Context, key, environment string, in api.RevertFlag) (api.FlagChange, error) {
	return post[api.FlagChange](ctx, c, flagIn(key, environment)+"/revert", in)
}

// ScheduleFlag has a change of a flag made at a time, or after a release.
func (c *Client) ScheduleFlag(
	ctx context.Context, key, environment string, in api.ScheduleFlag,
) (api.FlagChange, error) {
	return post[api.FlagChange](ctx, c, flagIn(key, environment)+"/schedule", in)
}

// DraftQuery selects drafts.
type DraftQuery struct {
	Environment, Flag string
	State             string // open, waiting, scheduled, applied, refused, discarded or failed
	Cursor            string // Next of the page before
	Limit             int
}

// FlagDrafts returns a page of changes that wait, or waited, newest first.
func (c *Client) FlagDrafts(ctx context.Context, q DraftQuery) (api.FlagDraftPage, error) {
	return get[api.FlagDraftPage](ctx, c, "flag-drafts", query("environment", q.Environment, "flag", q.Flag,
		"state", q.State, "cursor", q.Cursor, "limit", number(q.Limit)))
}

// FlagDraft returns a change that waits, or waited.
func (c *Client) FlagDraft(ctx context.Context, id string) (api.FlagDraft, error) {
	return get[api.FlagDraft](ctx, c, "flag-drafts/"+seg(id), nil)
}

// DiscardFlagDraft takes a change back that waits.
func (c *Client) DiscardFlagDraft(ctx context.Context, id, reason string) (api.FlagDraft, error) {
	return post[api.FlagDraft](ctx, c, "flag-drafts/"+seg(id)+"/discard", api.DiscardDraft{Reason: reason})
}

// ApplyFlags makes flags and segments as a file says, or says what differs.
func (c *Client) ApplyFlags(ctx context.Context, in api.ApplyFlags) (api.FlagPlan, error) {
	return post[api.FlagPlan](ctx, c, "flags/apply", in)
}

// ImportFlags brings in the flags of another system, or says what that would do.
func (c *Client) ImportFlags(ctx context.Context, in api.ImportFlags) (api.FlagImport, error) {
	return post[api.FlagImport](ctx, c, "flags/import", in)
}

// SyncFlags writes an environment's flags to the platform's own system of flags, or says what that would do.
func (c *Client) SyncFlags(ctx context.Context, in api.SyncFlags) (api.FlagSync, error) {
	return post[api.FlagSync](ctx, c, "flags/sync", in)
}

// ExportFlags returns all flags of an environment (of all for "") as a file, or, with format flagd, as flagd's
// document.
func (c *Client) ExportFlags(ctx context.Context, environment, format string) (api.FlagExport, error) {
	return get[api.FlagExport](ctx, c, "flags/export", query("environment", environment, "format", format))
}

// StaleFlags returns a page of flags whose code may go.
func (c *Client) StaleFlags(ctx context.Context, cursor string, limit int) (api.FlagPage, error) {
	return get[api.FlagPage](ctx, c, "flags/stale", query("cursor", cursor, "limit", number(limit)))
}

// TryFlag evaluates a configuration, saved or not, for sample users.
func (c *Client) TryFlag(ctx context.Context, key, environment string, in api.TryFlag) (api.FlagTrial, error) {
	return post[api.FlagTrial](ctx, c, flagIn(key, environment)+"/try", in)
}

// FlagHistory returns a page of the revisions of what a flag does in an environment, newest first.
func (c *Client) FlagHistory(
	ctx context.Context, key, environment, cursor string, limit int,
) (api.FlagHistory, error) {
	return get[api.FlagHistory](ctx, c, flagIn(key, environment)+"/history",
		query("cursor", cursor, "limit", number(limit)))
}

// Segments returns the segments of an environment; all for "".
func (c *Client) Segments(ctx context.Context, environment string) ([]api.Segment, error) {
	return get[[]api.Segment](ctx, c, "segments", query("environment", environment))
}

// Segment returns a segment of an environment.
func (c *Client) Segment(ctx context.Context, key, environment string) (api.Segment, error) {
	return get[api.Segment](ctx, c, segmentIn(key, environment), nil)
}

// PutSegment makes or changes a segment. It is sent once.
func (c *Client) PutSegment(ctx context.Context, key, environment string, in api.PutSegment) (api.Segment, error) {
	return do[api.Segment](ctx, c, call{method: http.MethodPut, path: segmentIn(key, environment), body: in})
}

// DeleteSegment deletes a segment that no flag asks for, and returns what it was.
func (c *Client) DeleteSegment(ctx context.Context, key, environment, reason string) (api.Segment, error) {
	return do[api.Segment](ctx, c, call{method: http.MethodDelete, path: segmentIn(key, environment),
		query: query("reason", reason)})
}

// SegmentHistory returns a page of the revisions of a segment, newest first.
func (c *Client) SegmentHistory(
	ctx context.Context, key, environment, cursor string, limit int,
) (api.FlagHistory, error) {
	return get[api.FlagHistory](ctx, c, segmentIn(key, environment)+"/history",
		query("cursor", cursor, "limit", number(limit)))
}

// RevertSegment brings back what an earlier revision of a segment said; its list stays.
func (c *Client) RevertSegment(ctx context.Context, key, environment string, in api.RevertFlag) (api.Segment, error) {
	return post[api.Segment](ctx, c, segmentIn(key, environment)+"/revert", in)
}

// SegmentMembers returns a page of the users that a segment names.
func (c *Client) SegmentMembers(
	ctx context.Context, key, environment, cursor string, limit int,
) (api.MemberPage, error) {
	return get[api.MemberPage](ctx, c, segmentIn(key, environment)+"/members",
		query("cursor", cursor, "limit", number(limit)))
}

// ChangeSegmentMembers adds and removes users that a segment names.
func (c *Client) ChangeSegmentMembers(
	ctx context.Context, key, environment string, in api.SegmentMembers,
) (api.Segment, error) {
	return post[api.Segment](ctx, c, segmentIn(key, environment)+"/members", in)
}

// FlagKeys lists the keys with which programs evaluate flags, of one environment or of all for "".
func (c *Client) FlagKeys(ctx context.Context, environment string) ([]api.FlagKey, error) {
	return get[[]api.FlagKey](ctx, c, "flag-keys", query("environment", environment))
}

// CreateFlagKey makes a key. Its secret is in the answer and nowhere else.
func (c *Client) CreateFlagKey(ctx context.Context, in api.CreateFlagKey) (api.FlagKey, error) {
	return post[api.FlagKey](ctx, c, "flag-keys", in)
}

// RevokeFlagKey ends a key at once.
func (c *Client) RevokeFlagKey(ctx context.Context, id string) (api.FlagKey, error) {
	return post[api.FlagKey](ctx, c, "flag-keys/"+seg(id)+"/revoke", nil)
}

// FlagUsage returns what was seen of a flag in an environment in the last hours.
func (c *Client) FlagUsage(ctx context.Context, key, environment string, hours int) (api.FlagUsage, error) {
	return get[api.FlagUsage](ctx, c, flagIn(key, environment)+"/usage", query("hours", number(hours)))
}

// RampFlag starts a guarded ramp of a variant's share in an environment. The release that it returns is controlled like
// any other.
func (c *Client) RampFlag(ctx context.Context, key, environment string, in api.RampFlag) (api.Release, error) {
	return post[api.Release](ctx, c, flagIn(key, environment)+"/ramp", in)
}
