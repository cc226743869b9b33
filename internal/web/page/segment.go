package page

import (
	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

// segmentsLead counts segments.
func segmentsLead(all []api.Segment) string {
	if len(all) == 0 {
		return "No segment yet."
	}
	unused := 0
	for _, s := range all {
		if len(s.Uses) == 0 {
			unused++
		}
	}
	lead := plural(len(all), "segment")
	if unused > 0 {
		lead += "; no flag asks for " + count(unused) + " of them"
	}
	return lead + "."
}

// segmentEditLead is the first sentence of a segment's editor.
func segmentEditLead(f ruleform.Segment, theirs *api.Segment) string {
	switch {
	case theirs != nil:
		return "Somebody changed it while you were editing. Nothing was saved."
	case f.Revision == 0:
		return "Which users belong together?"
	}
	return "Every flag that asks for it here follows at once."
}

// segmentUses says who is affected by a change.
func segmentUses(s api.Segment) string {
	switch len(s.Uses) {
	case 0:
		return "No flag asks for it here."
	case 1:
		return "1 flag asks for it here and follows at once."
	}
	return count(len(s.Uses)) + " flags ask for it here and follow at once."
}

// segmentKind names what is edited: a new one has its key in the form.
func segmentName(f ruleform.Segment) string {
	if f.Revision == 0 {
		return "Make a segment"
	}
	return f.Key
}

// memberLine says how much of the list is shown.
func memberLine(s api.Segment, shown []string) string {
	if len(shown) < s.Listed {
		return "The first " + count(len(shown)) + " of " + count(s.Listed) + "."
	}
	return "All " + count(s.Listed) + "."
}
