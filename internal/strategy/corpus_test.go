package strategy

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatalf("write golden: %v", err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("read golden: %v; write it with -update", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got); -update writes it:\n%s", name, d)
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files")
	flag.Parse()
	os.Exit(m.Run())
}

func corpus(t testing.TB, kind string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", kind, "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("find corpus %s: %d files, %v", kind, len(names), err)
	}
	out := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatalf("read corpus: %v", err)
		}
		out[name] = b
	}
	return out
}

// TestBadFiles pins what people read about every kind of mistake.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	for name, src := range corpus(t, "bad") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			s, err := Parse("slipway.yaml", src)
			if err == nil || s != nil {
				t.Fatalf("a bad file was read")
			}
			var p *Problems
			if !errors.As(err, &p) || fault.KindOf(err) != fault.Invalid || fault.ReasonOf(err) != "strategy_invalid" {
				t.Fatalf("error is %T, %s, %s", err, fault.KindOf(err), fault.ReasonOf(err))
			}
			for _, one := range p.List {
				if one.Line < 1 || one.Column < 1 || one.Message == "" || one.Remedy == "" {
					t.Errorf("a problem without place or remedy: %+v", one)
				}
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".want", err.Error()+"\n")
		})
	}
}

// TestGoodFiles pins the effective form, and that it means the same when it is
// read again.
func TestGoodFiles(t *testing.T) {
	t.Parallel()
	for name, src := range corpus(t, "good") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			s := mustParse(t, string(src))
			full := s.Explain()
			golden(t, strings.TrimSuffix(name, ".yaml")+".want", full)
			again := mustParse(t, full)
			if again.Hash() != s.Hash() {
				t.Errorf("the explained file means something else:\n%s", cmp.Diff(document.Write(s.tree, ""),
					document.Write(again.tree, "")))
			}
			if d := cmp.Diff(s.ReleasePlan(), again.ReleasePlan()); d != "" {
				t.Errorf("the explained file has another plan:\n%s", d)
			}
		})
	}
}

func TestTheExampleIsRight(t *testing.T) {
	t.Parallel()
	if _, err := Load(filepath.Join("..", "..", "examples", "nextjs", "slipway.yaml")); err != nil {
		t.Error(err)
	}
	if _, err := Load("no-such-file.yaml"); fault.ReasonOf(err) != "strategy_missing" {
		t.Errorf("a missing file: %v", err)
	}
}

func TestHugeAndHostileFilesEndSoon(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"too large":     strings.Repeat("#", document.MaxSize+1),
		"flow":          "a: " + strings.Repeat("[", 200_000),
		"braces":        strings.Repeat("{", 200_000),
		"dashes":        strings.Repeat("- ", 100_000),
		"questions":     strings.Repeat("? ", 100_000),
		"steps":         steps(1000),
		"many keys":     strings.Repeat("k: v\n", 50_000),
		"one line":      "a: " + strings.Repeat("x", document.MaxSize-10),
		"quotes":        `a: "` + strings.Repeat(`\"`, 100_000),
		"block":         "a: |\n" + strings.Repeat("  x\n", 60_000),
		"folded":        "a: >\n" + strings.Repeat("  x\n\n", 50_000),
		"list":          "a: [" + strings.Repeat("1,", 100_000) + "1]",
		"colons":        strings.Repeat("a:", 100_000),
		"aliases":       "a: &a x\n" + strings.Repeat("b: *a\n", 40_000),
		"plain lines":   "a: " + strings.Repeat("b\n  ", 60_000),
		"wide mappings": "{" + strings.Repeat("a: {b: c}, ", 20_000) + "}",
		"remarks":       strings.Repeat("# x\n", 60_000),
	}
	for name, src := range tests {
		start := time.Now()
		if _, err := Parse("slipway.yaml", []byte(src)); err == nil {
			t.Errorf("%s: was read", name)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: took %s", name, took)
		} else {
			t.Logf("%-14s %7d bytes  %s", name, len(src), took.Round(time.Millisecond))
		}
	}
}

// steps indents every line by one more column.
func steps(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// FuzzParse never panics, never hangs, and what it accepts explains itself.
func FuzzParse(f *testing.F) {
	for _, kind := range []string{"good", "bad"} {
		for _, src := range corpus(f, kind) {
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 16<<10 {
			return
		}
		s, err := Parse("slipway.yaml", src)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		again, err := Parse("slipway.yaml", []byte(s.Explain()))
		if err != nil {
			t.Fatalf("the explained file is refused: %v\n%s", err, s.Explain())
		}
		if again.Hash() != s.Hash() {
			t.Fatalf("the explained file means something else:\n%s", cmp.Diff(document.Write(s.tree, ""),
				document.Write(again.tree, "")))
		}
	})
}

// TestTheReferenceIsTrue reads every example of docs/strategy.md.
func TestTheReferenceIsTrue(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "strategy.md"))
	if err != nil {
		t.Fatalf("read reference: %v", err)
	}
	blocks := strings.Split(string(doc), "```yaml\n")[1:]
	if len(blocks) < 10 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		src, _, _ := strings.Cut(b, "```")
		if !strings.HasPrefix(src, "app:") && !strings.Contains(src, "\napp:") {
			src = "app: shop\n" + src
		}
		if !strings.Contains(src, "target:") {
			src = "target: {selfhost: {stable: http://127.0.0.1:3001}}\n" + src
		}
		if _, err := Parse("strategy.md", []byte(src)); err != nil {
			t.Errorf("%v\n%s", err, src)
		}
	}
}
