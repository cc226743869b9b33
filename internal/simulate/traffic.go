package simulate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// Model is an application's traffic.
type Model struct {
	Rate   float64 `json:"rate"`       // requests a second
	Errors float64 `json:"error_rate"` // part of the requests that fails, 0 to 1
	P50    float64 `json:"p50_ms"`
	P95    float64 `json:"p95_ms"`
	Daily  float64 `json:"daily"`  // the busiest hour's rate divided by the quietest's
	Bursts float64 `json:"bursts"` // an hour: a twentieth of the visitors fails for some seconds
}

// DefaultModel is the traffic of somebody who says nothing.
func DefaultModel() Model { return Model{Rate: 100, Errors: 0.01, P50: 80, P95: 220, Daily: 1} }

func (m Model) check() error {
	for _, c := range []struct {
		name         string
		is, low, top float64
	}{
		{"rate (requests a second)", m.Rate, 1e-3, 1e5}, {"errors (a part)", m.Errors, 0, 1},
		{"p50 (ms)", m.P50, 0.1, 6e4}, {"p95 (ms)", m.P95, 0.1, 12e4}, {"daily", m.Daily, 1, 1000},
		{"bursts (an hour)", m.Bursts, 0, 3600},
	} {
		if !(c.is >= c.low && c.is <= c.top) {
			return fault.New(fault.Invalid, "traffic_out_of_range", "Traffic: %s is %g; it goes from %g to %g.", c.name, c.is,
				c.low, c.top)
		}
	}
	if m.P95 < m.P50 {
		return fault.New(fault.Invalid, "traffic_out_of_range",
			"Traffic: p95 is %g ms and p50 is %g ms; p95 is the larger one.", m.P95, m.P50)
	}
	return nil
}

func (m Model) world() traffic.World {
	return traffic.World{Rate: m.Rate, Errors: m.Errors, P50: m.P50, P95: m.P95, Daily: m.Daily, Bursts: m.Bursts}
}

// modelFile is a Model in a file.
type modelFile struct {
	Rate   rate              `yaml:"rate" doc:"Requests a second."`
	Errors document.Percent  `yaml:"errors" doc:"Part of the requests that fails anyway."`
	P50    document.Duration `yaml:"p50" doc:"Median response time."`
	P95    document.Duration `yaml:"p95" doc:"95th percentile of the response times."`
	Daily  document.Factor   `yaml:"daily" doc:"The busiest hour's rate divided by the quietest's."`
	Bursts amount            `yaml:"bursts" doc:"Bad instances an hour."`
}

// rate is written 100/s, 6000/min or 100.
type rate float64

// Read reads rate in the form that people write.
func (x *rate) Read(d *document.Decoder, path []string, n *document.Node) {
	v, why := ParseRate(n.Text)
	if d.IsScalar(path, n, "a rate") && why != "" {
		d.Wrong(n, path, why, "write for example 100/s")
	}
	*x = rate(v)
}

// Schema describes the form of rate.
func (*rate) Schema() map[string]any { return document.TextSchema(`^[0-9.]+(/s|/min|/h)?$`, "100/s") }

// ParseRate reads requests a second and says what is wrong with the text.
func ParseRate(text string) (perSecond float64, why string) {
	number, unit, _ := strings.Cut(text, "/")
	by, known := map[string]float64{"": 1, "s": 1, "min": 60, "h": 3600}[unit]
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !known || !(v >= 0) {
		return 0, fmt.Sprintf("want a number of requests a second, got %q", text)
	}
	return v / by, ""
}

// amount is a number that is not negative.
type amount float64

// Read reads amount in the form that people write.
func (x *amount) Read(d *document.Decoder, path []string, n *document.Node) {
	v, err := strconv.ParseFloat(n.Text, 64)
	if d.IsScalar(path, n, "a number") && (err != nil || !(v >= 0)) {
		d.Wrong(n, path, fmt.Sprintf("want a number, got %q", n.Text), "write for example 0.5")
	}
	*x = amount(v)
}

// Schema describes the form of amount.
func (*amount) Schema() map[string]any { return map[string]any{"type": "number", "minimum": 0} }

// Misread says what is wrong with one line of a traffic file, such as "errors: 1%"; nothing when it can be read.
func Misread(line string) string {
	_, err := ParseModel("", []byte(line), DefaultModel())
	p, ok := errors.AsType[*document.Problems](err)
	if !ok {
		return ""
	}
	return p.List[0].Message + "; " + p.List[0].Remedy
}

// ParseModel reads a traffic file, YAML or JSON. What it leaves out stays as in the model under it.
func ParseModel(name string, src []byte, under Model) (Model, error) {
	tree, problems := document.Read(name, src)
	problems.Reason = "traffic_invalid"
	if tree == nil {
		for i := range problems.List {
			if strings.HasPrefix(problems.List[i].Remedy, "begin with") { // that is how a strategy begins
				problems.List[i].Remedy = `begin with "rate: 100/s"`
			}
		}
		return under, problems
	}
	ms := func(x float64) document.Duration { return document.Duration(x * float64(time.Millisecond)) }
	file := modelFile{
		Rate: rate(under.Rate), Errors: document.Percent(under.Errors), P50: ms(under.P50), P95: ms(under.P95),
		Daily: document.Factor(under.Daily), Bursts: amount(under.Bursts),
	}
	(&document.Decoder{Problems: problems}).Decode(tree, &file)
	if len(problems.List) > 0 {
		problems.Sort()
		return under, problems
	}
	m := Model{
		Rate: float64(file.Rate), Errors: float64(file.Errors), P50: float64(file.P50) / float64(time.Millisecond),
		P95: float64(file.P95) / float64(time.Millisecond), Daily: max(float64(file.Daily), 1), Bursts: float64(file.Bursts),
	}
	return m, m.check()
}
