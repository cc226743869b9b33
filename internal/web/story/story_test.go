package story_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/web/story"
)

var update = flag.Bool("update", false, "write golden files")

// asset names files without their hashes, so that a changed color changes no golden page.
func asset(name string) string { return "/static/" + name }

func render(t *testing.T, s story.Story) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Page(story.Frame(asset)).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPages compares every state of every page with its golden file and looks for what
// no page may have.
func TestPages(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range story.All() {
		if seen[s.Name] {
			t.Fatalf("two stories are named %s", s.Name)
		}
		seen[s.Name] = true
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			got := render(t, s)
			for _, problem := range examine(got) {
				t.Error(problem)
			}
			if s.Large {
				return
			}
			if len(got) > 60<<10 {
				t.Errorf("the page has %d KB, more than 60", len(got)>>10)
			}
			golden(t, s.Name, got)
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", strings.ReplaceAll(name, "/", "-")+".html")
	// Lines make a golden file's changes readable; they add nothing that a browser shows.
	got = bytes.ReplaceAll(got, []byte("><"), []byte(">\n<"))
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("the page changed; run with -update when that is meant (-want +got):\n%s", diff)
	}
}

// TestExamine proves that the examination finds what it looks for.
func TestExamine(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, html, want string }{
		{"inline script", `<h1>a</h1><script>alert(1)</script>`, "script"},
		{"inline style", `<h1>a</h1><p style="color:red">x</p>`, "style"},
		{"style element", `<h1>a</h1><style>p{}</style>`, "style"},
		{"handler", `<h1>a</h1><p onclick="x()">x</p>`, "onclick"},
		{"doubled id", `<h1 id="a">a</h1><p id="a">x</p>`, `id "a"`},
		{"form without token", `<h1>a</h1><form method="post" action="/x"></form>`, "_csrf"},
		{"field without label", `<h1>a</h1><input name="x" id="x">`, "label"},
		{"no h1", `<h2>a</h2>`, "h1"},
		{"skipped heading", `<h1>a</h1><h3>b</h3>`, "h3"},
		{"script link", `<h1>a</h1><a href="javascript:alert(1)">x</a>`, "javascript"},
		{"dangling reference", `<h1>a</h1><p aria-labelledby="b">x</p>`, `"b"`},
		{"flag of a command", `<h1>a</h1><p>Go over it (--over).</p>`, "--over"},
		{"words that touch", `<h1>a</h1><p><bdi>kim</bdi><time>14:53</time></p>`, "touches"},
		{"loose comma", `<h1>a</h1><p><time>14:53</time> , after 11 minutes</p>`, "a space stands"},
		{"mute button", `<h1>a</h1><button></button>`, "button"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			problems := strings.Join(examine([]byte(test.html)), "\n")
			if !strings.Contains(problems, test.want) {
				t.Errorf("problems %q do not name %q", problems, test.want)
			}
		})
	}
}

// BenchmarkPage is the time to render a release with its pictures.
func BenchmarkPage(b *testing.B) {
	for _, name := range []string{"home/running", "release/running", "canary/running", "log/many"} {
		for _, s := range story.All() {
			if s.Name != name {
				continue
			}
			b.Run(name, func(b *testing.B) {
				c := s.Page(story.Frame(asset))
				for b.Loop() {
					if err := c.Render(b.Context(), io.Discard); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
