package store

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// statements returns the SQL constants of the package by name: what their expressions
// say, which are string literals and other constants, added.
func statements(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]ast.Expr{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				if v := s.(*ast.ValueSpec); len(v.Values) == len(v.Names) {
					for i := range v.Names {
						values[v.Names[i].Name] = v.Values[i]
					}
				}
			}
		}
	}
	out := map[string]string{}
	for name, v := range values {
		if strings.HasPrefix(name, "sql") && !strings.HasPrefix(name, "sqlite") {
			out[name] = text(t, values, v)
		}
	}
	return out
}

func text(t *testing.T, values map[string]ast.Expr, e ast.Expr) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		return s
	case *ast.BinaryExpr:
		return text(t, values, e.X) + text(t, values, e.Y)
	case *ast.Ident:
		return text(t, values, values[e.Name])
	}
	t.Fatalf("an SQL constant holds a %T", e)
	return ""
}

// built returns a statement of every shape that is built at run time.
func built(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	add := func(name, query string) { out[name+" "+strconv.Itoa(len(out))] = query }
	for mask := range 1 << 9 {
		set := func(bit int, s string) string {
			if mask&(1<<bit) == 0 {
				return ""
			}
			return s
		}
		f := EventFilter{
			Subject: set(0, "s"), Text: set(1, "two words"), Actor: set(2, "a"), Environment: set(4, "e"), App: set(5, "x"),
			Kind: set(3, "release.step."), Descending: mask&(1<<8) != 0,
		}
		if mask&(1<<6) != 0 {
			f.After, f.Before, f.From, f.To = 1, 2, time.Unix(1, 0), time.Unix(2, 0)
		}
		if mask&(1<<7) != 0 && f.Kind != "" {
			f.Kind = "release.started"
		}
		conditions := f.conditions()
		for driver := range max(len(conditions), 1) {
			query, _ := f.query(conditions, driver)
			add("events", query)
		}
	}
	for table, c := range map[string]clause{
		"releases":    ReleaseFilter{App: "a", Version: "v", Phase: []string{"x", "y"}}.clause(),
		"rollbacks":   RollbackFilter{App: "a"}.clause(),
		"incidents":   IncidentFilter{App: "a", State: "open"}.clause(),
		"flag_drafts": DraftFilter{App: "a", Environment: "e", Flag: "f", State: []string{"x", "y"}}.clause(),
		"deployments": DeploymentFilter{Version: "v", Environment: "e"}.clause("a"),
	} {
		for _, cl := range []clause{{}, c} {
			for _, before := range []string{"", "a.b"} {
				query, _, err := pageQuery(table, cl, before, 0)
				if err != nil {
					t.Fatal(err)
				}
				add(table, query)
			}
		}
	}
	for _, column := range []string{"subject", "actor", "kind", "family", "environment", word} {
		add("count", countQuery(column))
	}
	query, _ := claimQuery("n", []string{"a", "b"}, 1, 1, time.Unix(1, 0))
	add("claim", query)
	query, _ = nextDueQuery([]string{"a"})
	add("next due", query)
	query, _ = nextDueQuery(nil)
	add("next due", query)
	query, _ = samplesQuery("a", time.Unix(1, 0), time.Unix(2, 0), []string{"d"})
	add("samples", query)
	query, _ = wordsQuery(1, []string{"a", "b"})
	add("words", query)
	add("members", addMembersQuery(2))
	add("members", removeMembersQuery(2))
	add("members", membersAmongQuery(2))
	return out
}

// TestEveryStatementOnBothEngines prepares every constant and every built statement.
func TestEveryStatementOnBothEngines(t *testing.T) {
	all := statements(t)
	if len(all) < 80 {
		t.Fatalf("found only %d SQL constants: the search is wrong", len(all))
	}
	for name, query := range built(t) {
		all[name] = query
	}
	forbidden := regexp.MustCompile(`::|\bnow\(\)|ILIKE|GREATEST|DISTINCT ON|ANY ?\(|json_each|->>|` +
		`SKIP LOCKED|STRICT|MERGE|TRUNCATE|"`)
	addresses := []string{filepath.Join(t.TempDir(), "a.db")}
	if server := os.Getenv("SLIPWAY_TEST_DATABASE_URL"); server != "" {
		addresses = append(addresses, server)
	}
	for _, address := range addresses {
		db, err := connect(address)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := db.write.BeginTx(t.Context(), nil) // rolled back, with the schema and all
		if err != nil {
			t.Fatal(err)
		}
		if db.dialect == PostgreSQL {
			if _, err := tx.ExecContext(t.Context(), "CREATE SCHEMA prepare_all;"+
				" SET LOCAL search_path = prepare_all"); err != nil {
				t.Fatal(err)
			}
		}
		files, err := loadMigrations()
		if err != nil {
			t.Fatal(err)
		}
		if err := db.applyAll(t.Context(), tx, files, Time{}); err != nil {
			t.Fatal(err)
		}
		for name, query := range all {
			if found := forbidden.FindString(query); found != "" {
				t.Errorf("%s uses %q, which one engine only understands:\n%s", name, found, query)
			}
			stmt, err := tx.PrepareContext(t.Context(), query)
			if err != nil {
				t.Fatalf("%s on %s: %v\n%s", name, db.dialect, err, query)
			}
			_ = stmt.Close()
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	}
}

func TestMigrationsRefuseANewerDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.notes.run.exec(t.Context(), sqlInsertMigration, 9999, "9999_later.sql", Time{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), path)
	if err == nil || !strings.Contains(err.Error(), "Install the newer Slipway") {
		t.Errorf("open: %v", err)
	}
}

// TestLibcIsTheOneThatSQLitePins guards against an upgrade of modernc.org/libc alone:
// the two are one program, cut in two modules.
func TestLibcIsTheOneThatSQLitePins(t *testing.T) {
	list := func(format, module string) string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", format, module).CombinedOutput()
		if err != nil {
			t.Fatalf("go list %s: %v\n%s", module, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	pins, err := os.ReadFile(list("{{.GoMod}}", "modernc.org/sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`modernc\.org/libc (v\S+)`).FindSubmatch(pins)
	if want == nil {
		t.Fatal("sqlite's go.mod names no libc")
	}
	if got := list("{{.Version}}", "modernc.org/libc"); got != string(want[1]) {
		t.Errorf("modernc.org/libc is %s, sqlite pins %s", got, want[1])
	}
}

func TestWords(t *testing.T) {
	tests := []struct{ text, want string }{
		{"The share of v1.4.0 is 5 % now.", "share,v1.4.0,5,now"},
		{"Ada's “checkout/cart” — ERROR_RATE: 7%, see http://a.example/x?y",
			"ada,s,checkout/cart,error_rate,7,see,http://a.example/x,y"},
		{"Über über ÜBER", "über"},
		{"... -- !", ""},
		{strings.Repeat("x", 65) + " ok", "ok"},
	}
	for _, tt := range tests {
		if got := strings.Join(words(tt.text), ","); got != tt.want {
			t.Errorf("words(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
	var many strings.Builder
	for n := range 100 {
		many.WriteString(strconv.Itoa(n) + " ")
	}
	if got := len(words(many.String())); got != maxWords {
		t.Errorf("%d words, want %d", got, maxWords)
	}
}

func TestValuesThatCannotBeScanned(t *testing.T) {
	var at Time
	if err := at.Scan("yesterday"); err == nil {
		t.Error("a word became an instant")
	}
	var doc JSON[int]
	for _, src := range []any{int64(1), "x", []byte("x")} {
		if err := doc.Scan(src); err == nil {
			t.Errorf("%v became a document", src)
		}
	}
	if _, err := (JSON[any]{make(chan int)}).Value(); err == nil {
		t.Error("a channel became a document")
	}
}
