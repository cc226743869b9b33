package strategy

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// Prometheus says where a Prometheus is and how it is asked. Secrets are named by the environment variable that holds
// them.
type Prometheus struct {
	URL               string
	TokenEnv          string // of a bearer token; empty: none
	User, PasswordEnv string // of basic authentication; empty: none
	Every             time.Duration
	Timeout           time.Duration
	Lag               time.Duration
}

// Prometheus returns where a Prometheus is, and false when the file names none.
func (s *Strategy) Prometheus() (Prometheus, bool) {
	p := s.file.Sources.Prometheus
	return Prometheus{
		URL: string(p.URL), TokenEnv: p.TokenEnv, User: p.User, PasswordEnv: p.PasswordEnv,
		Every: time.Duration(p.Every), Timeout: time.Duration(p.Timeout), Lag: time.Duration(p.Lag),
	}, p.URL != ""
}

type sources struct {
	Prometheus prometheus `yaml:"prometheus" doc:"A Prometheus that is asked for numbers."`
	Drain      drain      `yaml:"drain" doc:"Drains of Vercel, which deliver what it served."`
	App        reported   `yaml:"app" doc:"What applications report: custom metrics and web vitals."`
	OTLP       exported   `yaml:"otlp" doc:"What exporters of OpenTelemetry send."`
}

type reported struct {
	Late document.Duration `yaml:"late" doc:"How long a value may take to arrive; a verdict on it waits for it."`
}

// Template returns what app is where nothing is written.
func (*reported) Template() string { return `{late: 2m}` }

type exported struct {
	Late document.Duration `yaml:"late" doc:"How long a point or span may take to arrive; a verdict waits for it."`
}

// Template returns what otlp is where nothing is written.
func (*exported) Template() string { return `{late: 15s}` }

// late is how long what a kind of source sends may take to arrive.
func (s sources) late(of metric.Kind) time.Duration {
	switch of {
	case metric.Drain:
		return cmp.Or(time.Duration(s.Drain.Late), 30*time.Second)
	case metric.OTLP: // exporters send at once what is over, and try again for seconds
		return cmp.Or(time.Duration(s.OTLP.Late), 15*time.Second)
	default:
		return cmp.Or(time.Duration(s.App.Late), 2*time.Minute)
	}
}

// Late is how long what applications (metric.App), exporters (metric.OTLP) or drains (metric.Drain) send may take to
// arrive. Until then a verdict waits for it; what comes later is left out.
func (s *Strategy) Late(of metric.Kind) time.Duration { return s.file.Sources.late(of) }

type prometheus struct {
	URL         address           `yaml:"url" doc:"Its address."`
	TokenEnv    string            `yaml:"token_env" doc:"Environment variable that holds its bearer token."`
	User        string            `yaml:"user" doc:"User of basic authentication."`
	PasswordEnv string            `yaml:"password_env" doc:"Environment variable that holds the user's password."`
	Every       document.Duration `yaml:"every" doc:"Length of the windows that are asked for."`
	Timeout     document.Duration `yaml:"timeout" doc:"After which a question has failed."`
	Lag         document.Duration `yaml:"lag" doc:"How long scrapes may take to arrive."`
}

// Template returns what prometheus is where nothing is written.
func (*prometheus) Template() string {
	return `{token_env: "", user: "", password_env: "", every: 15s, timeout: 5s, lag: 15s}`
}

// queries are PromQL of one version.
type queries struct {
	Requests string `yaml:"requests" doc:"Requests; $version or $deployment names the version, $window the time."`
	Errors   string `yaml:"errors" doc:"Requests that failed."`
	Latency  string `yaml:"latency" doc:"Durations in seconds, by the label le; empty: they are not judged."`
}

// usualQueries are the names that most applications export.
const usualQueries = `
requests: 'http_requests_total{version="$version"}'
errors: 'http_requests_total{version="$version",status=~"5.."}'
latency: 'http_request_duration_seconds_bucket{version="$version"}'
`

// defaultQueries fills in what Prometheus is asked, where a guard takes its numbers from there.
func defaultQueries(tree *document.Node) {
	all := tree.Get("guards")
	if all == nil {
		return
	}
	for _, e := range all.Keys {
		if from := e.Value.Get("source"); from == nil || from.Text != string(metric.Prometheus) {
			continue
		}
		own := e.Value.Get("prometheus")
		at := document.Place{}
		if own != nil {
			at = e.Value.Has("prometheus").Place
		}
		e.Value.Set("prometheus", at,
			document.Merge(reflect.TypeFor[queries](), document.ParseText(usualQueries), own))
	}
}

// metricSpec is a custom metric, e.g. conversion.
type metricSpec struct {
	Kind    string           `yaml:"kind" doc:"What is counted; rate when nothing is said." enum:"rate,mean,durations"`
	Better  string           `yaml:"better" doc:"What is better; lower when nothing is said." enum:"higher,lower"`
	WorseBy document.Percent `yaml:"worse_by" doc:"How much worse is tolerated."`
	Role    string           `yaml:"role" doc:"A signal only holds; decide when nothing is said." enum:"decide,signal"`
	Weight  document.Factor  `yaml:"weight" doc:"Weight beside other custom metrics; 1x when nothing is said."`
	Unit    string           `yaml:"unit" doc:"For people."`
	From    string           `yaml:"from" doc:"Who measures it; app when nothing is said. Web analytics are refused." enum:"app,prometheus,web_analytics"`
	Query   string           `yaml:"query" doc:"PromQL, with from: prometheus."`
}

// measure fills in where the guard's numbers come from.
func (g guardSpec) measure(r *guard.Rules, from sources) {
	if g.Source != string(metric.Edge) {
		r.Source = metric.Kind(g.Source)
	}
	if r.Source == metric.Prometheus {
		r.Queries = metric.Queries(g.Prometheus)
		if r.Queries.Latency == "" {
			r.LatencyP95 = guard.Limits{} // nobody measures them, and waiting for them would be for ever
		}
	}
	if r.Source == metric.Drain && !from.Drain.Traces {
		r.LatencyP95 = guard.Limits{} // likewise
	}
	if r.Source == metric.Drain && g.Fallback == string(metric.Observability) {
		r.Fallback = metric.Observability
	}
	r.BlindUndo, r.Late = time.Duration(g.BlindUndo), time.Duration(from.App.Late)
	for _, name := range slices.Sorted(maps.Keys(g.Metrics)) {
		r.Metrics = append(r.Metrics, g.Metrics[name].rule(name))
	}
	for _, name := range slices.Sorted(maps.Keys(g.WebVitals)) {
		v := g.WebVitals[name]
		r.Metrics = append(r.Metrics, guard.Vital(name, float64(v.WorseBy), float64(v.Weight), v.Role == "signal"))
	}
}

// rule is the metric as the guard takes it.
func (m metricSpec) rule(name string) guard.MetricRule {
	return guard.MetricRule{
		Metric: judge.Metric{
			Name: name, Kind: cmp.Or(judge.Kind(m.Kind), judge.Rate), Higher: m.Better == "higher",
			WorseBy: float64(m.WorseBy), Weight: float64(m.Weight), Signal: m.Role == "signal",
		},
		Unit: m.Unit, From: cmp.Or(metric.Kind(m.From), metric.App), Query: m.Query,
	}
}

// exports is how long exporters of OpenTelemetry are silent between two sendings.
const exports = 30 * time.Second

func (c checker) sources() {
	for name, late := range map[string]document.Duration{
		"drain": c.file.Sources.Drain.Late, "app": c.file.Sources.App.Late, "otlp": c.file.Sources.OTLP.Late,
	} {
		if c.tree.Get("sources").Get(name) != nil {
			c.in(at("sources", name, "late"), late, 5*time.Second, 10*time.Minute)
		}
	}
	c.drainSource()
	p := c.file.Sources.Prometheus
	here := func(key string) []string { return at("sources", "prometheus", key) }
	if c.tree.Get("sources").Get("prometheus") == nil {
		return
	}
	if p.URL == "" {
		c.at(at("sources", "prometheus"), "the address of Prometheus is missing", "add url: http://127.0.0.1:9090")
	}
	for key, name := range map[string]string{"token_env": p.TokenEnv, "password_env": p.PasswordEnv} {
		if name != "" && !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
			c.at(here(key), "a secret must not stand in the file", "write the name of the environment variable that holds it")
		}
	}
	if p.TokenEnv != "" && p.User != "" {
		c.at(here("user"), "a token and a user are named", "keep one of them")
	}
	if (p.User == "") != (p.PasswordEnv == "") {
		c.at(here("password_env"), "user and password_env belong together", "write both, or neither")
	}
	c.in(here("every"), p.Every, time.Second, 10*time.Minute)
	c.in(here("timeout"), p.Timeout, 100*time.Millisecond, time.Minute)
	c.in(here("lag"), p.Lag, 0, 10*time.Minute)
}

// measured complains about numbers that nobody would bring.
func (c checker) measured(name string, g guardSpec) {
	here := func(key ...string) []string { return append(at("guards", name), key...) }
	p := c.file.Sources.Prometheus
	least := c.file.Sources.late(metric.OTLP) + exports
	if g.Source == string(metric.OTLP) && time.Duration(g.Blind) < least {
		c.at(here("blind"), "it is over before exporters can be heard",
			fmt.Sprintf("write %s or more: they send every ten seconds or so, and may be late",
				document.WriteDuration(least)))
	}
	switch asked := g.Source == string(metric.Prometheus); {
	case asked && p.URL == "":
		c.at(here("source"), "no Prometheus is named", "add sources: {prometheus: {url: http://127.0.0.1:9090}}")
	case asked:
		if least := 2*time.Duration(p.Every) + time.Duration(p.Lag); time.Duration(g.Blind) < least && least < time.Hour {
			c.at(here("blind"), "it is over before Prometheus can answer",
				fmt.Sprintf("write %s or more, or ask more often", document.WriteDuration(least)))
		}
		c.query(here("prometheus", "requests"), g.Prometheus.Requests, true)
		c.query(here("prometheus", "errors"), g.Prometheus.Errors, true)
		c.query(here("prometheus", "latency"), g.Prometheus.Latency, false)
	case c.written("guards", name, "prometheus"):
		c.atKey(here("prometheus"), "Prometheus is not asked by this guard", "remove it")
	}
	switch {
	case g.Source == string(metric.Drain):
		c.byDrain(name, g)
	case g.Source == string(metric.Edge) && c.file.Target.Vercel != nil:
		c.at(here("source"), "no edge of Slipway sees what Vercel serves",
			"leave it out for drain, or write prometheus or otlp")
	}
	c.fallback(name, g)
	c.metrics(here("metrics"), g.Metrics)
	for _, name := range slices.Sorted(maps.Keys(g.WebVitals)) {
		_, twice := g.Metrics[name]
		switch {
		case !slices.Contains(guard.Vitals(), name):
			c.at(here("web_vitals", name), "no browser measures "+name, "there are: "+strings.Join(guard.Vitals(), ", "))
		case twice:
			c.at(here("web_vitals", name), "it is a custom metric as well", "keep one of them")
		}
	}
	c.weighed(name, g)
	if len(g.Metrics)+len(g.WebVitals) > 8 && len(g.Metrics) <= 8 {
		c.at(here("web_vitals"), "with the custom metrics there are too many", "compare at most 8 in all")
	}
}

// written reports whether a key stands in the file, and not only in a guard that this one begins as.
func (c checker) written(path ...string) bool {
	n := c.tree
	for _, part := range path[:len(path)-1] {
		n = n.Get(part)
	}
	if n == nil {
		return false
	}
	e := n.Has(path[len(path)-1])
	return e != nil && e.Place.Line > 0
}

// query complains about PromQL that cannot tell the versions apart.
func (c checker) query(path []string, q string, needed bool) {
	switch {
	case q == "" && needed:
		c.at(path, "the query is missing", `write for example http_requests_total{version="$version"}`)
	case q != "" && !strings.Contains(q, "$version") && !strings.Contains(q, "$deployment"):
		c.at(path, "the query does not say which version is meant", `name it by a label, such as {version="$version"}`)
	case len(q) > 2000:
		c.at(path, "the query is longer than 2000 characters", "make it a recording rule of Prometheus")
	}
}

// metrics complains about custom metrics that can't be compared: each takes from the weight of the others.
func (c checker) metrics(path []string, list map[string]metricSpec) {
	if len(list) > 8 {
		c.at(path, fmt.Sprintf("%d metrics are too many", len(list)), "compare at most 8")
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		here, m := append(slices.Clone(path), name), list[name]
		if name == "errors" || name == "latency" || name == "slow" || len(name) > 60 {
			c.at(here, "the name is taken, or too long",
				"errors, latency and slow are judged anyway; other names have up to 60 letters")
		}
		switch {
		case m.From == webAnalytics:
			c.at(append(here, "from"), "a row of Vercel's Web Analytics names no deployment: nobody knows what its visitor had",
				"report the metric from the application (from: app), which knows its own build")
		case m.From != string(metric.Prometheus):
			if m.Query != "" {
				c.at(append(here, "query"), "only Prometheus is asked a query", "add from: prometheus")
			}
		case c.file.Sources.Prometheus.URL == "":
			c.at(append(here, "from"), "no Prometheus is named", "add sources: {prometheus: {url: http://127.0.0.1:9090}}")
		default:
			c.query(append(here, "query"), m.Query, true)
		}
	}
}
