package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
)

// InEnvironment names an environment in the path.
type InEnvironment struct {
	Environment string `path:"environment" maxLength:"64" doc:"The environment."`
}

// NumberIn names a revision of an environment's variables.
type NumberIn struct {
	InEnvironment
	Number int64 `path:"number" minimum:"1" doc:"Number of the revision."`
}

type inEnvironment[T any] struct {
	InEnvironment
	Body T
}

// configOperations are about environment variables.
func (s *Server) configOperations(h huma.API) {
	const tag, path = "Configuration", "/config/{environment}"
	type page struct {
		InEnvironment
		Paged
	}
	type diff struct {
		InEnvironment
		From int64 `query:"from" minimum:"0" doc:"The older one; left out: the one before."`
		To   int64 `query:"to" minimum:"0" doc:"The newer one; left out: the newest."`
	}
	register(s, h, endpoint{
		ID: "list-configs", Method: http.MethodGet, Path: "/config", Tag: tag,
		Summary:    "Read the variables of every environment that the caller sees",
		About:      "Empty where no platform keeps variables for the application. Values are shown of plain ones only.",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, _ *none) ([]api.Config, error) {
		return s.Desk.Configs.Configs(ctx, who)
	})
	register(s, h, endpoint{
		ID: "get-config", Method: http.MethodGet, Path: path, Tag: tag,
		Summary: "Read an environment's variables, their drift and what is wrong", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *InEnvironment) (api.Config, error) {
		return s.Desk.Configs.Config(ctx, who, in.Environment)
	})
	register(s, h, endpoint{
		ID: "list-config-revisions", Method: http.MethodGet, Path: path + "/revisions", Tag: tag,
		Summary: "List the revisions of an environment's variables, newest first", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *page) (api.ConfigPage, error) {
		return s.Desk.Configs.Revisions(ctx, who, in.Environment, in.Cursor, in.Limit)
	})
	register(s, h, endpoint{
		ID: "get-config-revision", Method: http.MethodGet, Path: path + "/revisions/{number}", Tag: tag,
		Summary: "Read a revision with its variables", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *NumberIn) (api.ConfigRevision, error) {
		return s.Desk.Configs.Revision(ctx, who, in.Environment, in.Number)
	})
	register(s, h, endpoint{
		ID: "diff-config", Method: http.MethodGet, Path: path + "/diff", Tag: tag,
		Summary: "Say how two revisions differ", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *diff) (api.ConfigDiff, error) {
		return s.Desk.Configs.Diff(ctx, who, in.Environment, in.From, in.To)
	})
	s.configOrders(h, tag, path)
}

func (s *Server) configOrders(h huma.API, tag, path string) {
	s.configDrafts(h, tag, path+"/draft")
	register(s, h, endpoint{
		ID: "push-config", Method: http.MethodPost, Path: path + "/push", Tag: tag, Summary: "Change variables",
		About: "The whole set becomes a revision, which is written to the platform. What runs keeps the values of its " +
			"build: a change needs another build. It is refused where somebody changed variables on the platform meanwhile.",
		Permission: access.ManageDeployment, Secret: true,
	}, func(ctx context.Context, who access.Actor, in *inEnvironment[api.PushConfig]) (api.ConfigChange, error) {
		return s.Desk.Configs.Push(ctx, who, in.Environment, in.Body)
	})
	register(s, h, endpoint{
		ID: "pull-config", Method: http.MethodPost, Path: path + "/pull", Tag: tag,
		Summary: "Take over what the platform has as a revision",
		About: "Values that the platform tells are kept, sealed. It never tells sensitive ones: those can't be brought " +
			"back before somebody pushes them here.",
		Permission: access.ManageDeployment,
	}, func(ctx context.Context, who access.Actor, in *inEnvironment[api.PullConfig]) (api.ConfigChange, error) {
		return s.Desk.Configs.Pull(ctx, who, in.Environment, in.Body)
	})
	register(s, h, endpoint{
		ID: "rollback-config", Method: http.MethodPost, Path: path + "/rollback", Tag: tag,
		Summary: "Bring an older revision of the variables back",
		About: "They are written to the platform, and production is given back to the deployment that was built with them, " +
			"by a rollback that is approved as others are, or is built again.",
		Permission: access.ManageDeployment,
	}, func(ctx context.Context, who access.Actor, in *inEnvironment[api.BackConfig]) (api.ConfigChange, error) {
		return s.Desk.Configs.Back(ctx, who, in.Environment, in.Body)
	})
}

func (s *Server) configDrafts(h huma.API, tag, path string) {
	type seen struct {
		InEnvironment
		Seen string `query:"seen" maxLength:"64" doc:"Id of the draft that was seen: another one is not discarded."`
	}
	register(s, h, endpoint{
		ID: "get-config-draft", Method: http.MethodGet, Path: path, Tag: tag,
		Summary:    "Read what is gathered for the next revision, and what applying it changes",
		Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *InEnvironment) (api.ConfigDraft, error) {
		return s.Desk.Configs.Draft(ctx, who, in.Environment)
	})
	register(s, h, endpoint{
		ID: "edit-config-draft", Method: http.MethodPost, Path: path, Tag: tag,
		Summary: "Gather changes of variables for the next revision",
		About: "An environment has one draft, which everybody who may change its variables works at. Values are sealed at " +
			"once. Nothing is written to the platform.",
		Permission: access.ManageDeployment, Secret: true,
	}, func(ctx context.Context, who access.Actor, in *inEnvironment[api.EditConfigDraft]) (api.ConfigDraft, error) {
		return s.Desk.Configs.EditDraft(ctx, who, in.Environment, in.Body)
	})
	register(s, h, endpoint{
		ID: "discard-config-draft", Method: http.MethodDelete, Path: path, Tag: tag,
		Summary: "Let go of what was gathered, with its values", Permission: access.ManageDeployment,
	}, func(ctx context.Context, who access.Actor, in *seen) (api.ConfigDraft, error) {
		return s.Desk.Configs.DiscardDraft(ctx, who, in.Environment, in.Seen)
	})
	register(s, h, endpoint{
		ID: "apply-config-draft", Method: http.MethodPost, Path: path + "/apply", Tag: tag,
		Summary: "Make the draft that was seen the next revision and write it to the platform",
		About: "It is refused where the draft or the newest revision is another by now, and where somebody changed " +
			"variables on the platform meanwhile.",
		Permission: access.ManageDeployment,
	}, func(ctx context.Context, who access.Actor, in *inEnvironment[api.ApplyConfigDraft]) (api.ConfigChange, error) {
		return s.Desk.Configs.ApplyDraft(ctx, who, in.Environment, in.Body)
	})
}
