package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
)

const flagsFile = `segments:
  beta:
    environments:
      production: {any: [["plan equals pro"]], members: [ada, bob]}
flags:
  checkout:
    description: The new checkout
    environments:
      production:
        on: true
        off: off
        rules:
          - {if: segment beta, serve: on}
          - {if: ["age at_least 18", "not country equals DE"], serve: {split: {on: 25, off: 75}, by: company}}
        default: off
  color:
    kind: string
    variants: {red: "#f00", blue: "#00f"}
    environments:
      production: {default: red}
`

func written(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "flags.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A file is planned, applied, and then nothing differs; what somebody changes elsewhere is drift, but for a kill switch
// that the file does not speak of.
func TestFlagsAsCode(t *testing.T) {
	ada := signedIn(t)
	file := written(t, flagsFile)
	if r := ada.run("", "flag", "diff", file); r.code != 6 || !strings.Contains(r.out, "+ checkout") {
		t.Errorf("%+v", r)
	}
	if r := ada.run("", "flag", "apply", file); r.code != 6 || !strings.Contains(r.err, "--yes") {
		t.Errorf("without a yes: %+v", r)
	}
	ada.must("", "flag", "apply", file, "--yes", "--reason", "from the start")
	f := decode[api.Flag](t, ada.must("", "flag", "get", "checkout", "-e", "production", "--json"))
	if c := f.Environments[0]; !c.On || len(c.Rules) != 2 || c.Rules[1].Serve.By != "company" {
		t.Errorf("%+v", c)
	}
	ada.must("", "segment", "set", "nobody", "-e", "production", "--group", "plan equals pro")
	if r := ada.must("", "segment", "members", "nobody"); r.out != "" || !strings.Contains(r.err, "names no user") {
		t.Errorf("an empty list says nothing: %+v", r)
	}
	if out := ada.must("", "segment", "members", "beta").out; out != "ada\nbob\n" {
		t.Error(out)
	}
	ada.must("", "flag", "diff", file)
	ada.must("", "flag", "apply", file, "--yes")

	exported := ada.must("", "flag", "export").out
	ada.must("", "flag", "diff", written(t, exported))

	ada.must("", "flag", "off", "color", "-e", "production", "--reason", "ugly")
	ada.must("", "flag", "diff", file)
	ada.must("", "flag", "set", "color", "-e", "production", "--default", "blue")
	r := ada.run("", "flag", "apply", file, "--dry-run")
	if r.code != 6 || !strings.Contains(r.out, "color in production") || !strings.Contains(r.out, "blue") {
		t.Errorf("%+v", r)
	}
	ada.must("", "flag", "diff", file, "-e", "staging")
	ada.must("", "flag", "create", "other")
	if r := ada.run("", "flag", "diff", file, "--prune", "-e", "staging"); r.code != 6 ||
		!strings.Contains(r.out, "- other") {
		t.Errorf("%+v", r)
	}
	ada.must("", "flag", "apply", file, "--prune", "--yes")
	if out := ada.must("", "flag", "list", "--state", "archived").out; !strings.Contains(out, "other") {
		t.Error(out)
	}
	bad := written(t, strings.Replace(flagsFile, "kind: string", "knd: string", 1))
	if r := ada.run("", "flag", "apply", bad); r.code != 2 || !strings.Contains(r.err, "flags.yaml:17") {
		t.Errorf("%+v", r)
	}
}

func TestFlagdsFormatGoesOutAndIn(t *testing.T) {
	ada := signedIn(t)
	ada.must("", "flag", "apply", written(t, flagsFile), "--yes")
	name := filepath.Join(t.TempDir(), "flags.flagd.json")
	ada.must("", "flag", "export", "--format", "flagd", "-o", name)
	out := ada.must("", "flag", "import", name, "--from", "flagd", "-e", "staging", "--dry-run").out
	if !strings.Contains(out, "checkout") {
		t.Error(out)
	}
	ada.must("", "flag", "import", name, "--from", "flagd", "-e", "staging", "--yes")
	if r := ada.run("", "flag", "import", written(t, "no: json")); r.code != 2 || !strings.Contains(r.err, "no JSON") {
		t.Errorf("%+v", r)
	}
}
