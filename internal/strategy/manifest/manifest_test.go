package manifest

import (
	"fmt"
	"strings"
	"testing"
)

const example = `# Where orders are kept.
DATABASE_URL=postgres://localhost/shop
PORT=3000
export API_TOKEN="change-me" # for the warehouse

# optional
SENTRY_DSN=
# development only: catches mail
MAIL_CATCHER_URL=http://127.0.0.1:1025
GREETING='hello # world'
`

// req: EN-20
func TestRead(t *testing.T) {
	t.Parallel()
	vars, wrong := Read(".env.example", example)
	if len(wrong) != 0 || len(vars) != 6 {
		t.Fatalf("got %+v, %v", vars, wrong)
	}
	if v := vars[2]; v.Name != "API_TOKEN" || v.Example != "change-me" || v.Line != 4 || v.Optional {
		t.Errorf("API_TOKEN: %+v", v)
	}
	if !vars[3].Optional || !vars[4].Development || vars[5].Development || vars[5].Example != "hello # world" {
		t.Errorf("marks: %+v", vars)
	}
	_, wrong = Read(".env.example", "A=1\nno variable\n9X=1\n=2\n")
	if len(wrong) != 3 || wrong[0].Line != 2 {
		t.Errorf("wrong lines: %v", wrong)
	}
}

// req: EN-20
func TestCheck(t *testing.T) {
	t.Parallel()
	vars, _ := Read(".env.example", example)
	good := func() map[string]string {
		return map[string]string{
			"DATABASE_URL": "postgres://db.internal:5432/shop", "PORT": "3001", "API_TOKEN": "s3cr3t", "GREETING": "hi",
		}
	}
	tests := []struct {
		name   string
		env    string
		change func(map[string]string)
		says   string // a part of the one problem; empty: none
	}{
		{"all is well", "production", func(map[string]string) {}, ""},
		{"missing", "staging", func(m map[string]string) { delete(m, "GREETING") }, "GREETING: is not set"},
		{"empty", "staging", func(m map[string]string) { m["GREETING"] = "  " }, "GREETING: is empty"},
		{"no address", "production", func(m map[string]string) { m["DATABASE_URL"] = "db.internal" },
			"DATABASE_URL: is no address"},
		{"an address with a wrong port", "production",
			func(m map[string]string) { m["DATABASE_URL"] = "postgres://h:70000/x" }, "DATABASE_URL: is no address"},
		{"no port", "production", func(m map[string]string) { m["PORT"] = "0" }, "PORT: is no port"},
		{"development only", "production", func(m map[string]string) { m["MAIL_CATCHER_URL"] = "http://x:1" },
			"MAIL_CATCHER_URL: is for development only"},
		{"development needs its own", "development", func(map[string]string) {}, "MAIL_CATCHER_URL: is not set"},
		{"optional and there must be well formed", "production", func(m map[string]string) { m["SENTRY_DSN"] = "" }, ""},
		{"the example's secret", "production", func(m map[string]string) { m["API_TOKEN"] = "change-me" },
			"API_TOKEN: still has the value"},
		{"the example's secret in staging", "staging", func(m map[string]string) { m["API_TOKEN"] = "change-me" }, ""},
		{"a development build", "production", func(m map[string]string) { m["NODE_ENV"] = "development" },
			"NODE_ENV: is \"development\" in production"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values := good()
			tt.change(values)
			got := Check(vars, tt.env, values)
			if (tt.says == "") != (len(got) == 0) || tt.says != "" && !strings.Contains(got[0].String(), tt.says) ||
				len(got) > 1 {
				t.Errorf("got %v", got)
			}
			if all := fmt.Sprint(got); strings.Contains(all, "s3cr3t") || strings.Contains(all, "change-me") {
				t.Errorf("a value is shown: %s", all)
			}
		})
	}
}
