package event

import "strings"

// Who is an actor of the log as people read it, everywhere the same: "ada", "ada (token ci)", "Slipway's guard". The
// raw form, such as token:ada/ci, is for programs.
func Who(actor string) string {
	kind, name, _ := strings.Cut(actor, ":")
	switch kind {
	case "user":
		return name
	case "token":
		if owner, token, ok := strings.Cut(name, "/"); ok {
			return owner + " (token " + token + ")"
		}
		return "token " + name
	case "workload":
		return name + " (workload)"
	case "system":
		return "Slipway's " + name
	}
	return actor
}

// ActorOf is the raw form of an actor that is named as [Who] says it, or raw already.
func ActorOf(who string) string {
	if kind, _, ok := strings.Cut(who, ":"); ok && kind != "" && !strings.ContainsAny(kind, " ('") || who == "" {
		return who
	}
	if name, ok := strings.CutPrefix(who, "Slipway's "); ok {
		return "system:" + name
	}
	if name, ok := strings.CutPrefix(who, "token "); ok {
		return "token:" + name
	}
	if name, ok := strings.CutSuffix(who, " (workload)"); ok {
		return "workload:" + name
	}
	if owner, rest, ok := strings.Cut(who, " (token "); ok && strings.HasSuffix(rest, ")") {
		return "token:" + owner + "/" + strings.TrimSuffix(rest, ")")
	}
	return "user:" + who
}
