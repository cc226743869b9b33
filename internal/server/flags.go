package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk/flags"
)

// ByKey names a flag.
type ByKey struct {
	Key string `path:"key" maxLength:"128" doc:"Key of the flag."`
}

// Within names a flag, or a segment, in an environment.
type Within struct {
	Key         string `path:"key" maxLength:"128" doc:"Its key."`
	Environment string `path:"environment" maxLength:"64" doc:"The environment."`
}

type withKey[T any] struct {
	ByKey
	Body T
}

type within[T any] struct {
	Within
	Body T
}

const (
	flagTag    = "Flags"
	flagPath   = "/flags/{key}"
	configPath = "/flags/{key}/environments/{environment}"
)

func (s *Server) flagOperations(h huma.API) {
	type query struct {
		Paged
		Text        string `query:"q" maxLength:"128" doc:"Only those with this in key, description or owner."`
		Tag         string `query:"tag" maxLength:"64" doc:"Only those with this tag."`
		State       string `query:"state" enum:"on,off,ramping,stale,archived" doc:"Archived ones are in no other list."`
		Environment string `query:"environment" maxLength:"64" doc:"Where the state is asked; left out: anywhere."`
	}
	register(s, h, endpoint{
		ID: "list-flags", Method: http.MethodGet, Path: "/flags", Tag: flagTag, Summary: "List feature flags by key",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) (api.FlagPage, error) {
		return s.Desk.Flags.Flags(ctx, who, flags.Query{
			Text: in.Text, Tag: in.Tag, State: in.State, Environment: in.Environment, Cursor: in.Cursor, Limit: in.Limit,
		})
	})
	register(s, h, endpoint{
		ID: "create-flag", Method: http.MethodPost, Path: "/flags", Tag: flagTag, Summary: "Create a feature flag",
		About:      "It starts off, but on in environments whose strategy says flags: on.",
		Permission: access.EditFlag, Status: http.StatusCreated,
	}, func(ctx context.Context, who access.Actor, in *struct{ Body api.CreateFlag }) (api.Flag, error) {
		return s.Desk.Flags.Create(ctx, who, in.Body)
	})
	register(s, h, endpoint{
		ID: "get-flag", Method: http.MethodGet, Path: flagPath, Tag: flagTag,
		Summary: "Read a flag with what it does in each environment", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *ByKey) (api.Flag, error) {
		return s.Desk.Flags.Flag(ctx, who, in.Key)
	})
	register(s, h, endpoint{
		ID: "change-flag", Method: http.MethodPatch, Path: flagPath, Tag: flagTag, Summary: "Change what a flag is",
		About:      "What is left out stays. Variants, bucketing and client need the permission wherever the flag is on.",
		Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *withKey[api.ChangeFlag]) (api.Flag, error) {
		return s.Desk.Flags.Change(ctx, who, in.Key, in.Body)
	})
	for _, away := range []bool{true, false} {
		e := endpoint{ID: "archive-flag", Method: http.MethodPost, Path: flagPath + "/archive", Tag: flagTag,
			Summary: "Archive a flag: no program gets it any more", Permission: access.EditFlag}
		if !away {
			e.ID, e.Path = "restore-flag", flagPath+"/restore"
			e.Summary = "Bring an archived flag back as it was, but off where turning it on needs approval"
		}
		register(s, h, e, func(ctx context.Context, who access.Actor, in *withKey[api.ArchiveFlag]) (api.Flag, error) {
			return s.Desk.Flags.Archive(ctx, who, in.Key, in.Body.Reason, away)
		})
	}
	register(s, h, endpoint{
		ID: "promote-flag", Method: http.MethodPost, Path: flagPath + "/promote", Tag: flagTag,
		Summary:    "Copy what a flag serves to another environment",
		About:      "Whether it is on there stays. With dry_run the answer only says what would change and what is missing.",
		Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *withKey[api.PromoteFlag]) (api.FlagChange, error) {
		return s.Desk.Flags.Promote(ctx, who, in.Key, in.Body)
	})
	s.flagConfigOperations(h)
	s.rampOperations(h)
	s.segmentOperations(h)
	s.segmentHistoryOperations(h)
	s.flagKeyOperations(h)
	s.draftOperations(h)
	s.flagFileOperations(h)
	s.flagImportOperations(h)
	s.flagSyncOperations(h)
}

// draftOperations are about changes that wait.
func (s *Server) draftOperations(h huma.API) {
	type query struct {
		Paged
		Environment string `query:"environment" maxLength:"64" doc:"Only those of this environment."`
		Flag        string `query:"flag" maxLength:"128" doc:"Only those of this flag."`
		State       string `query:"state" enum:"open,waiting,scheduled,applied,refused,discarded,failed" doc:"open: waiting or scheduled."`
	}
	register(s, h, endpoint{
		ID: "list-flag-drafts", Method: http.MethodGet, Path: "/flag-drafts", Tag: flagTag,
		Summary: "List changes of flags and segments that wait, or waited, newest first", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) (api.FlagDraftPage, error) {
		return s.Desk.Flags.Drafts(ctx, who, flags.DraftQuery{
			Environment: in.Environment, Flag: in.Flag, State: in.State, Cursor: in.Cursor, Limit: in.Limit,
		})
	})
	register(s, h, endpoint{
		ID: "get-flag-draft", Method: http.MethodGet, Path: "/flag-drafts/{id}", Tag: flagTag,
		Summary: "Read a change that waits, with what it changes", About: "It is the subject of its approval request.",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *ByID) (api.FlagDraft, error) {
		return s.Desk.Flags.Draft(ctx, who, in.ID)
	})
	register(s, h, endpoint{
		ID: "discard-flag-draft", Method: http.MethodPost, Path: "/flag-drafts/{id}/discard", Tag: flagTag,
		Summary: "Take a change back that waits", About: "Its author may, and whoever has flag:edit in the environment.",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *withID[api.DiscardDraft]) (api.FlagDraft, error) {
		return s.Desk.Flags.Discard(ctx, who, in.ID, in.Body.Reason)
	})
}

// flagConfigOperations are about what a flag does in one environment.
func (s *Server) flagConfigOperations(h huma.API) {
	register(s, h, endpoint{
		ID: "get-flag-config", Method: http.MethodGet, Path: configPath, Tag: flagTag,
		Summary: "Read what a flag does in an environment", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *Within) (api.FlagConfig, error) {
		return s.Desk.Flags.Config(ctx, who, in.Key, in.Environment)
	})
	register(s, h, endpoint{
		ID: "put-flag-config", Method: http.MethodPut, Path: configPath, Tag: flagTag,
		Summary: "Say what a flag does in an environment, as a whole",
		About: "The revision is that of what was seen: when somebody was faster, the answer is a conflict that says who " +
			"changed what. On and off need flag:switch.",
		Permission: access.EditFlag, Or: access.SwitchFlag,
	}, func(ctx context.Context, who access.Actor, in *within[api.PutFlagConfig]) (api.FlagChange, error) {
		return s.Desk.Flags.Put(ctx, who, in.Key, in.Environment, in.Body)
	})
	for _, on := range []bool{true, false} {
		e := endpoint{ID: "turn-flag-on", Method: http.MethodPost, Path: configPath + "/on", Tag: flagTag,
			Summary: "Turn a flag on in an environment", Permission: access.SwitchFlag}
		if !on {
			e.ID, e.Path, e.Summary = "turn-flag-off", configPath+"/off", "Turn a flag off in an environment: the kill switch"
			e.About = "In production it needs a reason. It is possible while a release raises the flag, too."
		}
		register(s, h, e, func(ctx context.Context, who access.Actor, in *within[api.SwitchFlag]) (api.FlagChange, error) {
			return s.Desk.Flags.Switch(ctx, who, in.Key, in.Environment, on, in.Body)
		})
	}
	register(s, h, endpoint{
		ID: "roll-out-flag", Method: http.MethodPost, Path: configPath + "/rollout", Tag: flagTag,
		Summary:    "Set the share of users, whom no rule serves, that get a variant",
		About:      "Whoever has the variant keeps it while the share rises.",
		Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *within[api.RolloutFlag]) (api.FlagChange, error) {
		return s.Desk.Flags.Rollout(ctx, who, in.Key, in.Environment, in.Body)
	})
	register(s, h, endpoint{
		ID: "revert-flag", Method: http.MethodPost, Path: configPath + "/revert", Tag: flagTag,
		Summary: "Bring back what an earlier revision said, as a new one", Permission: access.EditFlag, Or: access.SwitchFlag,
	}, func(ctx context.Context, who access.Actor, in *within[api.RevertFlag]) (api.FlagChange, error) {
		return s.Desk.Flags.Revert(ctx, who, in.Key, in.Environment, in.Body)
	})
	register(s, h, endpoint{
		ID: "schedule-flag", Method: http.MethodPost, Path: configPath + "/schedule", Tag: flagTag,
		Summary: "Have a change of a flag made at a time, or after a release",
		About: "It waits as a draft, and is made once, under the name of who asked for it: at the time, or when the " +
			"release has succeeded in the environment. On and off need flag:switch.",
		Permission: access.EditFlag, Or: access.SwitchFlag,
	}, func(ctx context.Context, who access.Actor, in *within[api.ScheduleFlag]) (api.FlagChange, error) {
		return s.Desk.Flags.Schedule(ctx, who, in.Key, in.Environment, in.Body)
	})
	register(s, h, endpoint{
		ID: "try-flag", Method: http.MethodPost, Path: configPath + "/try", Tag: flagTag,
		Summary: "Evaluate a configuration, saved or not, for sample users, with the rule that served each",
		About: "Nothing is changed and nothing is counted. A configuration that is not saved can ask for any segment: it " +
			"needs flag:edit.", Permission: access.ViewEnvironment, Replays: true,
	}, func(ctx context.Context, who access.Actor, in *within[api.TryFlag]) (api.FlagTrial, error) {
		return s.Desk.Flags.Try(ctx, who, in.Key, in.Environment, in.Body)
	})
	type history struct {
		Within
		Paged
	}
	register(s, h, endpoint{
		ID: "list-flag-history", Method: http.MethodGet, Path: configPath + "/history", Tag: flagTag,
		Summary:    "List the revisions of what a flag does in an environment, newest first",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *history) (api.FlagHistory, error) {
		return s.Desk.Flags.History(ctx, who, in.Key, in.Environment, in.Cursor, in.Limit)
	})
}

func (s *Server) rampOperations(h huma.API) {
	register(s, h, endpoint{
		ID: "ramp-flag", Method: http.MethodPost, Path: configPath + "/ramp", Tag: flagTag,
		Summary: "Raise the share of a variant step by step, under the guard",
		About: "The answer is a release whose lever is the flag: the guard compares the users of both variants, goes on " +
			"when the evidence permits it, and takes the share back when the variant is worse. It is paused, resumed, " +
			"promoted and aborted like any release. Turning the flag off ends it.",
		Permission: access.EditFlag, Status: http.StatusCreated,
	}, func(ctx context.Context, who access.Actor, in *within[api.RampFlag]) (api.Release, error) {
		return s.Desk.StartRamp(ctx, who, in.Key, in.Environment, in.Body)
	})
}

func (s *Server) segmentOperations(h huma.API) {
	const path = "/segments/{key}/environments/{environment}"
	type query struct {
		Environment string `query:"environment" maxLength:"64" doc:"Only those of this environment."`
	}
	register(s, h, endpoint{
		ID: "list-segments", Method: http.MethodGet, Path: "/segments", Tag: flagTag,
		Summary: "List segments, with the flags that use them", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) ([]api.Segment, error) {
		return s.Desk.Flags.Segments(ctx, who, in.Environment)
	})
	register(s, h, endpoint{
		ID: "get-segment", Method: http.MethodGet, Path: path, Tag: flagTag, Summary: "Read a segment of an environment",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *Within) (api.Segment, error) {
		return s.Desk.Flags.Segment(ctx, who, in.Key, in.Environment)
	})
	register(s, h, endpoint{
		ID: "put-segment", Method: http.MethodPut, Path: path, Tag: flagTag, Summary: "Make or change a segment",
		About: "Its members are changed by an operation of their own.", Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *within[api.PutSegment]) (api.Segment, error) {
		return s.Desk.Flags.PutSegment(ctx, who, in.Key, in.Environment, in.Body)
	})
	type gone struct {
		Within
		Reason string `query:"reason" maxLength:"1000" doc:"Why it goes."`
	}
	register(s, h, endpoint{
		ID: "delete-segment", Method: http.MethodDelete, Path: path, Tag: flagTag, Summary: "Delete a segment",
		About: "It is refused while a flag asks for it. The answer is what it was.", Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *gone) (api.Segment, error) {
		return s.Desk.Flags.DeleteSegment(ctx, who, in.Key, in.Environment, in.Reason)
	})
	type members struct {
		Within
		Cursor string `query:"cursor" maxLength:"1024" doc:"next of the page before."`
		Limit  int    `query:"limit" minimum:"0" maximum:"10000" doc:"1,000 when it is left out."`
	}
	register(s, h, endpoint{
		ID: "list-segment-members", Method: http.MethodGet, Path: path + "/members", Tag: flagTag,
		Summary: "List the users that a segment names", Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *members) (api.MemberPage, error) {
		return s.Desk.Flags.Members(ctx, who, in.Key, in.Environment, in.Cursor, in.Limit)
	})
	register(s, h, endpoint{
		ID: "change-segment-members", Method: http.MethodPost, Path: path + "/members", Tag: flagTag,
		Summary:    "Add and remove users that a segment names",
		About:      "Long lists come in parts; with replace the list becomes exactly what is added.",
		Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *within[api.SegmentMembers]) (api.Segment, error) {
		return s.Desk.Flags.ChangeMembers(ctx, who, in.Key, in.Environment, in.Body)
	})
}

func (s *Server) segmentHistoryOperations(h huma.API) {
	const path = "/segments/{key}/environments/{environment}"
	type history struct {
		Within
		Paged
	}
	register(s, h, endpoint{
		ID: "list-segment-history", Method: http.MethodGet, Path: path + "/history", Tag: flagTag,
		Summary: "List the revisions of a segment, newest first", About: "Of its members only the number is in them.",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *history) (api.FlagHistory, error) {
		return s.Desk.Flags.SegmentHistory(ctx, who, in.Key, in.Environment, in.Cursor, in.Limit)
	})
	register(s, h, endpoint{
		ID: "revert-segment", Method: http.MethodPost, Path: path + "/revert", Tag: flagTag,
		Summary:    "Bring back what an earlier revision of a segment said, as a new one",
		About:      "Its list stays as it is: revisions count who was named, and do not name them.",
		Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *within[api.RevertFlag]) (api.Segment, error) {
		return s.Desk.Flags.RevertSegment(ctx, who, in.Key, in.Environment, in.Body)
	})
}

func (s *Server) flagKeyOperations(h huma.API) {
	type query struct {
		Environment string `query:"environment" maxLength:"64" doc:"Only those of this environment."`
	}
	register(s, h, endpoint{
		ID: "list-flag-keys", Method: http.MethodGet, Path: "/flag-keys", Tag: flagTag,
		Summary: "List the keys with which programs evaluate flags", Permission: access.ManageFlagKeys,
	}, func(ctx context.Context, who access.Actor, in *query) ([]api.FlagKey, error) {
		return s.Desk.Flags.Keys(ctx, who, in.Environment)
	})
	register(s, h, endpoint{
		ID: "create-flag-key", Method: http.MethodPost, Path: "/flag-keys", Tag: flagTag,
		Summary: "Make a key with which programs evaluate the flags of an environment",
		About: "The secret is in this answer and nowhere else. A public key may stand in a page: it evaluates the flags " +
			"that say client, and sees no rules.",
		Permission: access.ManageFlagKeys, Status: http.StatusCreated, Secret: true,
	}, func(ctx context.Context, who access.Actor, in *with[api.CreateFlagKey]) (api.FlagKey, error) {
		return s.Desk.Flags.CreateKey(ctx, who, in.Body)
	})
	register(s, h, endpoint{
		ID: "revoke-flag-key", Method: http.MethodPost, Path: "/flag-keys/{id}/revoke", Tag: flagTag,
		Summary: "End a key at once", About: "Every node refuses it within a second, and its event streams end.",
		Permission: access.ManageFlagKeys,
	}, func(ctx context.Context, who access.Actor, in *ByID) (api.FlagKey, error) {
		return s.Desk.Flags.RevokeKey(ctx, who, in.ID)
	})
	type usage struct {
		Within
		Hours int `query:"hours" minimum:"1" maximum:"9600" default:"1" doc:"How far back, in minutes up to 6 hours."`
	}
	register(s, h, endpoint{
		ID: "get-flag-usage", Method: http.MethodGet, Path: configPath + "/usage", Tag: flagTag,
		Summary:    "Read how often each variant was served, shown and seen to fail",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *usage) (api.FlagUsage, error) {
		return s.Desk.Flags.Usage(ctx, who, in.Key, in.Environment, in.Hours)
	})
}
