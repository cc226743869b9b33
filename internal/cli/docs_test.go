package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
)

// TestDocumentsNameCommandsThatThereAre reads every slipway command of the documents, in blocks of code and within
// sentences: there is such a command, and its options are known. Those of other rooms (up, edge, demo) are only named.
func TestDocumentsNameCommandsThatThereAre(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	inline := regexp.MustCompile("`(slipway )?([a-z-]+)( [^`\n]*)?`")
	nouns := map[string]bool{} // sentences leave slipway out
	for _, c := range New(Options{}).Commands() {
		nouns[c.Name()] = c.HasSubCommands() && c.Name() != "segment" // which is a word of rules too
	}
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == "decisions" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".md" || d.Name() == "CHANGELOG.md" {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		check := func(text string) {
			seen++
			if why := unknown(text); why != "" {
				t.Errorf("%s: slipway %s: %s", path, text, why)
			}
		}
		code := false
		for text := range strings.SplitSeq(strings.ReplaceAll(string(raw), "\\\n", " "), "\n") {
			trimmed := strings.TrimPrefix(strings.TrimSpace(text), "$ ")
			if strings.HasPrefix(trimmed, "```") {
				code = !code
			}
			if rest, ok := strings.CutPrefix(trimmed, "slipway "); ok && code {
				check(rest)
			}
			for _, m := range inline.FindAllStringSubmatch(text, -1) {
				if m[1] != "" || nouns[m[2]] {
					check(m[2] + m[3])
				}
			}
		}
		return nil
	})
	if err != nil || seen < 150 {
		t.Errorf("%d commands were read: %v", seen, err)
	}
}

// unknown says what of a command line there is not.
func unknown(text string) string {
	root := New(Options{})
	for _, name := range []string{"up", "edge", "demo"} {
		root.AddCommand(&cobra.Command{Use: name, FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
			Run: func(*cobra.Command, []string) {}})
	}
	args := words(text)
	if len(args) == 0 || !unicode.IsLetter(rune(args[0][0])) {
		return ""
	}
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err.Error()
	}
	if cmd == root || cmd.HasSubCommands() && cmd.Args != nil && cmd.Name() != "check" && len(rest) > 0 &&
		!strings.HasPrefix(rest[0], "-") && rest[0] != "…" {
		return "there is no such command"
	}
	cmd.InitDefaultHelpFlag()
	if cmd.DisableFlagParsing {
		return ""
	}
	if err := cmd.ParseFlags(rest); err != nil && !strings.Contains(err.Error(), "argument") {
		return err.Error()
	}
	return ""
}

// words splits a command line as a shell does, up to what goes elsewhere.
func words(text string) []string {
	var out []string
	var b strings.Builder
	var quote rune
	some := false
	end := func() {
		if some {
			out = append(out, b.String())
		}
		b.Reset()
		some = false
	}
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			b.WriteRune(r)
		case r == '\'' || r == '"':
			quote, some = r, true
		case r == ' ':
			end()
		case strings.ContainsRune("|<>;#&)", r):
			end()
			return out
		default:
			b.WriteRune(r)
			some = true
		}
	}
	end()
	return out
}
