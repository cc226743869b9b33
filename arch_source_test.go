package slipway_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/slipwayhq/slipway"

// house is the whole source tree, read once.
type house struct {
	fset  *token.FileSet
	rooms []*room
}

// room is one package with its tests.
type room struct {
	path      string   // relative to the module, "." for the root
	dir       string   // the folder
	name      string   // the package clause
	doc       string   // the package comment
	imports   []string // of the product code
	files     []*source
	product   int // lines of product code that people wrote
	test      int // lines of test code
	generated int // lines that a generator wrote
}

// source is one Go file.
type source struct {
	path      string
	test      bool
	generated bool
	lines     []string
	tree      *ast.File
}

// listed is the part of a `go list -json` answer that the rules read.
type listed struct {
	ImportPath, Dir, Name, Doc                              string
	GoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles, Cgo []string
	Imports                                                 []string
	Error                                                   *struct{ Err string }
}

func readHouse(t *testing.T) *house {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-e", "-json", "./...")
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	h := &house{fset: token.NewFileSet()}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		if p.Error != nil {
			t.Errorf("%s: %s", p.ImportPath, p.Error.Err)
		}
		h.rooms = append(h.rooms, h.readRoom(t, p))
	}
	if len(h.rooms) < 10 {
		t.Fatalf("go list found only %d packages", len(h.rooms))
	}
	return h
}

func (h *house) readRoom(t *testing.T, p listed) *room {
	t.Helper()
	r := &room{
		path: strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/"),
		dir:  p.Dir, name: p.Name, imports: p.Imports,
	}
	if r.path == "" {
		r.path = "."
	}
	for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
		f := h.readFile(t, r, name)
		r.files = append(r.files, f)
		switch {
		case f.generated:
			r.generated += len(f.lines)
		case f.test:
			r.test += len(f.lines)
		default:
			r.product += len(f.lines)
		}
		if f.tree.Doc != nil && !f.test && !f.generated {
			r.doc += f.tree.Doc.Text()
		}
	}
	return r
}

func (h *house) readFile(t *testing.T, r *room, name string) *source {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	f := &source{path: path.Join(r.path, name), test: strings.HasSuffix(name, "_test.go"), lines: textLines(text)}
	f.tree, err = parser.ParseFile(h.fset, f.path, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	f.generated = ast.IsGenerated(f.tree)
	return f
}

// at says where a node stands, as an editor wants it.
func (h *house) at(n ast.Node) string { return h.fset.Position(n.Pos()).String() }

// span is how many lines a node takes.
func (h *house) span(n ast.Node) int {
	return h.fset.Position(n.End()).Line - h.fset.Position(n.Pos()).Line + 1
}

// own are the files of a room that people wrote and that are part of the product.
func (r *room) own() []*source {
	return slices.DeleteFunc(slices.Clone(r.files), func(f *source) bool { return f.test || f.generated })
}

// written are the files of a room that people wrote, tests too.
func (r *room) written() []*source {
	return slices.DeleteFunc(slices.Clone(r.files), func(f *source) bool { return f.generated })
}

// imported gives the local name of every import of a file.
func (f *source) imported() map[string]string {
	names := map[string]string{}
	for _, i := range f.tree.Imports {
		p := strings.Trim(i.Path.Value, `"`)
		name := path.Base(p)
		if name == "v2" || name == "v5" {
			name = path.Base(path.Dir(p))
		}
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = p
	}
	return names
}

// calls reports every use of a name of a package in a file: calls and values alike.
func (f *source) uses(pkg string, names ...string) []*ast.SelectorExpr {
	var found []*ast.SelectorExpr
	imported := f.imported()
	ast.Inspect(f.tree, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := s.X.(*ast.Ident)
		if ok && x.Obj == nil && imported[x.Name] == pkg && slices.Contains(names, s.Sel.Name) {
			found = append(found, s)
		}
		return true
	})
	return found
}

// textFiles are the files of the tree that a person reads or runs, build output left out.
func textFiles(t *testing.T) map[string][]string {
	t.Helper()
	left := []string{".git", "node_modules", ".next", ".build", "out", "dist", "bin", "var", "testdata"}
	kinds := []string{
		"", ".go", ".templ", ".md", ".sh", ".mjs", ".ts", ".tsx", ".json", ".yaml", ".yml", ".sql",
		".css", ".js", ".tsv", ".mod", ".sum", ".txt", ".svg",
	}
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && name != "." && slices.Contains(left, e.Name()) {
			return fs.SkipDir
		}
		if !e.Type().IsRegular() || !slices.Contains(kinds, path.Ext(e.Name())) {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), "\x00") {
			files[filepath.ToSlash(name)] = textLines(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func textLines(text []byte) []string {
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}
