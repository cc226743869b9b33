package slipway_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule is what one room is held to.
type rule struct {
	pure  bool     // no I/O, no clock, no goroutine
	but   []string // packages of the world that a pure room may import all the same
	may   []string // the rooms of this house that it may import
	goes  int      // how many go statements it may have
	lines int      // its own ceiling where the common one does not fit; the reason stands beside it
	fan   int      // likewise for how many rooms it may import
}

const (
	maxRoom = 2500
	maxFan  = 14
)

// nouns are the pure rooms that the machinery may all speak of.
var nouns = []string{
	"access", "approval", "bucket", "calendar", "checklist", "configuration", "deployment", "effect", "event", "fault",
	"flag", "guard", "ident", "incident", "judge", "metric", "probe", "release", "rollback",
}

// table is the house: every room with what it may import. A room that is missing
// here fails the test, so that a new one is put in its place on purpose.
var table = map[string]rule{
	".":           {},
	"api":         {pure: true},
	"client":      {may: []string{"api"}},
	"openfeature": {may: []string{"api", "fault", "flag", "flagset/follow"}, goes: 1},
	"cmd/slipway": {may: []string{"api", "app", "cli", "client", "demo", "fault"}, goes: 1},

	// The domain.
	"fault":         {pure: true},
	"ident":         {pure: true},
	"bucket":        {pure: true},
	"event":         {pure: true},
	"calendar":      {pure: true},
	"deployment":    {pure: true},
	"configuration": {pure: true, may: []string{"fault"}},
	"checklist":     {pure: true},
	"effect":        {pure: true},
	"incident":      {pure: true, may: []string{"effect", "event", "guard"}},
	"probe":         {pure: true, but: []string{"net/textproto"}}, // the names of headers
	"plot":          {pure: true},
	"flag":          {pure: true, lines: 2550, may: []string{"bucket", "fault", "flag/logic"}}, // the noun, all parts
	"flag/logic": {
		pure: true, may: []string{"bucket", "fault"},
		lines: 3500, // one language: its operators share JavaScript's values and coercions
	},
	"flag/words": {pure: true, may: []string{"flag"}},
	"flag/foreign": {
		pure: true, may: []string{"fault", "flag"}, lines: 3900, // one file for each system: all share one report
	},
	"flag/mirror": {pure: true, may: []string{"flag"}},
	"flag/code":   {pure: true, may: []string{"fault", "flag", "strategy/document"}},
	"flag/scan":   {pure: true, may: []string{"fault"}}, // it reads the tree that it is given
	"access":      {pure: true, may: []string{"fault"}},
	"approval":    {pure: true, may: []string{"fault"}},
	"judge": {
		pure: true, may: []string{"fault", "judge/burst", "judge/num"},
		lines: 3880, // the evidence of one comparison is one bounded state: it can't be divided among rooms
	},
	"judge/num":         {pure: true},
	"judge/burst":       {pure: true, may: []string{"judge/num"}},
	"judge/anytime":     {pure: true, may: []string{"judge/num"}},
	"judge/contest":     {may: []string{"judge", "judge/anytime", "sim/traffic"}, goes: 1},
	"judge/contest/cmd": {may: []string{"judge/contest"}},
	// Draws docs/judge.md; a command beside the other, so that nothing that runs in a product imports it.
	"judge/contest/picture": {may: []string{"judge", "judge/contest", "plot", "sim/traffic"}},
	"judge/stream":          {may: []string{"fault", "judge"}},
	"sim/traffic":           {pure: true, may: []string{"judge"}},
	"metric":                {pure: true, may: []string{"bucket", "judge", "fault"}},
	"guard/past":            {pure: true, may: []string{"metric"}},
	"guard": {
		pure: true, may: []string{"guard/past", "judge", "judge/anytime", "metric", "fault"},
		lines: 3300, // what the rules say of each other is decided in one place, over one pass
	},
	"guard/record":      {pure: true, may: []string{"fault", "guard", "judge", "metric"}},
	"metric/prometheus": {may: []string{"fault", "judge", "metric"}},
	"metric/intake":     {may: []string{"fault", "judge", "metric"}},
	"metric/otlp":       {may: []string{"fault", "judge", "metric", "metric/intake"}},
	"metric/drain":      {may: []string{"bucket", "fault", "metric"}},
	"hook": {may: []string{
		"fault", "github", "metric/drain", "metric/intake", "metric/otlp", "store", "vercel"}},
	"metric/observability": {may: []string{"fault", "vercel"}},
	"metric/metrictest":    {may: []string{"metric"}},
	"sim/world": {pure: true, may: []string{
		"approval", "checklist", "effect", "guard", "judge", "metric", "release"}},
	"simulate": {may: []string{
		"checklist", "fault", "judge", "judge/stream", "plot", "release", "sim/traffic", "sim/world", "strategy/document"},
		goes: 1},
	"release": {
		pure: true,
		may:  []string{"approval", "checklist", "deployment", "effect", "event", "fault", "guard", "incident", "judge"},
	},
	"verdict":  {pure: true, may: []string{"api", "guard", "judge", "metric", "release"}},
	"rollback": {pure: true, may: []string{"approval", "deployment", "effect", "event", "fault", "guard"}},
	"strategy": {
		// One file is checked as a whole, so that everything wrong is said at once, with its place.
		lines: 3400, pure: true,
		but: []string{"net", "os"}, // it opens the file and the folder it is given, and splits addresses
		may: []string{
			"access", "approval", "calendar", "checklist", "fault", "guard", "judge", "metric", "probe", "release",
			"strategy/document",
		},
	},
	"strategy/detect": {pure: true, but: []string{"os"}, // it opens the folder that it is given
		may: []string{"fault", "strategy", "strategy/document"}},
	"strategy/document": {pure: true, may: []string{"fault"}},

	// The machinery.
	"credential":      {may: []string{"fault"}},
	"vault":           {may: []string{"fault"}},
	"store":           {may: nouns, lines: 4850}, // the only SQL of the house, and its disk: not to be divided among rooms
	"store/storetest": {may: append(slices.Clone(nouns), "store")},
	"engine": {
		may: append(slices.Clone(nouns), "credential", "engine/configs", "engine/flags", "engine/forge",
			"engine/incidents", "engine/mirror",
			"engine/publish", "engine/secrets", "engine/target", "provider", "smoke", "store", "strategy", "vault", "watch"),
		goes: 1, fan: 31, // every noun is decided here: the one writer knows them all
		lines: 3320, // releases (of deployments and of flags' shares), rollbacks, watching and effects
	},
	// One world for the tests of the rooms that take flags elsewhere: engine/mirror and engine/publish.
	"engine/enginetest": {
		may: []string{"access", "engine", "engine/flags", "flag", "store", "store/storetest", "strategy"}, goes: 1},
	"engine/flags": {
		may: []string{"access", "approval", "checklist", "credential", "event", "fault", "flag", "ident", "release",
			"store", "strategy"},
	},
	"engine/incidents": {
		may: []string{"access", "calendar", "deployment", "effect", "engine/flags", "event", "fault", "flag", "guard",
			"ident", "incident", "store", "strategy"},
	},
	"engine/configs": {
		may: []string{"access", "configuration", "deployment", "effect", "engine/secrets", "event", "fault", "ident",
			"provider", "store", "strategy"},
	},
	"engine/secrets": {may: []string{"access", "approval", "credential", "event", "fault", "store", "vault"}},
	"engine/target": {
		may: []string{"access", "deployment", "effect", "event", "fault", "ident", "provider", "release", "rollback",
			"store", "strategy"},
	},
	"engine/forge": {
		may: []string{"effect", "event", "fault", "github", "release", "store", "strategy"},
	},
	"engine/publish": {
		may: []string{"event", "fault", "flag", "provider", "store", "strategy"},
	},
	"engine/mirror": {
		may: []string{"access", "event", "fault", "flag", "flag/mirror", "store", "strategy"},
	},
	"watch": {
		may: []string{"effect", "fault", "guard", "guard/record", "judge", "metric", "release", "store"},
	},
	"live":                  {may: []string{"event", "store"}, goes: 1},
	"flagset":               {may: []string{"flag", "live", "store"}},
	"flagset/follow":        {may: []string{"api", "fault", "flag"}},
	"ofrep":                 {may: []string{"access", "api", "fault", "flag", "flagset"}},
	"provider":              {may: []string{"fault"}},
	"provider/providertest": {may: []string{"fault", "provider"}},
	"provider/selfhost":     {may: []string{"edge", "fault", "provider"}},
	"provider/vercel":       {may: []string{"fault", "provider", "vercel"}},
	"provider/vercel/setup": {may: []string{"fault", "provider/vercel", "vercel"}},
	"remote":                {},
	"vercel":                {may: []string{"fault", "remote"}},
	"github":                {may: []string{"fault", "remote"}},
	"fake/github":           {},
	// Another company's whole API, whose nouns move each other under one lock; it is in no product.
	"fake/vercel":           {lines: 6400},
	"smoke":                 {may: []string{"fault", "probe"}},
	"edge":                  {may: []string{"bucket", "fault", "ident", "judge", "metric"}, goes: 1},
	"edge/follow":           {may: []string{"edge", "fault", "metric"}},
	"telemetry":             {may: []string{"fault"}},
	"workload":              {may: []string{"access", "fault"}},
	"workload/workloadtest": {},
	"people": {may: []string{"access", "api", "credential", "event", "fault", "ident", "store",
		"strategy"}},
	"desk": {
		may: append(slices.Clone(nouns), "api", "desk/configs", "desk/flags", "engine", "engine/incidents",
			"engine/secrets", "github",
			"metric/intake", "metric/otlp", "people", "store", "strategy", "verdict", "watch"),
		fan: 28, lines: 3650, // it puts every noun into wire types, for server and web at once
	},
	"desk/configs": {may: []string{"access", "api", "configuration", "deployment", "engine", "engine/configs", "fault",
		"store", "strategy"}},
	"desk/flags": {may: []string{"access", "api", "engine", "engine/flags", "engine/mirror", "fault", "flag",
		"flag/foreign", "flag/words", "store", "strategy"},
		lines: 2650}, // flags have the most questions to answer, each in words
	"server": {
		may: []string{"access", "api", "desk", "desk/configs", "desk/flags", "event", "fault", "ident", "live", "metric",
			"metric/intake", "metric/otlp", "people", "store", "telemetry"},
		goes: 1, lines: 3600, // beside the API it is the door of OpenTelemetry exporters, which speak another language
	},
	"web": {
		may: []string{
			"access", "api", "desk", "desk/flags", "event", "fault", "ident", "live", "people", "plot", "strategy",
			"web/page", "web/ruleform", "web/static",
		},
		goes: 1, lines: 2700, // one file for each noun, over one way to answer
	},
	"web/page": {
		may:   []string{"api", "event", "plot", "web/ruleform"},
		lines: 3900, // one file for each noun, over the same frame and words: it grows with what there is to see
	},
	"web/ruleform": {pure: true, may: []string{"api"}},
	"web/static":   {may: []string{"plot"}},
	"web/story": {
		may:   []string{"api", "web/page", "web/ruleform"},
		lines: 2800, // every state of every page, with numbers that agree: it grows with what there is to see
	},
	"web/storybook": {may: []string{"web/page", "web/static", "web/story"}},
	"sim":           {may: []string{"bucket", "fault", "metric"}, goes: 1},
	"demo": {may: []string{"api", "app", "cli", "client", "edge", "fake/github", "fake/vercel", "fault", "ident",
		"openfeature", "sim", "strategy", "telemetry", "vercel"}, goes: 1},
	"story/clients": {may: []string{"api", "app", "client", "credential", "flag", "store", "strategy"}},
	"story/github":  {may: []string{"app", "fake/github", "github", "strategy"}},
	"story/vercel": {may: []string{"fake/vercel", "provider", "provider/vercel", "provider/vercel/setup", "vercel",
		"fault"}},
	"story/next": {may: []string{"api", "app", "client", "edge", "edge/follow", "fake/vercel", "fault", "store",
		"strategy", "vercel"}},
	"story": {
		may: []string{"api", "app", "client", "edge", "edge/follow", "event", "fault", "fake/github", "fake/vercel", "sim",
			"store", "strategy", "vercel"},
	},
	"cli": {
		may: []string{"access", "api", "app", "client", "configuration", "edge", "edge/follow", "event", "fault",
			"flag", "flag/code", "flag/scan",
			"judge", "judge/stream", "metric", "provider/vercel/setup", "sim", "simulate", "strategy", "strategy/detect",
			"vercel", "verdict"},
		fan: 22, lines: 7100, // one file for each noun: it grows with what there is to command
	},
	"app": {
		may: append(slices.Clone(nouns), "api", "credential", "desk", "edge", "edge/follow", "engine", "engine/flags",
			"engine/forge", "github", "remote",
			"engine/incidents", "engine/mirror", "engine/publish", "engine/secrets", "engine/target", "flagset",
			"flagset/follow", "hook", "live", "metric/drain", "metric/intake", "metric/observability", "metric/otlp",
			"metric/prometheus", "ofrep", "people",
			"provider", "provider/selfhost", "provider/vercel", "server", "sim", "smoke", "store", "strategy", "telemetry",
			"vault", "vercel", "web", "workload"),
		goes: 1, fan: 57, // it builds everything
	},
}

// short is the name of a room in the table.
func short(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module+"/"), "internal/")
}

// TestArchitecture holds the rules of the house. Run one with -run 'TestArchitecture/imports'.
func TestArchitecture(t *testing.T) {
	h := readHouse(t)
	for _, test := range []struct {
		name string
		hold func(*testing.T, *house)
	}{
		{"imports", holdImports},
		{"outside", holdOutside},
		{"purity", holdPurity},
		{"goroutines", holdGoroutines},
		{"one writer", holdOneWriter},
		{"package state", holdPackageState},
		{"panics", holdPanics},
		{"waiting", holdWaiting},
		{"sizes", holdSizes},
		{"documentation", holdDocumentation},
		{"interfaces", holdInterfaces},
		{"names", holdNames},
		{"tests", holdTests},
		{"dependencies", holdDependencies},
		{"text", holdText},
		{"surfaces", holdSurfaces},
		{"links", holdLinks},
	} {
		t.Run(test.name, func(t *testing.T) { test.hold(t, h) })
	}
}

func holdImports(t *testing.T, h *house) {
	for _, r := range h.rooms {
		held, ok := table[short(r.path)]
		if !ok {
			t.Errorf("%s: a new room: give it a place in the table of arch_test.go", r.path)
			continue
		}
		fan := 0
		for _, i := range r.imports {
			if !strings.HasPrefix(i, module) {
				continue
			}
			fan++
			if !slices.Contains(held.may, short(i)) {
				t.Errorf("%s may not import %s", r.path, short(i))
			}
			if held.pure && !table[short(i)].pure {
				t.Errorf("%s is pure and %s is not", r.path, short(i))
			}
		}
		if limit := max(maxFan, held.fan); fan > limit {
			t.Errorf("%s imports %d rooms: at most %d", r.path, fan, limit)
		}
	}
	for name := range table {
		if !slices.ContainsFunc(h.rooms, func(r *room) bool { return short(r.path) == name || r.path == name }) {
			t.Logf("%s is in the table and not in the house", name)
		}
	}
}

// outside names the rooms that alone may use a package from outside the house.
var outside = map[string][]string{
	"database/sql":                     {"store", "store/storetest"},
	"database/sql/driver":              {"store", "store/storetest"},
	"modernc.org/sqlite":               {"store"},
	"github.com/jackc/pgx/v5":          {"store", "store/storetest"},
	"github.com/danielgtaylor/huma/v2": {"server"},
	"github.com/a-h/templ":             {"web", "web/page", "web/story", "web/storybook", "plot"},
	"github.com/goccy/go-yaml":         {"strategy", "strategy/document"},
	"github.com/spf13/cobra":           {"app", "cli", "cmd/slipway", "demo"},
	"github.com/prometheus":            {"telemetry"},
	"github.com/open-feature/go-sdk":   {"demo", "openfeature"},
	"golang.org/x/crypto":              {"credential"},
	"os/exec":                          {"app", "provider"},
	"plugin":                           {},
	"unsafe":                           {},
	"html/template":                    {"edge"}, // one page: the answer when no build is up
}

func holdOutside(t *testing.T, h *house) {
	for _, r := range h.rooms {
		for _, i := range r.imports {
			for guarded, rooms := range outside {
				if (i == guarded || strings.HasPrefix(i, guarded+"/")) && !slices.Contains(rooms, short(r.path)) {
					t.Errorf("%s imports %s, which is kept to %v", r.path, i, rooms)
				}
			}
		}
	}
}

// holdDependencies keeps go.mod small and every line of it explained.
func holdDependencies(t *testing.T, _ *house) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path.Join("docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	require := regexp.MustCompile(`(?m)^(?:require )?\s*([a-z][\w./~-]*\.[\w./~-]+) v\S+( // indirect)?$`)
	for _, m := range require.FindAllStringSubmatch(string(mod), -1) {
		explained := strings.Contains(string(page), "`"+m[1]+"`")
		if m[2] != "" {
			continue
		}
		direct++
		if !explained {
			t.Errorf("docs/dependencies.md does not say what %s is for", m[1])
		}
	}
	if direct > 25 {
		t.Errorf("%d direct dependencies: past 25 needs a decision page", direct)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(string(page), -1) {
		if !regexp.MustCompile(`(?m)\b` + regexp.QuoteMeta(m[1]) + ` v\S+$`).Match(mod) {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require directly", m[1])
		}
	}
	t.Logf("%d direct dependencies", direct)
}
