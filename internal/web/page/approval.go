package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// approvalLead says how many requests wait for the viewer.
func approvalLead(f Frame, all []api.Approval) string {
	switch {
	case len(all) == 0:
		return "Nothing waits for approval."
	case f.Waiting == 0:
		return plural(len(all), "request") + " open; none waits for you."
	case f.Waiting == 1:
		return "One request waits for you."
	}
	return count(f.Waiting) + " requests wait for you."
}

// approvalSentence is what the page of one request begins with.
func approvalSentence(f Frame, a api.Approval) string {
	if a.State == "open" {
		return "Open for " + coarse(f.Now.Sub(a.Opened)) + ". " + approvalSay(a)
	}
	return approvalSay(a)
}

// approvalEffect completes "when everybody has approved, …".
func approvalEffect(a api.Approval) string {
	if a.Kind == "flag" {
		return "programs in " + a.Environment + " evaluate by it."
	}
	if a.Kind == "rollback" {
		return a.Environment + " goes back to " + a.Version + " at once."
	}
	return a.Version + " goes on into " + a.Environment + "."
}

func voteMark(approve bool) mark {
	if approve {
		return mark{"done", "good", "Approved"}
	}
	return mark{"fail", "bad", "Rejected"}
}

// subjectPath is where the thing stands that an approval is about.
func subjectPath(kind, id string) string {
	switch kind {
	case "rollback":
		return to("rollbacks", id)
	case "flag":
		return query("/flag-drafts", "state", "all") + "#" + id
	}
	return to("releases", id)
}

// inOrderOf returns evidence by name as a person would order it: share-5 before share-10.
func inOrderOf(all []api.Evidence) []api.Evidence {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b api.Evidence) int { return cmp.Compare(numbered(a.Name), numbered(b.Name)) })
	return all
}

// numbered pads the numbers in a name, so that names sort by their value.
func numbered(name string) string {
	const width = 8
	var b strings.Builder
	digits := ""
	for _, c := range name + "\x00" {
		if c >= '0' && c <= '9' {
			digits += string(c)
			continue
		}
		if digits != "" {
			b.WriteString(strings.Repeat("0", max(width-len(digits), 0)) + digits)
			digits = ""
		}
		b.WriteRune(c)
	}
	return b.String()
}

// evidenceName writes a name such as canary/share-10 so that a narrow column can break it.
func evidenceName(name string) string {
	group, of, ok := strings.Cut(name, "/")
	share, isShare := strings.CutPrefix(of, "share-")
	switch {
	case isShare:
		return title(group) + " at " + share + "\u00a0%"
	case ok:
		return title(group) + ": " + human(of)
	}
	return title(name)
}
