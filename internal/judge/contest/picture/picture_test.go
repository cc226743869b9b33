package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw the pictures of single canaries anew")

// What docs/judge.md shows is what the judge does now. The traffic model is not the same to the last bit on every
// processor, so that is asked on one.
func TestThePicturesAreNotStale(t *testing.T) {
	t.Parallel()
	for _, f := range scenes() {
		path := filepath.Join("../../../../docs/img", f.name)
		if *update {
			if err := os.WriteFile(path, f.svg, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOARCH == "amd64" && !bytes.Equal(old, f.svg) {
			t.Errorf("%s is not what the judge does now: run make pictures", f.name)
		}
		whole(t, f)
	}
}

// whole says whether a picture is well-formed and needs nothing else.
func whole(t *testing.T, f file) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(f.svg)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
	}
	for _, never := range []string{"NaN", "Inf", "<script", "href", "…"} {
		if strings.Contains(string(f.svg), never) {
			t.Errorf("%s has %q", f.name, never)
		}
	}
}

// The story that the pictures tell is checked, so that another seed or judge can't make the page lie.
func TestThePicturesTellTheirStory(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, f := range scenes() {
		files[f.name] = string(f.svg)
	}
	for name, says := range map[string][]string{
		"judge-wealth.svg":   {"taken back"},
		"judge-incident.svg": {"a limit: v2 back", "the database is slow"},
		"judge-climb.svg":    {"100\u00a0%"},
	} {
		for _, s := range says {
			if !strings.Contains(files[name], s) {
				t.Errorf("%s does not show %q", name, s)
			}
		}
	}
	if strings.Contains(files["judge-incident.svg"], "taken back") {
		t.Error("the incident is held against v2")
	}
}

func TestFiguresTakeTheirPlace(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "judge.md")
	text := "a\n<!-- figures x -->\nold\n<!-- end -->\nb\n<!-- figures y -->\nstays\n<!-- end -->\n"
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	tab := &table{head: "| a | b |"}
	tab.add([]string{"1", "2"})
	if err := fill(page, map[string]string{"x": tab.text()}); err != nil {
		t.Fatal(err)
	}
	want := "a\n<!-- figures x -->\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<!-- end -->\nb\n" +
		"<!-- figures y -->\nstays\n<!-- end -->\n"
	if got, _ := os.ReadFile(page); string(got) != want {
		t.Errorf("%q", got)
	}
	if err := fill(page, map[string]string{"z": ""}); err == nil {
		t.Error("figures without a place are no error")
	}
	var out bytes.Buffer
	chart(&out, "what", "note", 0, []group{{"g", []bar{{"n", 100, "100"}, {"Slipway", 10, "10"}}}})
	whole(t, file{"bars", out.Bytes()})
	if !strings.Contains(out.String(), `width="235.0"`) || !strings.Contains(out.String(), `width="117.5"`) {
		t.Errorf("the bars are not as long as their values say: %s", out.String())
	}
}
