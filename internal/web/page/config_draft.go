package page

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// ConfigView is what is shown of an environment's variables, with what was typed when a form is shown again.
type ConfigView struct {
	Config    api.Config
	Revisions api.ConfigPage
	Draft     api.ConfigDraft
	Deed      string // the form that is shown again: pull, rewrite or apply
	Reason    string
	Way       string
	Rebuild   bool
}

// reason is what was typed into a form that is shown again.
func (x ConfigView) reason(deed string) string {
	if x.Deed == deed {
		return x.Reason
	}
	return ""
}

// VariableFields are what is typed into the form of a variable. A value is put back where its kind is plain only.
type VariableFields struct{ Key, Value, Kind string }

// configDeed is a thing that can be done with all variables.
type configDeed struct {
	name, title, effect, undo string
	danger, primary           bool
}

// mayChange reports whether the viewer may change the variables.
func mayChange(c api.Config) bool { return len(c.Actions) > 0 }

func newestNumber(c api.Config) string {
	if c.Newest == nil {
		return "0"
	}
	return strconv.FormatInt(c.Newest.Number, 10)
}

func variablePath(environment, key string) string {
	path := to("config", environment, "variable")
	if key != "" {
		path += "?key=" + url.QueryEscape(key)
	}
	return path
}

func revisionNumber(n int64) string { return strconv.FormatInt(n, 10) }

func revisionPath(r api.ConfigRevision) string {
	return to("config", r.Environment, "revisions", strconv.FormatInt(r.Number, 10))
}

func undoEffect(c api.Config) string {
	return fmt.Sprintf("Revision %s is written again: %s.", newestNumber(c), plural(len(c.Drift), "change")+
		" by another hand go away")
}

func changeMark(what string) mark {
	switch what {
	case "added":
		return mark{"done", "good", "Added"}
	case "removed":
		return mark{"stop", "bad", "Removed"}
	case "kind":
		return mark{"now", "busy", "Kind"}
	}
	return mark{"now", "busy", "Changed"}
}

// changeKind says the kinds that a change is about.
func changeKind(c api.ConfigDifference) string {
	switch {
	case c.Old == nil:
		return c.New.Kind
	case c.New == nil || c.Old.Kind == c.New.Kind:
		return c.Old.Kind
	}
	return c.Old.Kind + ", then " + c.New.Kind
}

// shownValue is a value as people get it: of plain ones only.
func shownValue(v api.ConfigVariable) string {
	if v.Kind == "plain" {
		return v.Value
	}
	return "••••••"
}

func applyEffect(x ConfigView) string {
	words := fmt.Sprintf("It becomes revision %d and is written to %s on the platform.", x.Draft.Newest+1, x.Config.Place)
	return words + " What runs keeps the values of its build."
}

func variableOf(c api.Config, key string) *api.ConfigVariable {
	if c.Newest == nil || key == "" {
		return nil
	}
	for i, v := range c.Newest.Variables {
		if v.Key == key {
			return &c.Newest.Variables[i]
		}
	}
	return nil
}

func variableTitle(c api.Config, key string) string {
	if variableOf(c, key) == nil {
		return "Set a variable of " + c.Environment
	}
	return key
}

func variableLead(c api.Config, key string) string {
	v := variableOf(c, key)
	switch {
	case v == nil:
		return ""
	case v.Kind == "plain":
		return "Now: " + v.Value
	}
	return "It is " + hiddenWords(*v) + "."
}

func variableKinds(c api.Config, key string) []option {
	usual := "sensitive: the platform never tells it again, Slipway keeps a sealed copy"
	if c.Environment == "development" {
		usual = "encrypted: told by the platform to who may read it"
	}
	list := []option{{"", "As usual, " + usual}}
	if v := variableOf(c, key); v != nil {
		list[0] = option{"", "As it is: " + v.Kind}
	}
	list = append(list, option{"plain", "Plain: shown to everybody who may look"},
		option{"encrypted", "Encrypted: told by the platform to who may read it"})
	if c.Environment != "development" {
		list = append(list, option{"sensitive", "Sensitive: never told again by the platform"})
	}
	return list
}

func revisionTitle(r api.ConfigRevision) string {
	return fmt.Sprintf("Revision %d of %s", r.Number, r.Environment)
}

func revisionLead(r api.ConfigRevision) string {
	words := r.Author + ": " + r.Reason + "."
	if len(r.Deployments) > 0 {
		words += " Built with it: " + strings.Join(r.Deployments, ", ") + "."
	}
	if r.Why != "" {
		words += " Not written: " + r.Why
	}
	return words
}

func backWays() []option {
	return []option{{"auto", "Goes back to the deployment that was built with it where one is known good, by a rollback " +
		"that is approved as any other; else it is built again"},
		{"rebuild", "Is built again with it, to be released"}, {"write", "Stays as it is: the variables only"}}
}
