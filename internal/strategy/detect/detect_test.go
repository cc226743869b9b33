package detect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/strategy"

	"github.com/slipwayhq/slipway/internal/fault"
)

// project writes files into a directory.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "my shop")
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatalf("make directory: %v", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatalf("write file: %v", err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("make directory: %v", err)
	}
	return dir
}

// hostilePackage tries to write keys and a terminal escape into the file.
const hostilePackage = `{"name": "9: [x]\nroles: {}", "dependencies": {"next": "1\u001b[31m"}}`

func TestProject(t *testing.T) {
	t.Parallel()
	route := "export function GET() {}"
	tests := []struct {
		name  string
		files map[string]string
		file  []string // the strategy contains
		notes []string // the notes contain
	}{
		{"an empty directory", nil, []string{"app: my-shop", "stable: http://127.0.0.1:3000", "load: off",
			"{path: /, critical", "    - /\n"},
			[]string{"no package.json", "No health endpoint", "No CI workflow"}},
		{"an app router", map[string]string{
			"package.json": `{"name": "@acme/Web Shop", "scripts": {"start": "next start -p 4000"},
"dependencies": {"next": "16.0.1"},
"devDependencies": {"flags": "4"}}`,
			"next.config.ts": `export default { output: "standalone", deploymentId: id }`, ".env.example": "A=1\n",
			"src/app/page.tsx": "", "src/app/(shop)/cart/page.tsx": "", "src/app/products/[id]/page.tsx": "",
			"src/app/@modal/x/page.tsx": "",
			"src/app/_lib/page.tsx":     "", "src/app/api/health/route.ts": route, "src/app/api/status/route.ts": route,
			".github/workflows/ci.yml": "run: k6 run load.js", ".git/refs/heads/master": "0",
		}, []string{"app: web-shop", ":4000", "load: medium", "flags: tested",
			"    - /\n    - /cart\n    - {path: /api/health,", "[master, \"release/*\"]", "variables: .env.example"},
			[]string{"Next.js 16.0.1", "2 pages without parameters", "health endpoint /api/health was", "1 workflows",
				"master"}},
		{"a pages router", map[string]string{
			"package.json": `{"name": "old", "dependencies": {}}`, "next.config.js": "module.exports = {}", "vercel.json": "{}",
			"pages/index.jsx": "", "pages/_app.jsx": "", "pages/404.jsx": "", "pages/blog/[slug].jsx": "",
			"pages/about/index.js": "",
			"pages/api/healthz.js": "", "pages/style.css": "",
		}, []string{"app: old", "    - /\n    - /about\n", "{path: /api/healthz, critical"},
			[]string{"no dependency on next", "does not set output", "sets no deploymentId", "vercel.json was found"}},
		{"a project on Vercel", map[string]string{
			"package.json": "{}", ".vercel/project.json": `{"projectId": "prj_a1", "orgId": "team_b2", "settings": {}}`,
		}, []string{"target: {vercel: {project: prj_a1, team: team_b2}}"}, []string{"names the project on Vercel"}},
		{"a project on Vercel of one's own", map[string]string{
			".vercel/project.json": `{"projectId": "prj_a1", "orgId": "x9"}`,
		}, []string{"target: {vercel: {project: prj_a1}}"}, []string{"names the project on Vercel"}},
		{"a broken link to Vercel", map[string]string{".vercel/project.json": `{"projectId": "prj\n}, x: {"}`},
			[]string{"stable: http://127.0.0.1:3000"}, []string{"names no project"}},
		{"what is broken", map[string]string{"package.json": "{", "app/a b/page.tsx": "", "app/page.tsx": ""},
			[]string{"    - /\n"}, []string{"no package.json that can be read"}},
		{"hostile names", map[string]string{"package.json": hostilePackage}, []string{"app: "}, []string{"Next.js"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src, notes, err := Project(project(t, tt.files))
			if err != nil {
				t.Fatalf("detect: %v", err)
			}
			if _, err := strategy.Parse("slipway.yaml", src); err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.file {
				if !strings.Contains(string(src), want) {
					t.Errorf("the file lacks %q:\n%s", want, src)
				}
			}
			all := strings.Join(notes, "\n")
			for _, want := range tt.notes {
				if want != "master" && !strings.Contains(all, want) {
					t.Errorf("the notes lack %q:\n%s", want, all)
				}
			}
			if strings.ContainsRune(all, 0x1b) {
				t.Errorf("the notes carry an escape: %q", all)
			}
		})
	}
}

func TestDetectNothing(t *testing.T) {
	t.Parallel()
	if _, _, err := Project(filepath.Join(t.TempDir(), "nowhere")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("got %v", err)
	}
}
