package prometheus

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
)

// reading is what one version did in the windows of a round.
type reading struct{ windows []window }

// window is what was measured in one; blind says why it was not.
type window struct {
	blind            string
	requests, errors float64
	latency          []cell // seconds, ascending; nil when it is not asked for
	values           []value
}

// value is a custom metric in one window.
type value struct {
	q           Query
	all, some   float64 // a rate's units, and those where it happened
	n, sum, sq  float64 // a mean's
	cells       []cell  // durations
	known, rate bool
}

func (r reading) whole(i int) bool { return r.windows[i].blind == "" }

// span is the time of a round: whole windows after from, up to and with to.
type span struct{ from, to, every int64 }

func (p span) windows() int { return int((p.to - p.from) / p.every) }

// window returns the window that a moment lies in: they are open at the left, as Prometheus's are.
func (p span) window(at float64) int {
	return int(math.Ceil((at-float64(p.from))/float64(p.every))) - 1
}

// added is what came on top in each window, by the label le ("" without one).
type added struct {
	by    []map[string]float64
	cells [][]cell // of native histograms
	blind []string // why a window is not measured; empty when it is
	// Of raw samples only: when each process was scraped, and the labels that its series have.
	scraped map[string][]float64
	name    string
	labels  map[string]bool
}

func newAdded(p span, why string) added {
	a := added{
		by: make([]map[string]float64, p.windows()), cells: make([][]cell, p.windows()),
		blind: make([]string, p.windows()), scraped: map[string][]float64{}, labels: map[string]bool{},
	}
	for i := range a.by {
		a.by[i], a.blind[i] = map[string]float64{}, why
	}
	return a
}

func (a added) sum(i int) float64 {
	sum := 0.0
	for _, v := range a.by[i] {
		sum += v
	}
	return sum
}

// read asks for everything that a version's windows need.
func (s *Source) read(ctx context.Context, t Target, from, to, every int64) (reading, error) {
	p := span{from, to, every}
	r := reading{windows: make([]window, p.windows())}
	var base added
	if t.Queries.Requests != "" {
		var err error
		if base, err = s.readRequests(ctx, t, p, r); err != nil {
			return r, err
		}
		if t.Queries.Latency != "" {
			a, err := s.count(ctx, t, t.Queries.Latency, p, &base)
			if err != nil {
				return r, err
			}
			for i := range r.windows {
				r.windows[i].latency = a.cellsOf(i)
				if a.blind[i] != "" && base.sum(i) > 0 && r.windows[i].blind == "" {
					r.windows[i].blind = "there are requests, but no durations: " + a.blind[i]
				}
			}
		}
	}
	for _, q := range t.Metrics {
		if err := s.readMetric(ctx, t, q, p, r, &base); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (s *Source) readRequests(ctx context.Context, t Target, p span, r reading) (added, error) {
	base, err := s.count(ctx, t, t.Queries.Requests, p, nil)
	if err != nil {
		return base, err
	}
	bad, err := s.count(ctx, t, t.Queries.Errors, p, &base)
	if err != nil {
		return base, err
	}
	for i := range r.windows {
		w := &r.windows[i]
		w.requests, w.errors, w.blind = base.sum(i), bad.sum(i), base.blind[i]
		if w.blind == "" && bad.blind[i] != "" {
			w.blind = "errors are not measured: " + bad.blind[i]
		}
	}
	return base, nil
}

// filled puts a version and the window's length into a template.
func filled(template string, t Target, every int64) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", "")
	return strings.NewReplacer("$deployment", quote.Replace(t.Deployment), "$version", quote.Replace(t.Version),
		"$window", strconv.FormatInt(every, 10)+"s").Replace(template)
}

// count asks for one template. For what is counted beside the requests, base are these: it says which processes
// were there, so that a series that is absent because nothing of its kind happened yet is known from one that does
// not exist.
func (s *Source) count(ctx context.Context, t Target, template string, p span, base *added) (added, error) {
	query := filled(template, t, p.every)
	if !strings.Contains(template, "$window") {
		return s.countRaw(ctx, query, p, base)
	}
	a := newAdded(p, "there is no such series")
	list, err := s.evaluate(ctx, query, p)
	if err != nil {
		return a, err
	}
	for _, x := range list {
		for j, at := range x.at {
			i := p.window(at)
			if i < 0 || i >= p.windows() {
				continue
			}
			if a.blind[i] == "there is no such series" {
				a.blind[i] = ""
			}
			if x.cells != nil {
				a.cells[i] = append(a.cells[i], x.cells[j]...)
				continue
			}
			if v := x.value[j]; !(v >= 0) || math.IsInf(v, 1) {
				a.blind[i] = fmt.Sprintf("the value is %g", v)
				continue
			}
			a.by[i][x.labels["le"]] += x.value[j]
		}
	}
	return a, nil
}

// evaluate gives an expression's value at the end of each window.
func (s *Source) evaluate(ctx context.Context, query string, p span) ([]series, error) {
	if p.windows() == 1 {
		return s.ask(ctx, "query", url.Values{"query": {query}, "time": {strconv.FormatInt(p.to, 10)}})
	}
	return s.ask(ctx, "query_range", url.Values{
		"query": {query}, "start": {strconv.FormatInt(p.from+p.every, 10)}, "end": {strconv.FormatInt(p.to, 10)},
		"step": {strconv.FormatInt(p.every, 10)},
	})
}

// countRaw fetches a selector's samples and takes the differences itself. What lies between two samples belongs to
// the window of the later one, when they are at most two windows apart; behind a longer gap counting begins anew.
func (s *Source) countRaw(ctx context.Context, selector string, p span, base *added) (added, error) {
	a := newAdded(p, "there is no such series")
	var err error
	if a.name, err = nameAndLabels(selector, nil); err != nil {
		return a, err
	}
	list, err := s.ask(ctx, "query", url.Values{
		"query": {fmt.Sprintf("%s[%ds]", selector, p.to-p.from+2*p.every)}, "time": {strconv.FormatInt(p.to, 10)},
	})
	if err != nil {
		return a, err
	}
	for _, x := range list {
		process := x.labels["job"] + "\x00" + x.labels["instance"]
		a.scraped[process] = append(a.scraped[process], x.at...)
		for l := range x.labels {
			a.labels[l] = true
		}
	}
	for _, list := range a.scraped {
		slices.Sort(list)
	}
	known := a.scraped
	if base != nil && base.name != "" {
		known = base.scraped
		a.absent(selector, *base, p)
	}
	for _, x := range list {
		if x.cells != nil {
			return a, fault.New(fault.Invalid, "prometheus_query_invalid",
				"%.200q selects native histograms: ask for increase(…[$window]) of them.", selector)
		}
		a.differences(x, p, known[x.labels["job"]+"\x00"+x.labels["instance"]])
	}
	return a, nil
}

// absent clears the windows in which there is no series because nothing happened: the processes were scraped, and
// their requests carry every label that is asked for, or the metric is there by its name.
func (a *added) absent(selector string, base added, p span) {
	labels := map[string]bool{}
	name, err := nameAndLabels(selector, labels)
	if err != nil || len(a.scraped) == 0 && name != base.name {
		return
	}
	if len(a.scraped) == 0 {
		for l := range labels {
			if !base.labels[l] {
				for i := range a.blind {
					a.blind[i] = "requests have no label " + l
				}
				return
			}
		}
	}
	for i := range p.windows() {
		if base.blind[i] == "" {
			a.blind[i] = ""
		}
	}
}

// differences adds what a counter's samples came on top of each other. scraped are all moments at which its
// process was measured: a counter that appears in a process that was there before begins at 0.
func (a *added) differences(x series, p span, scraped []float64) {
	for j, at := range x.at {
		i := p.window(at)
		if i < 0 || i >= p.windows() {
			continue
		}
		v := x.value[j]
		if !(v >= 0) || math.IsInf(v, 1) {
			a.blind[i] = fmt.Sprintf("the counter is %g", v)
			continue
		}
		far := at - 2*float64(p.every) - 1
		came := v
		switch {
		case j > 0 && x.at[j-1] >= far:
			if before := x.value[j-1]; v >= before {
				came = v - before // else it began anew at 0
			}
		case j > 0:
			continue
		default:
			k, _ := slices.BinarySearch(scraped, at)
			if k == 0 || scraped[k-1] < far {
				continue
			}
		}
		if a.blind[i] == "there is no such series" {
			a.blind[i] = ""
		}
		a.by[i][x.labels["le"]] += came
	}
}

// nameAndLabels returns the name of the metric that a selector asks for and notes the labels that it looks at.
func nameAndLabels(selector string, labels map[string]bool) (string, error) {
	form := regexp.MustCompile(`^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*$`)
	m := form.FindStringSubmatch(selector)
	if m == nil {
		return "", fault.New(fault.Invalid, "prometheus_query_invalid",
			"%.200q is neither a selector such as http_requests_total{version=\"$version\"} nor has it a $window.", selector)
	}
	if labels != nil {
		label := regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"`)
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			labels[l[1]] = true
		}
	}
	return m[1], nil
}

// readMetric asks for a custom metric. What it lacks is left out and blinds nothing else.
func (s *Source) readMetric(ctx context.Context, t Target, q Query, p span, r reading, base *added) error {
	put := func(i int, v value) {
		v.q = q
		r.windows[i].values = append(r.windows[i].values, v)
	}
	if q.Kind == judge.Mean {
		list, err := s.evaluate(ctx, filled(q.Query, t, p.every), p)
		for _, x := range list {
			for j, at := range x.at {
				i := p.window(at)
				if i < 0 || i >= p.windows() || x.value == nil || !(math.Abs(x.value[j]) <= mostValue) {
					continue
				}
				put(i, value{n: 1, sum: x.value[j], sq: x.value[j] * x.value[j], known: true})
			}
		}
		return err
	}
	if q.Kind == judge.Durations {
		a, err := s.count(ctx, t, q.Query, p, nil)
		for i := range r.windows {
			if err == nil && a.blind[i] == "" {
				put(i, value{cells: a.cellsOf(i), known: true})
			}
		}
		return err
	}
	some, all, err := quotient(q.Query)
	if err != nil {
		return err
	}
	whole, err := s.count(ctx, t, all, p, nil)
	if err != nil {
		return err
	}
	part, err := s.count(ctx, t, some, p, &whole)
	for i := range r.windows {
		if err == nil && whole.blind[i] == "" && part.blind[i] == "" {
			put(i, value{all: whole.sum(i), some: min(part.sum(i), whole.sum(i)), rate: true, known: true})
		}
	}
	_ = base // of other processes, perhaps
	return err
}

// quotient cuts a rate's query at its only division outside brackets and quotes.
func quotient(query string) (some, all string, err error) {
	depth, cut, quoted := 0, -1, rune(0)
	for i, c := range query {
		switch {
		case quoted != 0:
			if c == quoted && query[i-1] != '\\' {
				quoted = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quoted = c
		case strings.ContainsRune("([{", c):
			depth++
		case strings.ContainsRune(")]}", c):
			depth--
		case c == '/' && depth == 0 && cut < 0:
			cut = i
		case c == '/' && depth == 0:
			cut = len(query)
		}
	}
	if cut < 0 || cut == len(query) || depth != 0 {
		return "", "", fault.New(fault.Invalid, "prometheus_query_invalid",
			"%.200q is no rate: it needs exactly one division, what happened / how often it could have.", query)
	}
	return strings.TrimSpace(query[:cut]), strings.TrimSpace(query[cut+1:]), nil
}
