package story

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/store"
)

// edgeProcess is `slipway edge` as a process of its own.
type edgeProcess struct {
	s        *site
	key      string
	cmd      *exec.Cmd
	visitors string         // where they come in
	flags    *client.Client // where programs ask

	mu   sync.Mutex
	said bytes.Buffer
}

// Write keeps what the process prints.
func (e *edgeProcess) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.said.Write(b)
}

func (e *edgeProcess) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.said.String()
}

// edgeProcess starts one, with its files in a folder, and reads where it listens.
func (s *site) edgeProcess(key, dir string) *edgeProcess {
	s.t.Helper()
	doc, err := json.Marshal(orders{Edge: []string{
		"--control", "http://" + s.nodes[0].address, "--name", "edge-2", "--log-level", "error",
		"--listen", "127.0.0.1:0", "--snapshot", filepath.Join(dir, "table.json"),
		"--flags-listen", "127.0.0.1:0", "--flags-snapshot", filepath.Join(dir, "flags.json"),
	}})
	s.ok(err)
	e := &edgeProcess{s: s, key: key, cmd: exec.Command(os.Args[0])}
	e.cmd.Env = append(os.Environ(), childVariable+"="+string(doc), "SLIPWAY_TOKEN="+s.tokens["dora"],
		"SLIPWAY_FLAGS_KEY="+key)
	e.cmd.Stdout, e.cmd.Stderr = e, e
	s.ok(e.cmd.Start())
	s.finally(func() { e.kill() })
	find := func(pattern string) string {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(e.text()); m != nil {
			return m[1]
		}
		return ""
	}
	flags := ""
	s.until("the edge says where it is", func() bool {
		e.visitors, flags = find(`visitors on (http://\S+)`), find(`flags on (http://\S+[0-9])`)
		return e.visitors != "" && flags != ""
	})
	e.flags, err = client.New(flags, client.Options{Token: key, Tries: 1})
	s.ok(err)
	return e
}

// kill ends it as a failing machine does.
func (e *edgeProcess) kill() {
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
}

// gets is which version a visitor gets, and which variant: "v2 on". It is an error's text where one fails.
func (e *edgeProcess) gets(id string) string {
	ctx := context.Background()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.visitors+"/", nil)
	e.s.ok(err)
	req.Header.Set("Cookie", edge.DefaultCookie+"="+id)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	out, err := e.flags.EvaluateFlag(ctx, "checkout", "", map[string]any{"targetingKey": id})
	if err != nil {
		return err.Error()
	}
	return res.Header.Get("X-App-Version") + " " + out.Variant
}

// Control node and edge die; the edge starts anew, and nobody is there whom it could ask. From its two files it gives
// every visitor the version and the variant that they had before. The flag draws as the canary does, so they nest. When
// control is back it follows again.
//
// req: FF-16 N-05
func TestAnEdgeStartsFromItsDisk(t *testing.T) {
	t.Parallel()
	o := options{rate: 20, crowd: 20, edit: []string{"bake: 300ms", "bake: 1h"}}
	s := open(t, store.SQLite, prepared(t, store.SQLite), o, 1)
	s.nodes[0].revive = true
	s.opens(o)
	s.until("v2 has visitors", func() bool { _, _ = s.drives("v2"); return s.at.Table().Share == 50 })
	product := s.by("pia")
	_, err := product.CreateFlag(s.ctx, api.CreateFlag{Key: "checkout", Kind: "boolean"})
	s.ok(err)
	_, err = product.PutFlagConfig(s.ctx, "checkout", "production", api.PutFlagConfig{On: true, Off: "off",
		Default: api.FlagServe{Salt: s.release("v2").ID, Split: []api.FlagPortion{
			{Variant: "on", Weight: 50}, {Variant: "off", Weight: 50},
		}}})
	s.ok(err)
	key, err := s.by("dora").CreateFlagKey(s.ctx, api.CreateFlagKey{Environment: "production", Kind: "server",
		Name: "edge-2"})
	s.ok(err)

	dir := t.TempDir()
	e := s.edgeProcess(key.Secret, dir)
	before := map[string]string{}
	met := map[string]int{}
	who, got := fmt.Sprintf("%032x", 1), ""
	defer func() {
		if t.Failed() {
			t.Logf("the edge gives %q, and said: %s", got, e.text())
		}
	}()
	s.until("the edge knows table and flags", func() bool {
		got = e.gets(who)
		return got == "v1 off" || got == "v2 on"
	})
	for i := range 20 {
		id := fmt.Sprintf("%032x", i*7919)
		before[id] = e.gets(id)
		met[before[id]]++
	}
	if len(met) != 2 || met["v1 off"] == 0 || met["v2 on"] == 0 {
		t.Errorf("canary and flag don't nest: %v", met)
	}

	s.nodes[0].hold()
	e.kill()
	e = s.edgeProcess(key.Secret, dir)
	for id, want := range before {
		if got := e.gets(id); got != want {
			t.Errorf("from its disk the edge gives %s %q, before %q", id, got, want)
		}
	}
	s.nodes[0].goOn()
	s.until("control is back", func() bool {
		_, err := product.TurnFlagOff(s.ctx, "checkout", "production", api.SwitchFlag{Reason: "over"})
		return err == nil
	})
	_, err = s.by("inez").ActOnRelease(s.ctx, "v2", "abort", api.ReleaseAction{Reason: "enough"})
	s.ok(err)
	s.until("the edge follows again", func() bool {
		for id, had := range before {
			if had == "v2 on" {
				return e.gets(id) == "v1 off"
			}
		}
		return false
	})
}
