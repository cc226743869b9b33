// Package scan finds where source code asks for flags.
//
// Tree walks a folder and looks for the keys of flags in quoted strings: in calls of
// SDKs, in components as <Flag name="…">, in constants (whose names it then looks
// for), and elsewhere. For each flag it says what removing it would take: how many
// files and tests, and at each place which branch stays. It reads text, not syntax,
// so what it says of a branch is a hint to look at, and Sure says what is a guess.
package scan

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Options say what is looked for, and how far.
type Options struct {
	Keys     []string          // of the flags
	Stays    map[string]string // by key: the variant that everybody gets, whose branch stays; missing: not known
	MaxBytes int64             // of a file that is read; 0: 1 MiB
	MaxFiles int               // that are read; 0: 100,000
}

// Form is how code asks for a flag at a place.
type Form string

// The forms.
const (
	Call       Form = "call"       // an argument of a function: client.getBooleanValue("key", false)
	Component  Form = "component"  // an attribute of a component: <Flag name="key">
	Definition Form = "definition" // key: "key", as the Flags SDK has it, or a field of a file of flags
	Constant   Form = "constant"   // const KEY = "key"
	Name       Form = "name"       // a use of such a constant
	Text       Form = "text"       // any other quoted string: it may mean something else
)

// Reference is one place where a flag is asked for.
type Reference struct {
	Key     string `json:"key"`
	Path    string `json:"path"`
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1, in characters
	Form    Form   `json:"form"`
	Name    string `json:"name,omitempty"` // of the function, the component or the constant
	Test    bool   `json:"test"`           // it stands in a test
	Sure    bool   `json:"sure"`           // it is a flag without doubt; else a string that reads like one
	Snippet string `json:"snippet"`        // the line, shortened
	Stays   string `json:"stays,omitempty"`
}

// Removal is what it takes to take a flag out of the code.
type Removal struct {
	Key        string `json:"key"`
	References int    `json:"references"`
	Guesses    int    `json:"guesses"` // among them: strings that may mean something else
	Files      int    `json:"files"`   // without tests
	Tests      int    `json:"tests"`   // files that are tests
	Variant    string `json:"variant,omitempty"`
	Sentence   string `json:"sentence"`
}

// Result is what was found.
type Result struct {
	Files      int         `json:"files"`   // that were read
	Skipped    []string    `json:"skipped"` // files that could not be read, or are too large, with the reason
	References []Reference `json:"references"`
	Removals   []Removal   `json:"removals"` // one for each key, in the order they were given
}

const (
	maxBytes   = 1 << 20
	maxFiles   = 100_000
	maxSnippet = 160
	maxSkipped = 100
	maxInFile  = 1000 // places of a file that are told: a file with more is made by a program
)

// Tree looks through a folder. It stops with an error only when the folder itself can't be read, or ctx ends.
func Tree(ctx context.Context, tree fs.FS, o Options) (*Result, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = maxBytes
	}
	if o.MaxFiles <= 0 {
		o.MaxFiles = maxFiles
	}
	s := &scanner{tree: tree, o: o, keys: map[string]bool{}}
	s.result = &Result{Skipped: []string{}, References: []Reference{}}
	for _, key := range o.Keys {
		s.keys[key] = true
	}
	if err := s.walk(ctx, s.read); err != nil {
		return nil, err
	}
	if names := s.constants(); len(names) > 0 {
		files, skipped := s.result.Files, slices.Clone(s.result.Skipped)
		err := s.walk(ctx, func(name string, text []byte) {
			s.result.References = append(s.result.References, uses(name, text, names)...)
		})
		if err != nil {
			return nil, err
		}
		s.result.Files, s.result.Skipped = files, skipped
	}
	slices.SortFunc(s.result.References, func(a, b Reference) int {
		if c := strings.Compare(a.Key+"\x00"+a.Path, b.Key+"\x00"+b.Path); c != 0 {
			return c
		}
		return (a.Line-b.Line)*10_000 + a.Column - b.Column
	})
	s.removals()
	return s.result, nil
}

type scanner struct {
	tree   fs.FS
	o      Options
	keys   map[string]bool
	result *Result
}

// walk gives each file that may be source code to see.
func (s *scanner) walk(ctx context.Context, see func(name string, text []byte)) error {
	s.result.Files, s.result.Skipped = 0, s.result.Skipped[:0]
	ignored := &ignores{}
	return fs.WalkDir(s.tree, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && name == ".":
			return fault.Wrap(err, fault.Invalid, "scan_folder", "The folder can't be read: name one that is there.")
		case err != nil:
			s.skip(name, "it can't be read")
			return nil
		case e.IsDir():
			if name != "." && (leftOut(e.Name()) || ignored.match(name, true)) {
				return fs.SkipDir
			}
			if text, err := fs.ReadFile(s.tree, path.Join(name, ".gitignore")); err == nil && len(text) < maxBytes {
				ignored.add(name, string(text))
			}
			return nil
		case !e.Type().IsRegular() || notSource(e.Name()) || ignored.match(name, false):
			return nil
		case s.result.Files >= s.o.MaxFiles:
			s.skip(name, fmt.Sprintf("only %d files are read", s.o.MaxFiles))
			return fs.SkipAll
		}
		text, reason := s.text(name)
		if reason != "" {
			s.skip(name, reason)
		} else if text != nil {
			s.result.Files++
			see(name, text)
		}
		return nil
	})
}

func (s *scanner) skip(name, reason string) {
	if len(s.result.Skipped) < maxSkipped {
		s.result.Skipped = append(s.result.Skipped, name+": "+reason)
	}
}

// text reads a file; binary ones are nothing.
func (s *scanner) text(name string) (text []byte, reason string) {
	f, err := s.tree.Open(name)
	if err != nil {
		return nil, "it can't be opened"
	}
	defer func() { _ = f.Close() }()
	text, err = io.ReadAll(io.LimitReader(f, s.o.MaxBytes+1))
	switch {
	case err != nil:
		return nil, "it can't be read"
	case bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0:
		return nil, ""
	case int64(len(text)) > s.o.MaxBytes:
		return nil, fmt.Sprintf("it is larger than %d bytes", s.o.MaxBytes)
	}
	return text, ""
}

// leftOut names folders that hold what others wrote, or what a build made.
func leftOut(folder string) bool {
	return slices.Contains([]string{
		".git", ".hg", ".svn", "node_modules", "vendor", ".next", ".turbo", ".cache", "__pycache__", ".venv", "venv",
		"dist", "coverage", ".terraform", ".idea",
	}, folder)
}

// notSource names files that ask for no flags.
func notSource(name string) bool {
	if slices.Contains([]string{"package-lock.json", "yarn.lock", "pnpm-lock.yaml", "go.sum", "Cargo.lock"}, name) {
		return true
	}
	if strings.HasSuffix(name, ".min.js") || strings.HasSuffix(name, ".min.css") {
		return true
	}
	return slices.Contains([]string{
		".map", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".pdf", ".zip", ".gz", ".woff", ".woff2", ".ttf",
		".mp4", ".lock", ".snap", ".log", ".csv",
	}, strings.ToLower(path.Ext(name)))
}

// isTest says whether a file is a test, by the customs of common languages.
func isTest(name string) bool {
	base := strings.ToLower(path.Base(name))
	for _, mark := range []string{"_test.", ".test.", ".spec.", "_spec.", ".cy.", ".stories."} {
		if strings.Contains(base, mark) {
			return true
		}
	}
	if strings.HasPrefix(base, "test_") || strings.HasSuffix(strings.TrimSuffix(base, path.Ext(base)), "test") {
		return true
	}
	for folder := range strings.SplitSeq(path.Dir(name), "/") {
		if slices.Contains([]string{"test", "tests", "__tests__", "spec", "e2e", "cypress", "testdata"}, folder) {
			return true
		}
	}
	return false
}

// removals sums up what each flag's removal takes.
func (s *scanner) removals() {
	for _, key := range s.o.Keys {
		r := Removal{Key: key, Variant: s.o.Stays[key]}
		files, tests := map[string]bool{}, map[string]bool{}
		for i := range s.result.References {
			ref := &s.result.References[i]
			if ref.Key != key {
				continue
			}
			r.References++
			if !ref.Sure {
				r.Guesses++
			}
			if ref.Test {
				tests[ref.Path] = true
			} else {
				files[ref.Path] = true
			}
			ref.Stays = stays(ref.Stays, r.Variant)
		}
		r.Files, r.Tests = len(files), len(tests)
		r.Sentence = r.sentence()
		s.result.Removals = append(s.result.Removals, r)
	}
}

func (r *Removal) sentence() string {
	if r.References == 0 {
		return "No code asks for it: it can be archived."
	}
	text := fmt.Sprintf("%s in %s and %s", count(r.References, "place"), count(r.Files, "file"), count(r.Tests, "test"))
	if r.Guesses > 0 {
		text += fmt.Sprintf(", %d of them only by the look of a string", r.Guesses)
	}
	if r.Variant != "" {
		text += fmt.Sprintf("; what is done for %q stays", r.Variant)
	}
	return text + "."
}

func count(n int, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
