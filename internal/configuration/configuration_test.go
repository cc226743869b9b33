package configuration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// req: EN-20
func TestAManifestIsReadAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	m, bad := ParseManifest(".env.example", []byte(`# The shop.

# where payments go (URL)
PAY=
API_URL=https://api.example # never http
export PORT=3000
DB_PORT=5432
QUOTED="a # b" # optional
# development only
DEBUG_BAR=1
# Optional: errors are sent there
SENTRY_DSN=https://x@sentry.example/1

PLAIN=
9TAILS=x
nonsense
PLAIN=again
VERCEL_ENV=production
`))
	var got []string
	for _, n := range m.Needs {
		got = append(got, fmt.Sprintf("%s:%d:%s:%t:%t", n.Key, n.Line, n.Form, n.Optional, n.Development))
	}
	want := "PAY:4:url:false:false API_URL:5:url:false:false PORT:6:port:false:false DB_PORT:7:port:false:false " +
		"QUOTED:8::true:false DEBUG_BAR:10::true:true SENTRY_DSN:12:url:true:false PLAIN:14::false:false"
	if strings.Join(got, " ") != want {
		t.Errorf("read\n%s\nwant\n%s", strings.Join(got, " "), want)
	}
	if len(bad) != 4 || bad[0].Where != ".env.example:15" || !strings.Contains(bad[2].Sentence, "twice") {
		t.Errorf("complaints: %+v", bad)
	}
}

// req: EN-19
func TestTheFormOfAValueIsHeldTo(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"https://a.example":          "",
		"postgres://u:p@db:5432/x":   "",
		"a.example":                  "no URL",
		"https://":                   "no URL",
		" https://a.example":         "no URL",
		"http://127.0.0.1:3000":      "this machine itself",
		"redis://localhost:6379":     "this machine itself",
		"https://localhost.example/": "",
	} {
		m := Manifest{Name: "m", Needs: []Need{{Key: "A", Line: 1, Form: URL}}}
		got := m.Check("production", []Given{{Key: "A", Value: value, Known: true}})
		if (len(got) > 0) != (want != "") || want != "" && !strings.Contains(got[0].Sentence, want) {
			t.Errorf("%q: %+v, want %q", value, got, want)
		}
		for _, p := range got {
			if value != "https://" && strings.Contains(p.Sentence, value) { // the remedy has that
				t.Errorf("the value %q is told: %s", value, p.Sentence)
			}
		}
	}
	for value, good := range map[string]bool{"1": true, "65535": true, "0": false, "65536": false, "+80": false,
		"080": false, "http": false} {
		m := Manifest{Name: "m", Needs: []Need{{Key: "A", Line: 1, Form: Port}}}
		if got := m.Check("staging", []Given{{Key: "A", Value: value, Known: true}}); (len(got) == 0) != good {
			t.Errorf("port %q: %+v", value, got)
		}
	}
}

func FuzzAManifestIsNeverTrouble(f *testing.F) {
	f.Add("A=1\n# optional\nB='x' # y\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, _ := ParseManifest("m", []byte(text))
		for _, n := range m.Needs {
			if CheckName(n.Key) != nil || n.Line < 1 {
				t.Fatalf("%+v is no variable", n)
			}
		}
		m.Check("production", nil)
	})
}

// exact tells values apart as they are.
func exact(v Variable, value string) (alike, known bool) {
	return v.Value == value, v.Kind != Sensitive
}

// platform carries steps out as the platform does.
type platform struct {
	found []Found
	clock int64
}

func (p *platform) now() time.Time { p.clock++; return time.Unix(p.clock, 0).UTC() }

func (p *platform) do(t *testing.T, s Step, at Place) {
	t.Helper()
	i := slices.IndexFunc(p.found, func(f Found) bool { return s.Do != Create && f.ID == s.Found.ID })
	for _, f := range p.found {
		if s.Do == Create && f.Key == s.Variable.Key && f.covers(at) {
			t.Fatalf("%s is created twice for %s", f.Key, at)
		}
	}
	switch s.Do {
	case Create:
		now := p.now()
		f := Found{ID: fmt.Sprint("env_", now.Unix()), Key: s.Variable.Key, Kind: s.Variable.Kind,
			Value: s.Variable.Value, Told: s.Variable.Kind != Sensitive, Targets: []string{at.Target}, Updated: now}
		if at.Custom != "" {
			f.Targets, f.Custom = nil, []string{at.Custom}
		}
		p.found = append(p.found, f)
	case Edit:
		f := &p.found[i]
		if f.Kind == Sensitive && s.Variable.Kind != Sensitive {
			t.Fatalf("%s was never to be told, and is edited to be", f.Key)
		}
		f.Value, f.Kind, f.Updated, f.Told = s.Variable.Value, s.Variable.Kind, p.now(), s.Variable.Kind != Sensitive
	case Narrow:
		f := &p.found[i]
		f.Targets, f.Custom = s.Found.Elsewhere(at)
		if f.Updated = p.now(); len(f.Targets)+len(f.Custom) == 0 {
			t.Fatalf("%s holds nowhere any more", f.Key)
		}
	case Drop:
		p.found = append(p.found[:i:i], p.found[i+1:]...)
	}
}

// Whatever is there, and wherever a try stops: carried on, the platform has what was wanted for the target, and for
// every other place what it had.
func TestAPlanEndsWherever(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 5))
		kinds := []Kind{Plain, Encrypted, Sensitive}
		p, at := &platform{}, Place{Target: "production"}
		if seed%3 == 0 {
			at = Place{Custom: "env_own"}
		}
		for i := range r.IntN(7) {
			targets := [][]string{{"production"}, {"preview"}, {"production", "preview"}, {"production", "development"}}
			custom := [][]string{nil, {"env_other"}, {"env_own"}, {"env_own", "env_other"}}[r.IntN(4)]
			if k := r.IntN(3); k == 0 && len(custom) > 0 {
				targets = make([][]string, 4)
			}
			k := kinds[r.IntN(3)]
			p.found = append(p.found, Found{ID: fmt.Sprint("there_", i), Key: string(rune('A' + i)), Kind: k,
				Value: fmt.Sprint(r.IntN(3)), Told: k != Sensitive, Targets: targets[r.IntN(4)], Custom: custom,
				Updated: p.now()})
		}
		elsewhere := others(p.found, at)
		want := Revision{}
		for i := range 8 {
			if r.IntN(3) > 0 {
				want.Variables = append(want.Variables, Variable{Key: string(rune('A' + i)), Kind: kinds[r.IntN(3)],
					Value: fmt.Sprint(r.IntN(3)), Sealed: fmt.Sprint("sealed/", seed, i)})
			}
		}
		for range 2 { // a try that is stopped somewhere, and one that is not
			steps, lost := Plan(want, nil, p.found, at, exact)
			if len(lost) > 0 {
				t.Fatalf("seed %d: lost %v, and every value is held", seed, lost)
			}
			if len(steps) > 0 && seed%2 == 0 {
				steps = steps[:r.IntN(len(steps)+1)]
				seed++
			}
			for _, s := range steps {
				p.do(t, s, at)
			}
		}
		steps, _ := Plan(want, nil, p.found, at, exact)
		for _, s := range steps {
			p.do(t, s, at)
		}
		for _, v := range want.Variables {
			got := ""
			for _, f := range Of(p.found, at) {
				if f.Key == v.Key {
					got += string(f.Kind) + f.Value
				}
			}
			if got != string(v.Kind)+v.Value {
				t.Fatalf("seed %d: %s is %s, want %s%s", seed, v.Key, got, v.Kind, v.Value)
			}
		}
		if n := len(Of(p.found, at)); n != len(want.Variables) {
			t.Fatalf("seed %d: %d variables, want %d", seed, n, len(want.Variables))
		}
		if now := others(p.found, at); now != elsewhere {
			t.Fatalf("seed %d: other places had\n%s\nand have\n%s", seed, elsewhere, now)
		}
		marks := MarksOf(want, p.found, at)
		if left, _ := Plan(want, marks, p.found, at, exact); len(left) > 0 {
			t.Fatalf("seed %d: there is something to do still: %+v", seed, left)
		}
		if d := Drift(want, marks, p.found, at, exact); len(d) > 0 {
			t.Fatalf("seed %d: drift from what was just written: %+v", seed, d)
		}
	}
}

// others says what all places but one have.
func others(list []Found, but Place) string {
	out := ""
	for _, p := range []Place{{Target: "production"}, {Target: "preview"}, {Target: "development"}, {Custom: "env_own"},
		{Custom: "env_other"}} {
		if p == but {
			continue
		}
		for _, f := range Of(list, p) {
			out += fmt.Sprint(p, f.Key, f.Kind, f.Value, "\n")
		}
	}
	return out
}
