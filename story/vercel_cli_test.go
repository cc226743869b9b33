//go:build full

package story

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
)

// types has another person use Vercel's own command line, in a folder that is linked to the project.
func (v *town) types(args ...string) {
	v.w.t.Helper()
	dir := v.w.t.TempDir()
	program, err := filepath.Abs(filepath.Join("vercel", "node_modules", "vercel", "dist", "vc.js"))
	v.w.ok(err)
	v.w.ok(os.MkdirAll(filepath.Join(dir, ".vercel"), 0o700))
	v.w.ok(os.WriteFile(filepath.Join(dir, ".vercel", "project.json"), fmt.Appendf(nil,
		`{"projectId":%q,"orgId":%q,"projectName":"shop"}`, v.project.ID, fake.TeamID), 0o600))
	args = append(append([]string{program}, args...), "--yes", "--api", v.URL(), "--token", "hand", "--global-config",
		filepath.Join(dir, "config"))
	cmd := exec.CommandContext(v.w.ctx, "node", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "VERCEL_TELEMETRY_DISABLED=1", "CI=1", "HOME="+dir, "NO_UPDATE_NOTIFIER=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		v.w.t.Fatalf("vercel %s: %v\n%s", strings.Join(args[1:], " "), err, out)
	}
}

// Another person uses Vercel's own command line in the middle of a rolling release: it is noticed, named with who it
// was, and held or undone as the strategy says. Where no release is under way, what they did is the stable version.
func TestTheCommandLineInARollingRelease(t *testing.T) {
	t.Parallel()
	t.Run("hold", func(t *testing.T) {
		w, v := onVercel(t, long...)
		for version, hand := range map[string]struct {
			args func(canary string) []string
			did  string
		}{
			"v2": {func(string) []string { return []string{"rollback", v.built("v1")} }, "grace took v2 back"},
			"v3": {func(canary string) []string { return []string{"promote", canary} }, "grace gave everybody v3"},
		} {
			r := v.push(version)
			w.gates(r)
			w.exposed(r.ID, 20)
			v.types(hand.args(v.built(version))...)
			got := w.reaches(r.ID, "say who did what", func(r api.Release) bool {
				return strings.HasPrefix(r.Sentence, hand.did+", and not through Slipway.")
			})
			if got.Phase != "running" || got.Share != 20 || w.runs("production") == version {
				t.Errorf("%s is %s at %g %%: %s", version, got.Phase, got.Share, got.Sentence)
			}
			_, err := w.admin().ActOnRelease(w.ctx, r.ID, "abort", api.ReleaseAction{Reason: "a story"})
			w.ok(err)
			w.ends(r.ID, "aborted")
			if v.served() != "c-v1" || w.runs("production") != v.built("v1") {
				t.Errorf("taken back, Vercel serves %s, Slipway records %s", v.served(), w.runs("production"))
			}
		}
	})
	t.Run("undo", func(t *testing.T) {
		w, v := onVercel(t, append([]string{"canary: rolling", "canary: rolling, drift: undo", "[50]", "[5, 50, 100]"},
			"bake: 300ms", "bake: 1h")...)
		r := v.push("v2")
		w.gates(r)
		w.exposed(r.ID, 5)
		v.types("promote", v.built("v2"))
		r = w.ends(r.ID, "aborted")
		// It does not wait for the webhook that says who it was: that may come when it is taken back already.
		w.until("say who it was", func() bool {
			r = w.release(r.ID)
			return !strings.HasPrefix(r.Reason, "Somebody gave everybody v2, ")
		})
		if want := "grace gave everybody v2, and not through Slipway."; r.Reason != want || v.served() != "c-v1" ||
			!strings.Contains(r.Sentence, want) {
			t.Errorf("Vercel serves %s: %s: %s", v.served(), r.Reason, r.Sentence)
		}
	})
	t.Run("adopted", func(t *testing.T) {
		w, v := onVercel(t, "[50]", "[5, 100]")
		r := v.push("v2")
		w.gates(r)
		w.approves("pia", w.asked(r.ID))
		w.ends(r.ID, "completed")
		v.types("rollback", v.built("v1"))
		w.until("what they did is the stable version", func() bool { return w.runs("production") == v.built("v1") })
		list := w.events("target.adopted")
		if len(list) != 1 || !strings.HasPrefix(list[0].Sentence, "grace put ") {
			t.Errorf("it is told as %+v", list)
		}
	})
}
