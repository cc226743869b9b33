// Package detect looks at a Next.js project and writes a strategy for its first day.
//
// It reads and never writes. What it found, and what it guessed, it says in notes, and in remarks of the file that it
// returns, which is checked before it is handed out.
package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// Project looks at a Next.js project and writes a strategy for its first day. notes
// say what was found and what was not, one sentence each. Nothing is written to the
// project.
func Project(dir string) (src []byte, notes []string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fault.Wrap(err, fault.NotFound, "project_missing", "There is no project directory %s.", dir)
	}
	defer func() { _ = root.Close() }() // it was only read
	name := dir
	if abs, err := filepath.Abs(dir); err == nil {
		name = abs
	}
	f := look(root.FS(), filepath.Base(name))
	src = f.strategy()
	if _, err := strategy.Parse("slipway.yaml", src); err != nil {
		return nil, nil, fmt.Errorf("write strategy for %s: %w", dir, err)
	}
	return src, f.notes, nil
}

// findings is what a project told.
type findings struct {
	app      string
	port     string
	project  string // on Vercel, by .vercel/project.json; empty: it runs behind our own edge
	team     string
	health   string   // path of the health endpoint; empty: none was found
	pages    []string // static pages, the start page first
	manifest string   // file of example variables
	branch   string   // main or master
	load     bool     // a load test was found
	flags    bool     // feature flags were found
	notes    []string
}

func (f *findings) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

// look reads a project.
func look(project fs.FS, dir string) *findings {
	f := &findings{app: nameOf(dir), port: "3000", branch: "main"}
	pkg := readSome(project, "package.json")
	f.readPackage(pkg)
	f.readConfig(project)
	f.readRoutes(project)
	for _, name := range []string{".env.example", ".env.sample", ".env.template"} {
		if _, err := fs.Stat(project, name); err == nil {
			f.manifest = name
			f.note("%s lists the variables; the strategy names it.", name)
			break
		}
	}
	f.readVercel(project)
	f.readWorkflows(project, pkg)
	if exists(project, ".git/refs/heads/master") && !exists(project, ".git/refs/heads/main") {
		f.branch = "master"
	}
	return f
}

// readVercel reads what the Vercel CLI's link command wrote.
func (f *findings) readVercel(project fs.FS) {
	var link struct {
		Project string `json:"projectId"`
		Team    string `json:"orgId"`
	}
	src := readSome(project, ".vercel/project.json")
	plain := regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)
	switch {
	case src != "" && json.Unmarshal([]byte(src), &link) == nil && plain.MatchString(link.Project):
		f.project = link.Project
		if strings.HasPrefix(link.Team, "team_") && plain.MatchString(link.Team) {
			f.team = link.Team
		}
		f.note(".vercel/project.json names the project on Vercel: it is the target. Its token is read from VERCEL_TOKEN.")
	case src != "":
		f.note(".vercel/project.json names no project: run vercel link, or write the target yourself.")
	case readSome(project, "vercel.json") != "":
		f.note("vercel.json was found, and no link to a project: run vercel link, then slipway init, to release on Vercel.")
	}
}

func exists(project fs.FS, name string) bool {
	_, err := fs.Stat(project, name)
	return err == nil
}

// readSome returns the beginning of a file, or nothing.
func readSome(project fs.FS, name string) string {
	f, err := project.Open(name)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(f, document.MaxSize))
	if err != nil {
		return ""
	}
	return string(b)
}

// nameOf makes a name of any text.
func nameOf(s string) string {
	_, s = path.Split(strings.ToLower(s))
	s = strings.Trim(regexp.MustCompile(`[^a-z0-9_-]+`).ReplaceAllString(s, "-"), "-_")
	s = strings.TrimLeft(s, "0123456789-_")
	if len(s) > document.MaxName {
		s = strings.TrimRight(s[:document.MaxName], "-_")
	}
	return cmp.Or(s, "app")
}

func (f *findings) readPackage(src string) {
	var pkg struct {
		Name         string            `json:"name"`
		Scripts      map[string]string `json:"scripts"`
		Dependencies map[string]string `json:"dependencies"`
	}
	if src == "" || json.Unmarshal([]byte(src), &pkg) != nil {
		f.note("There is no package.json that can be read: is this the project's directory?")
		return
	}
	if pkg.Name != "" {
		f.app = nameOf(pkg.Name)
	}
	if v := pkg.Dependencies["next"]; v != "" {
		f.note("Next.js %s was found in package.json.", document.Clean(v))
	} else {
		f.note("package.json names no dependency on next: Slipway is made for Next.js, though any HTTP application works.")
	}
	for _, script := range []string{pkg.Scripts["start"], pkg.Scripts["dev"]} {
		m := regexp.MustCompile(`(?:-p|--port)[ =]([0-9]{1,5})\b`).FindStringSubmatch(script)
		if m == nil {
			continue
		}
		if n, err := strconv.ParseUint(m[1], 10, 16); err == nil && n > 0 {
			f.port = m[1]
			break
		}
	}
}

func (f *findings) readConfig(project fs.FS) {
	for _, ext := range []string{"ts", "mjs", "js", "mts", "cjs"} {
		src := readSome(project, "next.config."+ext)
		if src == "" {
			continue
		}
		if !regexp.MustCompile(`output\s*:\s*["'\x60]standalone`).MatchString(src) {
			f.note(`next.config.%s does not set output: "standalone", the form that runs without the project's directory.`, ext)
		}
		if !regexp.MustCompile(`\bdeploymentId\b`).MatchString(src) {
			f.note("next.config.%s sets no deploymentId, which keeps a page and its scripts on one version.", ext)
		}
		return
	}
	f.note("No next.config was found: output: \"standalone\" and deploymentId should be set in it.")
}

// readRoutes finds static pages and a health endpoint.
func (f *findings) readRoutes(project fs.FS) {
	seen := 0
	for _, dir := range []string{"app", "src/app", "pages", "src/pages"} {
		_ = fs.WalkDir(project, dir, func(name string, d fs.DirEntry, err error) error { // what cannot be read is not there
			if seen++; err != nil || seen > 5000 {
				return fs.SkipAll
			}
			if !d.IsDir() {
				f.route(strings.TrimPrefix(name, dir), strings.HasSuffix(dir, "pages"))
			}
			return nil
		})
	}
	slices.SortFunc(f.pages, func(a, b string) int {
		if n := strings.Count(a, "/") - strings.Count(b, "/"); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	f.pages = slices.Compact(f.pages)
	if len(f.pages) > 0 {
		f.note("%d pages without parameters were found; the smoke suite asks for the first %d.", len(f.pages), min(5,
			len(f.pages)))
	}
	f.pages = f.pages[:min(5, len(f.pages))]
	if f.health != "" {
		f.note("The health endpoint %s was found.", f.health)
	} else {
		f.note("No health endpoint was found, so the start page is looked at: app/api/health/route.ts would be better.")
	}
}

// route takes note of one file of the application's routes.
func (f *findings) route(name string, pagesRouter bool) {
	ext := path.Ext(name)
	if !slices.Contains([]string{".tsx", ".ts", ".jsx", ".js", ".mdx"}, ext) {
		return
	}
	stem := strings.TrimSuffix(name, ext)
	where, file := path.Split(stem)
	api := file == "route"
	if pagesRouter {
		where = stem
		if file == "index" {
			where = path.Dir(stem)
		}
		if strings.HasPrefix(file, "_") || file == "404" || file == "500" {
			return
		}
		api = strings.HasPrefix(where, "/api/")
	} else if file != "page" && file != "route" {
		return
	}
	url := ""
	for part := range strings.SplitSeq(strings.Trim(where, "/"), "/") {
		switch {
		case strings.HasPrefix(part, "("), part == "": // a group is no part of the address
		case !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(part) || strings.HasPrefix(part, "_"):
			return // a parameter, a slot, a private folder
		default:
			url += "/" + part
		}
	}
	url = cmp.Or(url, "/")
	switch {
	case !api:
		f.pages = append(f.pages, url)
	case regexp.MustCompile(`^/(api/)?(healthz?|ping|status|readyz?)$`).MatchString(url):
		if f.health == "" || len(url) < len(f.health) {
			f.health = url
		}
	}
}

func (f *findings) readWorkflows(project fs.FS, pkg string) {
	all := pkg
	names, err := fs.Glob(project, ".github/workflows/*.y*ml")
	if err == nil && len(names) > 0 {
		f.note("%d workflows of GitHub Actions were found: add a step that reports each check to Slipway.", len(names))
		for _, name := range names[:min(20, len(names))] {
			all += readSome(project, name)
		}
	} else {
		f.note("No CI workflow was found: checks can be reported from anywhere over the API.")
	}
	f.load = regexp.MustCompile(`\b(k6|artillery|autocannon|locust|gatling|vegeta)\b`).MatchString(all)
	f.flags = regexp.MustCompile(
		`"(flags|@(vercel/flags|openfeature/[a-z-]+|growthbook/[a-z-]+)|(launchdarkly|unleash|posthog|statsig)[a-z-]*)"`,
	).MatchString(pkg)
}
