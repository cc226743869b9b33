package page

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

func configsLead(all []api.Config) string {
	wrong := 0
	for _, c := range all {
		if c.Trouble {
			wrong++
		}
	}
	switch {
	case len(all) == 0:
		return "No platform keeps variables for this application."
	case wrong == 0:
		return "The platform has every environment’s newest revision."
	}
	return plural(wrong, "environment") + " in trouble."
}

func configMark(c api.Config) mark {
	switch {
	case c.Trouble:
		return mark{"alert", "bad", "In trouble"}
	case c.Newest == nil:
		return mark{"none", "quiet", "Not looked at yet"}
	case c.Newest.State == "waiting":
		return mark{"now", "busy", "Being written"}
	}
	return mark{"done", "good", "As wanted"}
}

func revisionMark(r api.ConfigRevision) mark {
	switch r.State {
	case "waiting":
		return mark{"now", "busy", "Being written"}
	case "failed":
		return mark{"fail", "bad", "Not written"}
	case "replaced":
		return mark{"skip", "quiet", "Replaced"}
	}
	return mark{"done", "good", "Written"}
}

func driftWords(d api.ConfigDrift) string {
	what := map[string]string{"added": "was added", "changed": "has another value", "kind": "is of another kind",
		"removed": "is gone"}[d.What]
	if d.Shared {
		what += " among what the team shares"
	}
	if d.By != "" {
		what += ", by " + d.By
	}
	return what + "."
}

// heldIcon says whether the value can be written again.
func heldIcon(v api.ConfigVariable) string {
	if v.Held {
		return "done"
	}
	return "question"
}

func hiddenWords(v api.ConfigVariable) string {
	words := v.Kind
	if !v.Held {
		words += "; only the platform knows it, so it can’t be brought back"
	}
	if v.By == "unknown" {
		return words
	}
	return words + "; set by " + v.By
}

func revisionName(r api.ConfigRevision) string {
	if r.From > 0 {
		return fmt.Sprintf("%d, which is %d again", r.Number, r.From)
	}
	return fmt.Sprint(r.Number)
}

func revisionWords(r api.ConfigRevision) string {
	words := r.Author + ": " + r.Reason + ". " + r.Sentence
	if r.Why != "" {
		words += " Not written: " + r.Why
	}
	if len(r.Deployments) > 0 {
		words += " Built with it: " + strings.Join(r.Deployments, ", ") + "."
	}
	return words
}

func sharedWords(s api.ConfigShared) string {
	words := s.Kind
	if s.By != "" {
		words += ", by " + s.By
	}
	if s.Hidden {
		words += ": hidden by the project’s own of this name"
	}
	return words
}
