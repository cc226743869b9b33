package slipway_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// holdPurity keeps the pure rooms free of the outside world and of the clock.
func holdPurity(t *testing.T, h *house) {
	world := []string{
		"net", "os", "database", "syscall", "log", "plugin", "unsafe", "runtime", "testing", "embed", "expvar",
	}
	harmless := []string{"net/netip", "net/url"}
	for _, r := range h.rooms {
		if !table[short(r.path)].pure {
			continue
		}
		for _, i := range r.imports {
			top, _, _ := strings.Cut(i, "/")
			if slices.Contains(world, top) && !slices.Contains(slices.Concat(harmless, table[short(r.path)].but), i) {
				t.Errorf("%s is pure and imports %s", r.path, i)
			}
		}
		for _, f := range r.own() {
			for _, s := range slices.Concat(
				f.uses("time", "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"),
				usesOf(f, "math/rand"), usesOf(f, "math/rand/v2"),
			) {
				if !slices.Contains([]string{"New", "NewPCG", "NewChaCha8", "NewSource", "Rand", "Source", "PCG"}, s.Sel.Name) {
					t.Errorf("%s: a pure room may not use %s: take it as an argument", h.at(s), s.Sel.Name)
				}
			}
		}
	}
}

// usesOf reports every use of a package in a file.
func usesOf(f *source, pkg string) []*ast.SelectorExpr {
	var found []*ast.SelectorExpr
	imported := f.imported()
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Obj == nil && imported[x.Name] == pkg {
				found = append(found, s)
			}
		}
		return true
	})
	return found
}

func holdGoroutines(t *testing.T, h *house) {
	for _, r := range h.rooms {
		var found []string
		for _, f := range r.own() {
			ast.Inspect(f.tree, func(n ast.Node) bool {
				if g, ok := n.(*ast.GoStmt); ok {
					found = append(found, h.at(g))
				}
				return true
			})
		}
		if limit := table[short(r.path)].goes; len(found) > limit {
			t.Errorf("%s has %d go statements, at most %d: %s", r.path, len(found), limit, strings.Join(found, " "))
		}
	}
}

// holdOneWriter finds write transactions. People are written through a function that
// app makes of the engine's, so their room never names the database in it. engine/flags is
// the part of the engine that writes flags: the engine itself has no room left for them.
func holdOneWriter(t *testing.T, h *house) {
	may := []string{"store", "store/storetest", "engine", "engine/flags", "engine/incidents", "engine/enginetest"}
	setUp := map[string]int{"app": 1} // the signing key, made before there is an engine
	for _, r := range h.rooms {
		if slices.Contains(may, short(r.path)) || !slices.Contains(r.imports, module+"/internal/store") {
			continue
		}
		var found []string
		for _, f := range r.own() {
			ast.Inspect(f.tree, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if ok && s.Sel.Name == "Write" && slices.Contains([]string{"db", "store", "d"}, strings.ToLower(lastName(s.X))) {
					found = append(found, h.at(s))
				}
				return true
			})
		}
		if len(found) > setUp[short(r.path)] {
			t.Errorf("only engine and store may write: %s", strings.Join(found, " "))
		}
	}
}

// lastName is the last word of a.b.c.
func lastName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// holdPackageState refuses init and every package variable that is not a constant in all but
// its type: error values, assertions of a type, embedded files and compiled expressions.
func holdPackageState(t *testing.T, h *house) {
	for _, r := range h.rooms {
		for _, f := range r.own() {
			for _, d := range f.tree.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Name.Name == "init" && d.Recv == nil {
						t.Errorf("%s: an init function", h.at(d))
					}
				case *ast.GenDecl:
					if d.Tok == token.VAR {
						holdVariables(t, h, d)
					}
				}
			}
		}
	}
}

func holdVariables(t *testing.T, h *house, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		for i, name := range v.Names {
			var value string
			if i < len(v.Values) {
				value = callee(v.Values[i])
			}
			switch {
			case name.Name == "_",
				value == "errors.New", strings.HasPrefix(value, "fault."),
				value == "regexp.MustCompile",
				embedded(d.Doc), embedded(v.Doc):
			default:
				t.Errorf("%s: the package variable %s: pass it, or make it a function", h.at(name), name.Name)
			}
		}
	}
}

func callee(x ast.Expr) string {
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return ""
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return lastName(call.Fun)
	}
	return lastName(s.X) + "." + s.Sel.Name
}

func embedded(c *ast.CommentGroup) bool {
	return c != nil && slices.ContainsFunc(c.List, func(l *ast.Comment) bool {
		return strings.HasPrefix(l.Text, "//go:embed ")
	})
}

// holdPanics allows a panic in must-literals, and where a recovered one is passed on with its reason.
func holdPanics(t *testing.T, h *house) {
	for _, r := range h.rooms {
		for _, f := range r.own() {
			for _, d := range f.tree.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || strings.HasPrefix(strings.ToLower(fn.Name.Name), "must") {
					continue
				}
				ast.Inspect(fn, func(n ast.Node) bool {
					call, ok := n.(*ast.CallExpr)
					if !ok || lastName(call.Fun) != "panic" {
						return true
					}
					line := h.fset.Position(call.Pos()).Line
					if !strings.Contains(f.lines[line-1], "//") {
						t.Errorf("%s: a panic outside a must function, and without a reason on its line", h.at(call))
					}
					return true
				})
			}
		}
	}
}

// holdWaiting refuses sleeps in the product, and skipped tests.
func holdWaiting(t *testing.T, h *house) {
	for _, r := range h.rooms {
		for _, f := range r.own() {
			for _, s := range f.uses("time", "Sleep", "After", "Tick") {
				t.Errorf("%s: time.%s: wait for a signal, a timer or the context", h.at(s), s.Sel.Name)
			}
		}
		for _, f := range r.files {
			ast.Inspect(f.tree, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if ok && f.test && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, s.Sel.Name) && lastName(s.X) == "t" {
					t.Errorf("%s: a skipped test", h.at(s))
				}
				return true
			})
		}
	}
}

func holdSizes(t *testing.T, h *house) {
	for _, r := range h.rooms {
		limit := maxRoom
		if own := table[short(r.path)].lines; own > 0 {
			limit = own
		}
		if r.product > limit {
			t.Errorf("%s has %d lines of product code: at most %d", r.path, r.product, limit)
		}
		for _, f := range r.written() {
			if len(f.lines) > 500 {
				t.Errorf("%s has %d lines: at most 500", f.path, len(f.lines))
			}
			limit := 70
			if f.test {
				limit = 150
			}
			for _, d := range f.tree.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && h.span(fn) > limit {
					t.Errorf("%s: %s has %d lines: at most %d", h.at(fn), fn.Name.Name, h.span(fn), limit)
				}
			}
			for i, line := range f.lines {
				if n := utf8.RuneCountInString(line); n > 120 && !strings.Contains(line, `:"`) { // a tag can't be divided
					t.Errorf("%s:%d: %d characters: at most 120", f.path, i+1, n)
				}
			}
		}
	}
}

func holdInterfaces(t *testing.T, h *house) {
	interfaces, lines := 0, 0
	for _, r := range h.rooms {
		lines += r.product
		for _, f := range r.own() {
			ast.Inspect(f.tree, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				if i, ok := spec.Type.(*ast.InterfaceType); ok {
					interfaces++
					if len(i.Methods.List) > 5 {
						t.Errorf("%s: %s has %d methods: at most 5", h.at(spec), spec.Name.Name, len(i.Methods.List))
					}
				}
				return true
			})
		}
	}
	per := float64(interfaces) * 1000 / float64(lines)
	if per > 1 {
		t.Errorf("%.2f interfaces per 1,000 lines: at most 1", per)
	}
	t.Logf("%d interfaces in %d lines of product code: %.2f per 1,000", interfaces, lines, per)
}

func holdNames(t *testing.T, h *house) {
	vague := []string{
		"type", "types", "util", "utils", "helper", "helpers", "misc", "constant", "constants", "common", "model", "models",
		"service", "services", "manager", "base", "shared",
	}
	for _, r := range h.rooms {
		if !regexp.MustCompile(`^[a-z]+$`).MatchString(r.name) && r.name != "slipway_test" || slices.Contains(vague, r.name) {
			t.Errorf("%s: a package is one lower-case noun, not %q", r.path, r.name)
		}
		for _, f := range r.files {
			base := strings.TrimSuffix(strings.TrimSuffix(f.path[strings.LastIndex(f.path, "/")+1:], ".go"), "_test")
			if slices.Contains(vague, base) || !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(base) {
				t.Errorf("%s: name the file for the noun it is about", f.path)
			}
		}
	}
}

// holdTests reports how much test stands beside the code, and which rooms have none. The
// floor is a ratchet: raise it as the ratio rises, never lower it.
func holdTests(t *testing.T, h *house) {
	const floor, aim = 0.35, 0.8
	product, test := 0, 0
	var bare []string
	for _, r := range h.rooms {
		product, test = product+r.product, test+r.test
		if r.test == 0 && r.product > 0 {
			bare = append(bare, short(r.path))
		}
	}
	ratio := float64(test) / float64(product)
	if ratio < floor {
		t.Errorf("%.2f lines of test to a line of code: at least %.2f", ratio, floor)
	}
	t.Logf("%d lines of product code, %d of tests: %.2f (the aim is %.1f)", product, test, ratio, aim)
	t.Logf("rooms without a test of their own: %s", strings.Join(bare, " "))
}
