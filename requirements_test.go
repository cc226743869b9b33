package slipway_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requirement is one row of docs/requirements.tsv.
type requirement struct {
	id, section, text, source string
}

// proof is a test that says which rows it proves.
type proof struct {
	id, name, file string
	line           int
}

const (
	requirementRows = "docs/requirements.tsv"
	requirementPage = "docs/requirements.md"
)

var update = flag.Bool("update", false, "write docs/requirements.md anew")

// TestRequirements holds docs/requirements.md to the tests: `make requirements` writes it.
func TestRequirements(t *testing.T) {
	rows := readRequirements(t)
	proofs := append(goProofs(t, readHouse(t)), scriptProofs(t)...)
	known := map[string]bool{}
	for _, r := range rows {
		if known[r.id] {
			t.Errorf("%s stands twice in %s", r.id, requirementRows)
		}
		known[r.id] = true
	}
	for _, p := range proofs {
		if !known[p.id] {
			t.Errorf("%s:%d: %s is not a requirement", p.file, p.line, p.id)
		}
	}
	want := requirementsPage(rows, proofs)
	if *update {
		if err := os.WriteFile(requirementPage, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(requirementPage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the tests prove: run `make requirements`", requirementPage)
	}
}

func readRequirements(t *testing.T) []requirement {
	t.Helper()
	text, err := os.ReadFile(requirementRows)
	if err != nil {
		t.Fatal(err)
	}
	var rows []requirement
	for i, line := range textLines(text)[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 4 {
			t.Fatalf("%s:%d: %d columns, not 4", requirementRows, i+2, len(f))
		}
		rows = append(rows, requirement{id: f[0], section: f[1], text: f[2], source: f[3]})
	}
	return rows
}

// reqMark finds the mark in a comment of its own line.
func reqMark() *regexp.Regexp {
	return regexp.MustCompile(`^\s*(?://|#) req: ([A-Z]{1,2}-\d+(?: [A-Z]{1,2}-\d+)*)\s*$`)
}

// goProofs reads the marks of the Go tests. A mark above a function or inside it belongs
// to that function; one above everything belongs to the file.
func goProofs(t *testing.T, h *house) []proof {
	t.Helper()
	var proofs []proof
	mark := reqMark()
	for _, r := range h.rooms {
		for _, f := range r.files {
			for _, group := range f.tree.Comments {
				for _, c := range group.List {
					if !strings.HasPrefix(c.Text, "// req:") {
						continue
					}
					at := h.fset.Position(c.Pos())
					m := mark.FindStringSubmatch(c.Text)
					name := testAround(f, c)
					if m == nil || !f.test || name == "" {
						t.Errorf("%s: %q: write it above or inside a test, as // req: AB-01 AB-02", at, c.Text)
						continue
					}
					for id := range strings.FieldsSeq(m[1]) {
						proofs = append(proofs, proof{id: id, name: name, file: f.path, line: at.Line})
					}
				}
			}
		}
	}
	return proofs
}

// testAround is the test, or the part of one, that a comment stands in or directly above.
func testAround(f *source, c *ast.Comment) string {
	for _, d := range f.tree.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		start := fn.Pos()
		if fn.Doc != nil {
			start = fn.Doc.Pos()
		}
		if start <= c.Pos() && c.Pos() < fn.End() {
			return fn.Name.Name
		}
	}
	return ""
}

// scriptProofs reads the marks of tests that are not in Go: the mark stands above the test.
func scriptProofs(t *testing.T) []proof {
	t.Helper()
	var proofs []proof
	mark := reqMark()
	title := regexp.MustCompile(`^\s*(?:test|it)\(\s*["'` + "`" + `]([^"'` + "`" + `]+)`)
	files := textFiles(t)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(file, ".test.mjs") && !strings.HasSuffix(file, ".test.ts") &&
			!strings.HasPrefix(file, "script/") {
			continue
		}
		lines := files[file]
		for i, line := range lines {
			m := mark.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			name := path.Base(file)
			if i+1 < len(lines) {
				if found := title.FindStringSubmatch(lines[i+1]); found != nil {
					name = found[1]
				}
			}
			for id := range strings.FieldsSeq(m[1]) {
				proofs = append(proofs, proof{id: id, name: name, file: file, line: i + 1})
			}
		}
	}
	return proofs
}

func requirementsPage(rows []requirement, proofs []proof) []byte {
	byID := map[string][]string{}
	slices.SortStableFunc(proofs, func(a, b proof) int { return strings.Compare(a.file+" "+a.name, b.file+" "+b.name) })
	for _, p := range proofs {
		cell := fmt.Sprintf("[%s](../%s) in %s", p.name, p.file, path.Dir(p.file))
		if !slices.Contains(byID[p.id], cell) {
			byID[p.id] = append(byID[p.id], cell)
		}
	}
	var order []string
	total, proven := map[string]int{}, map[string]int{}
	for _, r := range rows {
		if !slices.Contains(order, r.section) {
			order = append(order, r.section)
		}
		total[r.section]++
		if len(byID[r.id]) > 0 {
			proven[r.section]++
		}
	}
	var b bytes.Buffer
	done := 0
	for _, n := range proven {
		done += n
	}
	fmt.Fprintf(&b, `# Requirements

What Slipway must do, row by row, and which test proves it. This page is made by %[1]smake requirements%[1]s from the
rows in [requirements.tsv](requirements.tsv) and from the %[1]sreq:%[1]s comments of the tests; do not edit it. A row
without a test is open. A test that names a row proves what the test checks, which can be a part of the row: read it
before you rely on it.

**%[2]d of %[3]d rows are named by a test.**

| section | rows | named by a test | open |
|---|--:|--:|--:|
`, "`", done, len(rows))
	for _, s := range order {
		fmt.Fprintf(&b, "| [%s](#%s) | %d | %d | %d |\n", s, anchorOf(s), total[s], proven[s], total[s]-proven[s])
	}
	section := ""
	for _, r := range rows {
		if r.section != section {
			section = r.section
			fmt.Fprintf(&b, "\n## %s\n\n| id | requirement | from | proved by |\n|---|---|---|---|\n", section)
		}
		tests := "open"
		if found := byID[r.id]; len(found) > 0 {
			tests = strings.Join(found, "<br>")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.id, r.text, r.source, tests)
	}
	return b.Bytes()
}
