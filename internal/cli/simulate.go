package cli

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge/stream"
	"github.com/slipwayhq/slipway/internal/simulate"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// simulateHelp stands in front of the flags of simulate.
const simulateHelp = `Try a strategy on a virtual clock: many releases, healthy and faulty ones, among visitors like
yours.

The strategy's own plan is carried out by the code that runs real releases: the same decisions, the same guard, the
same judge. Only the visitors, the versions and the clock do not exist.

Without FILE it tries slipway.yaml, and the default strategy where there is none; several files are tried side by side
on the same traffic.

Traffic is given by flags, by a file (--traffic FILE with the keys rate, errors, p50, p95, daily, bursts), or read from
the recorded history of the app that runs at --url (--from-app). Flags win over the file, and both over the history.

--replay FILE plays a recording instead: lines as "slipway judge stream" reads them, and "slipway judge replay REL
--export FILE" writes them. The requests, failures and durations of both versions are put together second by second and
dealt to the shares that the strategy chooses, and faults are added to the new version's part: record a healthy
release. A release that takes longer than the recording begins it again; each run begins somewhere else in it.

--fault takes a name (healthy, shared-incident, errors-2x, errors-3x-late, latency-1.25x, slow-route, leak, …) or a
definition: [NAME:]KEY=VALUE,… with errors (3x or +5%), latency (1.25x), route (3x: one request in ten), leak (2%: so
much slower each minute) and after (20m: when it begins).

--background takes mixed (the runs are divided among everyday kinds of trouble), or some of:
BACKGROUNDS
--fail-if ends with exit code 6 when a result is beyond it, so that CI can hold a strategy to it:
METRIC[(FAULT)] > VALUE, also >=, < and <=. The metrics are
MEASURES
An interrupt prints what is known by then.`

// simulateFlags are the flags of simulate.
type simulateFlags struct {
	traffic, errors, p50, p95, background string
	daily, bursts                         float64
	faults, failIf                        []string
	fromApp, progress, suggest, ramp      bool
	html, svg, replay, bins               string
	o                                     simulate.Options
	conditions                            []simulate.Condition
}

func (c *cli) simulate() *cobra.Command {
	var in simulateFlags
	backgrounds := &strings.Builder{}
	for _, b := range simulate.Backgrounds() {
		backgrounds.WriteString("  " + b.Name + strings.Repeat(" ", max(11-len(b.Name), 1)) + b.Says + "\n")
	}
	cmd := &cobra.Command{
		Use: "simulate [FILE...]", Short: "Try the strategy on a virtual clock, with good and faulty versions",
		Long: strings.NewReplacer("BACKGROUNDS\n", backgrounds.String()+"\n", "MEASURES\n", simulate.MeasureHelp()+"\n").
			Replace(simulateHelp),
		Args: cobra.ArbitraryArgs,
		Example: `  slipway simulate --traffic 100/s --errors 1%
  slipway simulate slipway.yaml bolder.yaml --from-app
  slipway simulate --fault errors-2x --fault "checkout: errors=3x,after=20m" --svg report.svg
  slipway simulate --fail-if 'false_rollback > 1%' --fail-if 'missed(errors-2x) > 5%' --fail-if 'time_to_promote > 1h'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.options(cmd, &in, args); err != nil {
				return err
			}
			return c.runSimulation(cmd, &in)
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.traffic, "traffic", "100/s", "requests a second of both versions together, or a file")
	f.StringVar(&in.errors, "errors", "1%", "part of the requests that fails anyway")
	f.StringVar(&in.p50, "p50", "80ms", "median response time")
	f.StringVar(&in.p95, "p95", "220ms", "95th percentile of the response times")
	f.Float64Var(&in.daily, "daily", 1, "the busiest hour's traffic divided by the quietest's")
	f.Float64Var(&in.bursts, "bursts", 0, "bad instances an hour: a twentieth of the visitors fails for 10 to 30 s")
	f.BoolVar(&in.fromApp, "from-app", false, "read the traffic from the history of the app that runs at --url")
	f.StringVar(&in.replay, "replay", "", "play the recorded seconds of this file; - is standard input")
	f.StringVar(&in.bins, "bins", "8,1.09,88", "layout of latency in the recording: see judge stream")
	f.StringVar(&in.background, "background", "mixed", "everyday trouble, comma-separated")
	f.StringArrayVar(&in.faults, "fault", nil, "fault to try, by name or defined; repeatable (default: all, and healthy)")
	f.IntVar(&in.o.Runs, "runs", 100, "releases of each fault; of each healthy case three times as many")
	f.Uint64Var(&in.o.Seed, "seed", 1, "the same seed gives the same result")
	f.DurationVar(&in.o.Reaction, "reaction", 2*time.Second, "until a changed share is in force")
	f.DurationVar(&in.o.Answer, "answer", time.Minute, "until people who are asked have answered")
	f.DurationVar(&in.o.Longest, "longest", 24*time.Hour, "after the first visitor a release is given up")
	f.StringArrayVar(&in.failIf, "fail-if", nil, "limit that a result may not be beyond; repeatable")
	f.BoolVar(&in.ramp, "ramp", false, "try a flag's ramp (flags.ramp) and no release; nothing is suggested")
	f.StringVar(&in.html, "html", "", "write a page with pictures to this file")
	f.StringVar(&in.svg, "svg", "", "draw faults and strategies side by side into this file")
	f.BoolVar(&in.suggest, "suggest", true, "try changes of the first strategy as well; with --fail-if only when given")
	f.BoolVar(&in.progress, "progress", false, "tell how far it is, also where standard error is no terminal")
	return cmd
}

// options reads the flags and the strategies.
func (c *cli) options(cmd *cobra.Command, in *simulateFlags, files []string) error {
	o := &in.o
	o.Healthy, o.Lag = 3*o.Runs, time.Second
	var err error
	if o.Strategies, err = loadStrategies(files, in.ramp); err != nil {
		return err
	}
	if err := c.visitors(cmd, in); err != nil {
		return err
	}
	for _, text := range in.faults {
		k, err := simulate.ParseCase(text)
		if err != nil {
			return err
		}
		o.Cases = append(o.Cases, k)
	}
	if len(o.Cases) == 0 {
		o.Cases = slices.DeleteFunc(simulate.Cases(), func(k simulate.Case) bool {
			return k.Shared && o.Recording != nil || k.Nothing(o.Traffic)
		})
	}
	for _, text := range in.failIf {
		k, err := simulate.ParseCondition(text, o.Cases)
		if err != nil {
			return err
		}
		in.conditions = append(in.conditions, k)
	}
	for name, d := range map[string]time.Duration{"reaction": o.Reaction, "answer": o.Answer, "longest": o.Longest - 1} {
		if d < 0 || d > 30*24*time.Hour {
			return fault.New(fault.Invalid, "flag_out_of_range", "--%s is out of range: it goes from 0 to 720h.", name)
		}
	}
	return nil
}

// visitors reads what traffic there is: a recording, or a model and its backgrounds.
func (c *cli) visitors(cmd *cobra.Command, in *simulateFlags) error {
	o := &in.o
	if in.replay == "" {
		if cmd.Flags().Changed("bins") {
			return fault.New(fault.Invalid, "flag_useless", "--bins is about a recording: it needs --replay.")
		}
		var err error
		if o.Traffic, err = c.model(cmd, in); err == nil {
			o.Backgrounds, err = simulate.ParseBackgrounds(strings.Split(in.background, ","))
		}
		return err
	}
	for _, name := range []string{"traffic", "errors", "p50", "p95", "daily", "bursts", "from-app", "background"} {
		if cmd.Flags().Changed(name) {
			return fault.New(fault.Invalid, "flags_exclusive", "--%s and --replay exclude each other: a recording has its own "+
				"traffic.", name)
		}
	}
	bins, err := stream.ParseBins(in.bins)
	if err != nil {
		return err
	}
	file := cmd.InOrStdin()
	if in.replay != "-" {
		f, err := os.Open(in.replay)
		if err != nil {
			return fault.Wrap(err, fault.NotFound, "recording_missing", "There is no recording at %s that can be read. "+
				"\"slipway judge replay RELEASE --export FILE\" writes one.", in.replay)
		}
		defer func() { _ = f.Close() }() // it was only read
		file = f
	}
	o.Backgrounds = []simulate.Background{simulate.Recorded()}
	o.Recording, o.Traffic, err = simulate.ReadRecording(file, bins)
	return err
}

// runSimulation makes the runs and tells what came of them.
func (c *cli) runSimulation(cmd *cobra.Command, in *simulateFlags) error {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // many short-lived looks: memory for time
	if in.progress || c.ErrTerminal && !c.json {
		in.o.Progress = c.progress()
	}
	for name, file := range map[string]string{"html": in.html, "svg": in.svg} { // before minutes of work, not after
		if d, err := os.Stat(filepath.Dir(file)); file != "" && (err != nil || !d.IsDir()) {
			return fault.New(fault.Invalid, "file_not_written", "--%s %s: there is no folder %s.", name, file,
				filepath.Dir(file))
		}
	}
	r, stopped := simulate.Run(cmd.Context(), in.o)
	if in.o.Progress != nil && c.ErrTerminal {
		say(c.Err, "\r\033[K")
	}
	if stopped != nil && r.Done == 0 {
		return stopped
	}
	if stopped == nil && in.suggest && !in.ramp && (len(in.conditions) == 0 || cmd.Flags().Changed("suggest")) {
		r.Suggestions = append(r.Suggestions, simulate.Suggest(cmd.Context(), in.o, r)...)
	}
	if stopped == nil {
		r.Conditions, r.Violations = append(r.Conditions, in.conditions...), r.Against(in.conditions)
	}
	err := c.print(r, func() { say(c.Out, "%s", simulate.Text(r)) })
	if in.html != "" {
		err = errors.Join(err, writeFile(in.html, func(f *os.File) error { return simulate.Page(f, r) }))
	}
	if in.svg != "" {
		err = errors.Join(err, writeFile(in.svg, func(f *os.File) error { return simulate.Picture(f, r) }))
	}
	switch {
	case stopped != nil:
		return stopped
	case err != nil || len(r.Violations) == 0:
		return err
	}
	text := "the strategy does not keep to --fail-if:"
	for _, v := range r.Violations {
		text += "\n  " + v.Text + "\n    " + v.Sentence
	}
	return fault.New(fault.Refused, "condition_violated", "%s", text)
}

// progress tells how far it is: on a terminal over and over in one line, elsewhere a line every ten seconds.
func (c *cli) progress() func(done, all int) {
	begin, last := time.Now(), time.Now()
	every, line := 10*time.Second, "%d of %d releases, about %s left\n"
	if c.ErrTerminal {
		every, line = 100*time.Millisecond, "\r\033[K%d of %d releases, about %s left"
	}
	return func(done, all int) {
		now := time.Now()
		if now.Sub(last) < every {
			return
		}
		last = now
		left := time.Duration(float64(now.Sub(begin)) / float64(done) * float64(all-done)).Round(time.Second)
		say(c.Err, line, done, all, left)
	}
}

func writeFile(name string, write func(*os.File) error) error {
	f, err := os.Create(name) //nolint:gosec // where the user wants it
	if err == nil {
		err = errors.Join(write(f), f.Close())
	}
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "file_not_written", "%s cannot be written: %v.", name, err)
	}
	return nil
}

// loadStrategies reads strategy files; none means slipway.yaml, or the default strategy where there is none.
func loadStrategies(files []string, ramp bool) ([]simulate.Strategy, error) {
	var out []simulate.Strategy
	add := func(name string, s *strategy.Strategy) {
		out = append(out, simulate.Strategy{Name: name, Plan: s.TrialPlan(ramp), Items: s.Checklist()})
	}
	if len(files) == 0 {
		if _, err := os.Stat(strategyFile); errors.Is(err, fs.ErrNotExist) {
			s, err := strategy.Parse("default", []byte("app: app\ntarget: {selfhost: {stable: \"http://127.0.0.1:3000\"}}\n"))
			if err != nil {
				return nil, err
			}
			add("default strategy", s)
			return out, nil
		}
		files = []string{strategyFile}
	}
	for i, name := range files {
		if slices.Contains(files[:i], name) {
			return nil, fault.New(fault.Invalid, "strategy_twice", "%s is named twice: name each file once.", name)
		}
		s, err := strategy.Load(name)
		if err != nil {
			return nil, err
		}
		add(name, s)
	}
	return out, nil
}

// model reads the traffic: flags win over the file, and both over the history.
func (c *cli) model(cmd *cobra.Command, in *simulateFlags) (simulate.Model, error) {
	m := simulate.DefaultModel()
	if in.fromApp {
		if err := c.history(cmd, &m); err != nil {
			return m, err
		}
	}
	set := func(name string) bool { return cmd.Flags().Changed(name) }
	if set("traffic") {
		if x, why := simulate.ParseRate(in.traffic); why == "" {
			m.Rate = x
		} else if err := readModel(in.traffic, why, &m); err != nil {
			return m, err
		}
	}
	switch {
	case !(in.daily >= 1 && in.daily <= 1e6):
		return m, outOfRange("daily", in.daily, "is a number from 1 on, e.g. 4")
	case !(in.bursts >= 0 && in.bursts <= 1e6):
		return m, outOfRange("bursts", in.bursts, "is not below 0, e.g. 0.5")
	}
	var text strings.Builder // the rest is read as the file would be
	var wrong error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		line := f.Name + ": " + f.Value.String()
		switch f.Name {
		case "errors", "p50", "p95", "bursts":
		case "daily":
			line += "x"
			if in.daily == 1 { // as flat as the default: no factor of a file
				line = "daily: off"
			}
		default:
			return
		}
		if why := simulate.Misread(line); why != "" && wrong == nil {
			wrong = fault.New(fault.Invalid, "flag_malformed", "--%s %s: %s.", f.Name, f.Value, why)
		}
		text.WriteString(line + "\n")
	})
	if wrong != nil || text.Len() == 0 {
		return m, wrong
	}
	return simulate.ParseModel("flags", []byte(text.String()), m)
}

// readModel reads a traffic file. Why says why its name is no rate.
func readModel(name, why string, m *simulate.Model) error {
	src, err := os.ReadFile(name) //nolint:gosec // the user names it
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "flag_malformed",
			"--traffic %s is neither a rate (%s) nor a file that can be read.", name, cmp.Or(why, "100/s"))
	}
	*m, err = simulate.ParseModel(filepath.Base(name), src, *m)
	return err
}

// history reads the traffic of the app that runs.
func (c *cli) history(cmd *cobra.Command, m *simulate.Model) error {
	return c.with(func(cmd *cobra.Command, _ []string, to *client.Client) error {
		t, err := to.Traffic(cmd.Context())
		if err != nil {
			return err
		}
		if !t.Known {
			return fault.New(fault.Refused, "traffic_unknown", "%s Give the traffic by flags instead.", t.Sentence)
		}
		*m = simulate.Model{Rate: t.Rate, Errors: t.ErrorRate, P50: t.P50MS, P95: t.P95MS, Daily: t.Daily, Bursts: t.Bursts}
		return nil
	})(cmd, nil)
}
