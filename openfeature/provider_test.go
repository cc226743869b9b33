package openfeature_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/openfeature"
)

func TestNewRefusesWhatCantWork(t *testing.T) {
	for _, bad := range [][2]string{
		{"", key}, {"ftp://x", key}, {"http://u:p@x", key}, {"http://x", ""}, {"http://x", "a\nb"},
	} {
		if _, err := openfeature.New(bad[0], bad[1]); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Every kind through the SDK's own client: value, variant, reason, error and metadata.
func TestEveryKindOfFlagThroughTheSDK(t *testing.T) {
	g := ready(t, serve(t).url())
	user := of.NewEvaluationContext("ada", map[string]any{"plan": "pro", "age": 36, "since": time.Unix(0, 0)})
	type answer struct {
		value   any
		variant string
		reason  of.Reason
		code    of.ErrorCode
	}
	ask := func(kind, key string) answer {
		switch kind {
		case "boolean":
			d, _ := g.BooleanValueDetails(t.Context(), key, true, user)
			return answer{d.Value, d.Variant, d.Reason, d.ErrorCode}
		case "string":
			d, _ := g.StringValueDetails(t.Context(), key, "mine", user)
			return answer{d.Value, d.Variant, d.Reason, d.ErrorCode}
		case "int":
			d, _ := g.IntValueDetails(t.Context(), key, 7, user)
			return answer{d.Value, d.Variant, d.Reason, d.ErrorCode}
		case "float":
			d, _ := g.FloatValueDetails(t.Context(), key, 7, user)
			return answer{d.Value, d.Variant, d.Reason, d.ErrorCode}
		default:
			d, _ := g.ObjectValueDetails(t.Context(), key, "mine", user)
			return answer{d.Value, d.Variant, d.Reason, d.ErrorCode}
		}
	}
	const none = of.ErrorCode("")
	for _, test := range []struct {
		kind, key string
		want      answer
	}{
		{"boolean", "checkout", answer{false, "off", of.StaticReason, none}},
		{"string", "color", answer{"#00f", "blue", of.StaticReason, none}},
		{"int", "limit", answer{int64(5), "few", of.StaticReason, none}},
		{"float", "limit", answer{5.0, "few", of.StaticReason, none}},
		{"float", "rate", answer{0.5, "half", of.StaticReason, none}},
		{"object", "layout", answer{map[string]any{"columns": 3.0}, "wide", of.StaticReason, none}},
		{"boolean", "away", answer{true, "", of.DisabledReason, none}},
		{"boolean", "open", answer{true, "", of.DefaultReason, none}},
		{"boolean", "unknown", answer{true, "", of.ErrorReason, of.FlagNotFoundCode}},
		{"boolean", "color", answer{true, "", of.ErrorReason, of.TypeMismatchCode}},
		{"string", "checkout", answer{"mine", "", of.ErrorReason, of.TypeMismatchCode}},
		{"int", "rate", answer{int64(7), "", of.ErrorReason, of.TypeMismatchCode}},
		{"float", "color", answer{7.0, "", of.ErrorReason, of.TypeMismatchCode}},
		{"object", "color", answer{"mine", "", of.ErrorReason, of.TypeMismatchCode}},
	} {
		if diff := cmp.Diff(test.want, ask(test.kind, test.key), cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("%s as %s (-want +got):\n%s", test.key, test.kind, diff)
		}
	}
	d, err := g.BooleanValueDetails(t.Context(), "checkout", true, user)
	if err != nil || d.FlagMetadata["owner"] != "shop" || d.FlagMetadata["flagSetId"] != "shop/production" {
		t.Errorf("%v %v", d.FlagMetadata, err)
	}
	object := g.Object(t.Context(), "layout", nil, user).(map[string]any)
	object["columns"] = "changed by the program"
	if again := g.Object(t.Context(), "layout", nil, user).(map[string]any); again["columns"] != 3.0 {
		t.Error("two callers share an object:", again)
	}
	bad := of.NewEvaluationContext("ada", map[string]any{"f": func() {}})
	d, _ = g.BooleanValueDetails(t.Context(), "checkout", true, bad)
	if d.ErrorCode != of.InvalidContextCode || !d.Value {
		t.Errorf("%+v", d)
	}
}

// A change is in force without anybody asking, and the event names the flag that changed.
func TestAChangeArrives(t *testing.T) {
	s := serve(t)
	g := ready(t, s.url())
	g.await("PROVIDER_READY []")
	if g.checkout() {
		t.Fatal("on too early")
	}
	until(t, "a stream", func() bool { return s.get(func() int { return s.streams }) == 1 })
	s.put(flags(2, "on"))
	g.await("PROVIDER_CONFIGURATION_CHANGED [checkout]")
	if !g.checkout() {
		t.Error("still off")
	}
	before := s.get(func() int { return s.fetched })
	for range 1000 {
		g.checkout()
	}
	if after := s.get(func() int { return s.fetched }); after > before+2 { // the change may have been fetched twice
		t.Errorf("evaluations asked the server %d times", after-before)
	}
}

// The server dies, and comes back with something new.
func TestAServerThatDies(t *testing.T) {
	s := serve(t)
	s.put(flags(2, "on"))
	g := ready(t, s.url())
	g.await("PROVIDER_READY []")
	s.down()
	g.await("PROVIDER_STALE []")
	if g.State() != of.StaleState || !g.checkout() {
		t.Errorf("%s, %t without a server", g.State(), g.checkout())
	}
	s.put(flags(3, "off"))
	s.up()
	g.await("PROVIDER_READY []")
	until(t, "the change that was missed", func() bool { return !g.checkout() })
}

// A server that lies is refused as a whole, and what was there stays.
func TestAServerThatLies(t *testing.T) {
	for name, lie := range map[string]string{
		"half":        flags(3, "off")[:400],
		"of another":  strings.Replace(flags(3, "off"), "shop/production", "shop/staging", 1),
		"older":       flags(1, "off"),
		"nameless":    `{"flags": {}}`,
		"unnumbered":  `{"flags": {}, "metadata": {"flagSetId": "shop/production"}}`,
		"another way": `{"flags": 7, "metadata": {"flagSetId": "shop/production", "version": "3"}}`,
		"a page":      "<html>",
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			s.put(flags(2, "on"))
			g := ready(t, s.url())
			g.await("PROVIDER_READY []")
			until(t, "a stream", func() bool { return s.get(func() int { return s.streams }) > 0 })
			s.put(lie)
			g.await("PROVIDER_ERROR []")
			if !g.checkout() {
				t.Error("the last good flags are gone")
			}
			s.put(flags(4, "off"))
			g.await("PROVIDER_READY []")
			if g.checkout() {
				t.Error("the truth is refused too")
			}
		})
	}
}

// A program that starts while no server answers begins with its file; a damaged one is refused as a whole.
func TestAStartWithoutAServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flags.json")
	s := serve(t)
	s.put(flags(2, "on"))
	first := ready(t, s.url(), openfeature.WithFile(file))
	if err := first.sdk.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	s.down()

	g := ready(t, s.url(), openfeature.WithFile(file))
	if !g.checkout() {
		t.Error("not from the file")
	}
	g.await("PROVIDER_STALE []")
	s.put(flags(3, "off"))
	s.up()
	g.await("PROVIDER_CONFIGURATION_CHANGED [checkout]")
	if g.checkout() {
		t.Error("the server's flags are not taken")
	}
	if err := g.sdk.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.down()

	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(good); at += 61 {
		bad := append([]byte(nil), good...)
		bad[at] ^= 1
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		var text json.RawMessage
		_, err := begin(t, s.url(), openfeature.WithFile(file), openfeature.WithRetry(time.Minute, time.Minute))
		if err == nil {
			t.Errorf("byte %d turned, and the file is taken (%v)", at, json.Unmarshal(bad, &text))
		}
	}
}

func TestAKeyThatIsRefused(t *testing.T) {
	s := serve(t)
	p, err := openfeature.New(s.url(), "slwf_srv_other")
	if err != nil {
		t.Fatal(err)
	}
	err = p.InitWithContext(t.Context(), of.EvaluationContext{})
	p.Shutdown()
	if e, ok := errors.AsType[*of.ProviderInitError](err); !ok || e.ErrorCode != of.ProviderFatalCode ||
		!strings.Contains(e.Message, "flag-key create") {
		t.Errorf("%v", err)
	}
	if d := p.BooleanEvaluation(t.Context(), "checkout", true, nil); !d.Value || d.Reason != of.ErrorReason {
		t.Errorf("%+v", d)
	}
}

// Nobody answers at first; then somebody does.
func TestReadyAfterAll(t *testing.T) {
	s := serve(t)
	s.down()
	g, err := begin(t, s.url())
	if err == nil {
		t.Fatal("ready without flags")
	}
	s.put(flags(2, "on"))
	s.up()
	g.await("PROVIDER_READY []")
	if !g.checkout() {
		t.Error("still off")
	}
}

// Where no event stream gets through, the flags are polled.
func TestWithoutAStream(t *testing.T) {
	s := serve(t)
	s.set(func() { s.noStream = true })
	g := ready(t, s.url())
	s.put(flags(2, "on"))
	g.await("PROVIDER_CONFIGURATION_CHANGED [checkout]")
	if g.State() != of.ReadyState {
		t.Error(g.State())
	}
}

// What was served is reported in sums. What does not arrive comes again, and counts go on.
func TestReports(t *testing.T) {
	s := serve(t)
	s.set(func() { s.usage = 503 })
	g := ready(t, s.url(), openfeature.WithReports(20*time.Millisecond))
	for range 3 {
		g.checkout()
	}
	g.String(t.Context(), "color", "", of.EvaluationContext{})
	g.Boolean(t.Context(), "away", true, of.EvaluationContext{})
	g.Boolean(t.Context(), "unknown", true, of.EvaluationContext{})
	until(t, "two tries", func() bool { return s.get(func() int { return s.sent }) > 1 })
	g.checkout()
	s.set(func() { s.usage = 0 })
	if err := g.sdk.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	sums := map[api.FlagCount]int64{}
	for _, r := range s.reports {
		for _, u := range r.Items {
			sums[api.FlagCount{Flag: u.Flag, Variant: u.Variant}] += u.Evaluations
		}
	}
	want := map[api.FlagCount]int64{
		{Flag: "checkout", Variant: "off"}: 4, {Flag: "color", Variant: "blue"}: 1, {Flag: "away"}: 1,
	}
	if diff := cmp.Diff(want, sums); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Many evaluate while flags change: for the race detector, and every answer is one of a whole document.
func TestManyEvaluateWhileFlagsChange(t *testing.T) {
	s := serve(t)
	file := filepath.Join(t.TempDir(), "flags.json")
	g := ready(t, s.url(), openfeature.WithReports(time.Millisecond), openfeature.WithFile(file))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	shared := of.NewEvaluationContext("ada", map[string]any{"age": 36, "tags": []string{"a"}})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if d, err := g.BooleanValueDetails(t.Context(), "checkout", false, shared); err != nil ||
					d.Value != (d.Variant == "on") {
					t.Errorf("%+v %v", d, err)
					return
				}
			}
		})
	}
	for i := 2; i < 40; i++ {
		s.put(flags(i, []string{"on", "off"}[i%2]))
	}
	s.put(flags(40, "on"))
	until(t, "the last change", g.checkout)
	close(stop)
	wg.Wait()
}
