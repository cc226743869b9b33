package configuration

import (
	"cmp"
	"slices"
	"time"
)

// Target is the platform's name of the place whose variables an environment's builds get; false where it has none of
// its own.
func Target(environment string) (string, bool) {
	switch environment {
	case "production":
		return "production", true
	case "staging":
		return "preview", true
	case "development":
		return "development", true
	}
	return "", false
}

// Shared is a variable that the team shares with several projects. It is changed where the team keeps it, and never by
// Slipway; one of the project with its name hides it.
type Shared struct {
	ID      string    `json:"id"`
	Key     string    `json:"key"`
	Kind    Kind      `json:"kind"`
	By      string    `json:"by,omitempty"`
	Updated time.Time `json:"updated"`
}

// SharedOf returns what the team shares with a place, by key.
func SharedOf(found []Found, p Place) []Shared {
	out := []Shared{}
	for _, f := range Of(found, p) {
		out = append(out, Shared{ID: f.ID, Key: f.Key, Kind: f.Kind, By: f.By, Updated: f.Updated})
	}
	return out
}

// Takes marks shared variables as those that are known.
func Takes(list []Shared) map[string]Mark {
	out := map[string]Mark{}
	for _, s := range list {
		out[s.Key] = Mark{ID: s.ID, Updated: s.Updated}
	}
	return out
}

// SharedDrift says how shared variables differ from those that were known. Before they were looked at, nothing does.
func SharedDrift(taken map[string]Mark, list []Shared) []Difference {
	var out []Difference
	if taken == nil {
		return nil
	}
	there := map[string]bool{}
	for _, s := range list {
		there[s.Key] = true
		d := Difference{Key: s.Key, What: Changed, Mark: Mark{ID: s.ID, Updated: s.Updated}, By: s.By, Updated: s.Updated,
			Shared: true}
		m, known := taken[s.Key]
		if !known {
			d.What = Added
		}
		if !known || m.ID != s.ID || !m.Updated.Equal(s.Updated) {
			out = append(out, d)
		}
	}
	for key := range taken {
		if !there[key] {
			out = append(out, Difference{Key: key, What: Removed, Shared: true})
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

// Shares reports whether the team shares a variable of the name.
func (l Live) Shares(key string) bool {
	return slices.ContainsFunc(l.Shared, func(s Shared) bool { return s.Key == key })
}
