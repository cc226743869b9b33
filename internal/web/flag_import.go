package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/web/page"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

const (
	importPath = "/flag-import"
	maxImport  = 8 << 20 // larger exports go through the API or the command line
)

// flagImport is the form that brings in the flags of another system.
func (s *Web) flagImport(v *visit) error {
	if !v.who.MayAnywhere(access.EditFlag) {
		return v.who.Check(access.EditFlag, access.Everywhere)
	}
	return v.show(page.FlagImport(v.frame, page.ImportFields{Connected: s.Desk.Flags.Live != nil}, nil, s.editable(v)))
}

// flagImported shows what an import would do, and does it when that was seen and is still so.
func (s *Web) flagImported(v *visit) error {
	in := page.ImportFields{Source: v.value("source"), Export: v.value("export"), Environment: v.value("environment"),
		Rename: v.value("rename"), Only: v.value("only") == "true", Reason: v.value("reason"),
		TurnOn: v.value("turn_on") == "true", Live: v.value("live") == "true", Connected: s.Desk.Flags.Live != nil}
	plan, err := s.imported(v, &in)
	if err != nil {
		return v.render(v.refused(err), page.FlagImport(v.frame, in, plan, s.editable(v)))
	}
	switch waits := slices.ContainsFunc(plan.Plan.Steps, func(x api.FlagStep) bool { return x.Draft != "" }); {
	case v.value("do") != "apply":
		return v.show(page.FlagImport(v.frame, in, plan, s.editable(v)))
	case waits:
		return v.done("/flag-drafts", "flag-draft")
	}
	return v.done("/flags", "flag-import")
}

func (s *Web) imported(v *visit, in *page.ImportFields) (*api.FlagImport, error) {
	err := v.uploaded(in)
	names, bad := ruleform.Names(in.Rename)
	if err == nil {
		err = complain(bad)
	}
	if err != nil {
		return nil, err
	}
	send := api.ImportFlags{Source: in.Source, Export: json.RawMessage(in.Export), Live: in.Live,
		Environment: in.Environment, Only: in.Only, Reason: in.Reason, TurnOn: in.TurnOn, Environments: names, DryRun: true}
	plan, err := s.Desk.Flags.Import(v.r.Context(), v.who, send)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	in.Seen = hex.EncodeToString(sum[:])
	if v.value("do") != "apply" {
		return &plan, nil
	}
	if v.value("seen") != in.Seen {
		return &plan, fault.New(fault.Conflict, "plan_changed",
			"What it would do has changed since you looked. Look again, below, then bring them in.")
	}
	send.DryRun = false
	done, err := s.Desk.Flags.Import(v.r.Context(), v.who, send)
	if err != nil {
		return &plan, err
	}
	for _, step := range done.Plan.Steps {
		if step.Problem != "" {
			in.Seen = "" // look again, before going on
			return &done, fault.New(fault.Refused, "flags_not_applied", "%s was not done, nor what follows: %s",
				step.Name(), step.Problem)
		}
	}
	return &done, nil
}

// uploaded takes the file, where one was sent, in place of what was pasted.
func (v *visit) uploaded(in *page.ImportFields) error {
	if v.r.MultipartForm != nil && len(v.r.MultipartForm.File["file"]) > 0 {
		f, err := v.r.MultipartForm.File["file"][0].Open()
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it is only read
		text, err := io.ReadAll(io.LimitReader(f, maxImport))
		if err != nil {
			return err
		}
		if len(text) > 0 {
			in.Export = string(text)
		}
	}
	if in.Live {
		in.Export = "" // what is there now is asked, also of who pasted something
		return nil
	}
	return complain(ruleform.Export(in.Export))
}
