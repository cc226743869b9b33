package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk/flags"
)

// flagFileOperations are about many flags at once.
func (s *Server) flagFileOperations(h huma.API) {
	register(s, h, endpoint{
		ID: "list-stale-flags", Method: http.MethodGet, Path: "/flags/stale", Tag: flagTag,
		Summary: "List flags whose code may go, and why", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *Paged) (api.FlagPage, error) {
		return s.Desk.Flags.Flags(ctx, who, flags.Query{State: "stale", Cursor: in.Cursor, Limit: in.Limit})
	})
	type query struct {
		Environment string `query:"environment" maxLength:"64" doc:"Only this one; flagd's format needs it."`
		Format      string `query:"format" enum:"file,flagd" default:"file" doc:"flagd: with the members of segments, so it needs flag:edit."`
	}
	register(s, h, endpoint{
		ID: "export-flags", Method: http.MethodGet, Path: "/flags/export", Tag: flagTag,
		Summary: "Read all flags as a file that can be applied, or in flagd's format", Permission: access.ViewEnvironment,
	}, func(ctx context.Context, who access.Actor, in *query) (api.FlagExport, error) {
		if in.Format == "flagd" {
			doc, err := s.Desk.Flags.Document(ctx, who, in.Environment)
			return api.FlagExport{Document: doc}, err
		}
		file, err := s.Desk.Flags.Export(ctx, who, in.Environment)
		return api.FlagExport{File: &file}, err
	})
	register(s, h, endpoint{
		ID: "apply-flags", Method: http.MethodPost, Path: "/flags/apply", Tag: flagTag,
		Summary: "Make flags and segments as a file says",
		About: "The file is checked as a whole before anything is done. Every step is a change of its own, and waits for " +
			"approval where its environment asks for that. With dry_run the answer is the drift between file and server.",
		Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *struct{ Body api.ApplyFlags }) (api.FlagPlan, error) {
		return s.Desk.Flags.Apply(ctx, who, in.Body)
	})
}

// flagImportOperations bring flags in.
func (s *Server) flagImportOperations(h huma.API) {
	register(s, h, endpoint{
		ID: "import-flags", Method: http.MethodPost, Path: "/flags/import", Tag: flagTag,
		Summary: "Bring in the flags of another system",
		About: "What could not be said alike is in the remarks, and comes in switched off. With dry_run nothing is " +
			"changed. An empty source is guessed from the export.",
		Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *struct{ Body api.ImportFlags }) (api.FlagImport, error) {
		return s.Desk.Flags.Import(ctx, who, in.Body)
	})
}

// flagSyncOperations write flags to the platform's own system of flags.
func (s *Server) flagSyncOperations(h huma.API) {
	register(s, h, endpoint{
		ID: "sync-flags", Method: http.MethodPost, Path: "/flags/sync", Tag: flagTag,
		Summary: "Write flags, one way, to Vercel Flags",
		About: "What cannot be said alike there is not written, and named with its reason and its remedy. With dry_run the " +
			"answer is the plan; sent back as shown, a flag that anybody changed since then is refused by its name. Nothing " +
			"that is only there is ever deleted.",
		Permission: access.EditFlag,
	}, func(ctx context.Context, who access.Actor, in *struct{ Body api.SyncFlags }) (api.FlagSync, error) {
		return s.Desk.Flags.Sync(ctx, who, in.Body)
	})
}

// maxFile bounds bodies that hold many flags, or many members of a segment.
const maxFile = 16 << 20

// holdsMany reports whether a request may be as large as that.
func holdsMany(r *http.Request) bool {
	path := strings.TrimPrefix(r.URL.Path, "/api/v1")
	return path == "/flags/apply" || path == "/flags/import" ||
		strings.HasPrefix(path, "/segments/") && strings.HasSuffix(path, "/members")
}
