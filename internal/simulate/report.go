package simulate

import (
	"math"
	"slices"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/sim/world"
)

// Report is what came of all runs. Every number in it is finite; what is not known is left out.
type Report struct {
	Traffic     Model    `json:"traffic"`
	Backgrounds []string `json:"backgrounds"`
	Seed        uint64   `json:"seed"`
	Done        int      `json:"runs_done"`
	All         int      `json:"runs_planned"`
	Results     []Result `json:"results"` // by strategy, then by case

	Suggestions []Suggestion `json:"suggestions"`
	Conditions  []Condition  `json:"conditions"`
	Violations  []Violation  `json:"violations"`
}

// Result is how one strategy did in one case.
type Result struct {
	Strategy string `json:"strategy"`
	Case     Case   `json:"case"`
	Healthy  bool   `json:"healthy"`
	Runs     int    `json:"runs"`

	Stopped    float64            `json:"stopped"`               // part that was taken back, by then or from production
	Upper      float64            `json:"stopped_upper"`         // its one-sided 95 % limit
	Production float64            `json:"stopped_late"`          // part that was taken back only when it was the stable version
	Missed     float64            `json:"missed"`                // part of the faulty ones that went into production and stayed
	Held       float64            `json:"held"`                  // part that waits for a person
	Where      []Where            `json:"where"`                 // at which share it was stopped
	By         map[string]int     `json:"by"`                    // rule of the guard → runs that it stopped
	Background map[string]float64 `json:"stopped_by_background"` // part of each background's runs

	Detection *Spread `json:"detection_s,omitempty"` // from the beginning of the fault until it was found
	Requests  *Spread `json:"requests,omitempty"`    // of the changed version until it was found
	Failed    *Spread `json:"harm,omitempty"`        // requests that failed because of the fault, of all runs
	Slowed    *Spread `json:"slowed,omitempty"`      // requests that took longer because of it
	Floor     float64 `json:"harm_floor,omitempty"`  // failed requests that no judge could have avoided on average
	Promote   *Spread `json:"promote_s,omitempty"`   // until it was the stable version

	outcomes []world.Outcome
}

// Suggestion is something to write into the strategy, with why.
type Suggestion struct {
	Sentence string   `json:"sentence"`
	Lines    []string `json:"lines"` // of the strategy file
}

// Where is a share at which runs were stopped.
type Where struct {
	Share float64 `json:"share"` // percent; 100 with Production: after everybody had it for good
	Late  bool    `json:"production,omitempty"`
	Runs  int     `json:"runs"`
}

// Spread sums a number of several runs up.
type Spread struct {
	Mean   float64 `json:"mean"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
}

func spread(list []float64) *Spread {
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	s := &Spread{Median: list[len(list)/2], P90: list[len(list)*9/10], Least: list[0], Most: list[len(list)-1]}
	for _, x := range list {
		s.Mean += x / float64(len(list))
	}
	return s
}

func (o Options) report(jobs []job, out []*world.Outcome) Report {
	r := Report{Traffic: o.Traffic, Seed: o.Seed, All: len(jobs), Backgrounds: []string{}, Results: []Result{},
		Suggestions: []Suggestion{}, Conditions: []Condition{}, Violations: []Violation{}}
	for _, b := range o.Backgrounds {
		r.Backgrounds = append(r.Backgrounds, b.Name)
	}
	for s := range o.Strategies {
		for k := range o.Cases {
			r.Results = append(r.Results, o.sum(s, k, jobs, out))
		}
	}
	for _, x := range out {
		if x != nil {
			r.Done++
		}
	}
	return r
}

// sum adds the runs of one strategy in one case up.
func (o Options) sum(s, k int, jobs []job, out []*world.Outcome) Result {
	c := o.Cases[k]
	r := Result{Strategy: o.Strategies[s].Name, Case: c, Healthy: c.Healthy(), By: map[string]int{}, Where: []Where{},
		Background: map[string]float64{}}
	var detection, requests, failed, slowed, promote []float64
	stopped, runs := map[string]float64{}, map[string]float64{}
	for i, j := range jobs {
		if j.strategy != s || j.kase != k || out[i] == nil {
			continue
		}
		x := *out[i]
		r.Runs++
		r.outcomes = append(r.outcomes, x)
		back := o.Backgrounds[j.run%len(o.Backgrounds)].Name
		runs[back]++
		if x.Promoted >= 0 {
			promote = append(promote, float64(x.Promoted))
		}
		failed, slowed = append(failed, x.Harm.Failed), append(slowed, x.Harm.Slowed)
		if !x.Stopped() {
			continue
		}
		stopped[back]++
		r.By[x.Rule]++
		r.where(x)
		if at := float64(x.At - c.Fault.Onset); at >= 0 && !r.Healthy {
			detection = append(detection, at)
		}
		requests = append(requests, float64(x.Requests))
	}
	r.parts()
	for name, n := range runs {
		r.Background[name] = stopped[name] / n
	}
	r.Detection, r.Requests, r.Promote = spread(detection), spread(requests), spread(promote)
	if !r.Healthy {
		r.Failed, r.Slowed = spread(failed), spread(slowed)
		r.Floor = floor(o.Strategies[s].Plan, c, o.Traffic.Errors)
	}
	return r
}

// parts fills how often it ended how.
func (r *Result) parts() {
	n := float64(max(r.Runs, 1))
	stopped := 0
	for _, x := range r.outcomes {
		switch {
		case x.Stopped():
			stopped++
			if x.End == world.RolledBack {
				r.Production += 1 / n
			}
		case x.End == world.Promoted && !r.Healthy:
			r.Missed += 1 / n
		case x.End != world.Promoted:
			r.Held += 1 / n
		}
	}
	r.Stopped, r.Upper = float64(stopped)/n, 1
	if r.Runs > 0 {
		r.Upper = judge.BinomialUpper(stopped, r.Runs)
	}
}

func (r *Result) where(x world.Outcome) {
	late := x.End == world.RolledBack
	i := slices.IndexFunc(r.Where, func(w Where) bool { return w.Share == x.Share && w.Late == late })
	if i < 0 {
		i = len(r.Where)
		r.Where = append(r.Where, Where{Share: x.Share, Late: late})
	}
	r.Where[i].Runs++
	slices.SortFunc(r.Where, func(a, b Where) int {
		return int(1000*(a.Share-b.Share)) + map[bool]int{true: 1}[a.Late] - map[bool]int{true: 1}[b.Late]
	})
}

// floor is how many requests fail on average because of a fault before any test of the strategy's alpha can know, at
// its first share (statistics: section 1.7).
func floor(p release.Plan, c Case, errors float64) float64 {
	bad := min(errors*max(c.Fault.Times, 1)+c.Fault.Points, 1)
	if !(bad > errors) {
		return 0
	}
	list := shares(p)
	if len(list) == 0 {
		return 0
	}
	x := judge.WaldLimit(max(errors, 1e-5), bad, list[0].Share/100, list[0].Rules.Alpha) * (bad - errors)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}
