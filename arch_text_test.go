package slipway_test

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// holdDocumentation wants a sentence for every exported name and a paragraph for every room.
func holdDocumentation(t *testing.T, h *house) {
	for _, r := range h.rooms {
		if len(r.own()) == 0 {
			continue
		}
		if n := len(textLines([]byte(r.doc))); n < 3 || n > 15 {
			t.Errorf("%s: the package comment has %d lines: 3 to 15", r.path, n)
		}
		if r.name == "main" {
			continue
		}
		for _, f := range r.own() {
			for _, d := range f.tree.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Name.IsExported() && receiverIsExported(d) && d.Doc == nil {
						t.Errorf("%s: %s has no comment", h.at(d), d.Name.Name)
					}
				case *ast.GenDecl:
					holdSpecs(t, h, d)
				}
			}
		}
	}
}

func receiverIsExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	x := d.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if generic, ok := x.(*ast.IndexExpr); ok {
		x = generic.X
	}
	name, ok := x.(*ast.Ident)
	return ok && name.IsExported()
}

// holdSpecs wants a comment on a type, and on a constant or variable one of its own,
// at the end of its line, or on its group.
func holdSpecs(t *testing.T, h *house, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen != token.NoPos) {
				t.Errorf("%s: %s has no comment", h.at(s), s.Name.Name)
			}
		case *ast.ValueSpec:
			if s.Names[0].IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
				t.Errorf("%s: %s has no comment", h.at(s), s.Names[0].Name)
			}
		}
	}
}

// holdText refuses what only one machine knows, and notes to oneself.
func holdText(t *testing.T, _ *house) {
	refused := []struct {
		what string
		find *regexp.Regexp
	}{
		{"the path of a machine", regexp.MustCompile(`(?:^|[\s"'=(:` + "`" + `])/(?:home|work|root|Users|tmp)/[A-Za-z.]`)},
		{"the host of a package registry", regexp.MustCompile(
			`(?i)\b(?:registry|proxy|index|deb|pypi|static)\.(?:npmjs|yarnpkg|golang|debian|crates|python)\.\w+`)},
		{"a note to oneself", regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME|XX` + `X)\b`)},
		{"British spelling", regexp.MustCompile(
			`(?i)\b(?:colo` + `urs?|behavio` + `urs?|licen` + `ces?|cent` +
				`res?|\w*(?:organ|recogn|normal|initial|author)is(?:e|ed|ing)|` +
				`cancel` + `led|cancel` + `ling|artef` + `acts?)\b`)},
		{"a merge mark", regexp.MustCompile(`^(?:<{7}|>{7}|={7})(?:\s|$)`)},
	}
	held := map[string]bool{".sh": true, ".mjs": true, ".ts": true, ".tsx": true, ".sql": true, "": true}
	drawings := "examples/nextjs/scripts/draw-pictures.mjs" // the paths of its shapes are long
	for name, lines := range textFiles(t) {
		if strings.HasSuffix(name, "package-lock.json") || strings.HasPrefix(name, "docs/requirements.") ||
			name == "LICENSE" || strings.Contains(name, "idiomorph") {
			continue
		}
		for i, line := range lines {
			for _, r := range refused {
				if found := r.find.FindString(line); found != "" {
					t.Errorf("%s:%d: %s: %s", name, i+1, r.what, strings.TrimSpace(found))
				}
			}
			if held[path.Ext(name)] && name != drawings && utf8.RuneCountInString(line) > 120 {
				t.Errorf("%s:%d: %d characters: at most 120", name, i+1, utf8.RuneCountInString(line))
			}
		}
	}
}

// holdSurfaces keeps flags of the command line out of what pages and programs are told: there they are of no use. A
// whole command may be named anywhere, and a sentence for the command line says that it is one: see fault.Error.At.
func holdSurfaces(t *testing.T, _ *house) {
	named := regexp.MustCompile(`"[^"]*(?:^|[ (])--[a-z][^"]*"`)
	drawn := regexp.MustCompile(`var\(--`)
	bare := regexp.MustCompile(`^internal/(?:flag/mirror|desk/flags)/`) // their commands are apart from their sentences
	inside := regexp.MustCompile(`"[^"]+slipway [a-z]+ [a-z]`)
	told := regexp.MustCompile(`^internal/(?:access|approval|configuration|desk|engine|flag|incident|people|release|` +
		`rollback|store|verdict|web)/`)
	for name, lines := range textFiles(t) {
		if !told.MatchString(name) || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") ||
			strings.HasSuffix(name, "_templ.go") {
			continue
		}
		for i, line := range lines {
			if bare.MatchString(name) && inside.MatchString(line) && !strings.Contains(line, "fault.Command") {
				t.Errorf("%s:%d: a command in a sentence, which pages show too: %s", name, i+1, strings.TrimSpace(line))
			}
			if named.MatchString(line) && !drawn.MatchString(line) && !strings.Contains(line, "slipway ") &&
				!strings.Contains(line, "fault.Command") {
				t.Errorf("%s:%d: a flag of the command line without its command: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// holdLinks follows every link of every page inside the tree, to its heading.
func holdLinks(t *testing.T, _ *house) {
	files := textFiles(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for name, lines := range files {
		if path.Ext(name) != ".md" {
			continue
		}
		fenced := false
		for i, line := range lines {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
			if fenced {
				continue
			}
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
					continue
				}
				file, heading, _ := strings.Cut(m[1], "#")
				target := name
				if file != "" {
					target = path.Join(path.Dir(name), file)
				}
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s:%d: %s is not there", name, i+1, m[1])
				} else if heading != "" && path.Ext(target) == ".md" && !hasHeading(files[target], heading) {
					t.Errorf("%s:%d: %s has no heading %q", name, i+1, target, heading)
				}
			}
		}
	}
}

func hasHeading(lines []string, anchor string) bool {
	for _, line := range lines {
		if strings.HasPrefix(line, "#") && anchorOf(strings.TrimSpace(strings.TrimLeft(line, "#"))) == anchor {
			return true
		}
	}
	return false
}

// anchorOf makes the anchor of a heading as the common forges do.
func anchorOf(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('-')
		}
	}
	return b.String()
}
