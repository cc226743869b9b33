// Package manifest checks an environment's variables before a deployment.
//
// The manifest is the list of required variables in the style of .env.example, with
// an example value each. Check compares an environment's variables with it. Values
// may be secrets, so they never appear in what is said.
package manifest

import (
	"bufio"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// Variable is a line of a manifest of required variables, in the style of
// .env.example: a name, an example value, and what the comment above says of it.
//
//	# Where orders are kept.
//	DATABASE_URL=postgres://localhost/shop
//	# optional
//	SENTRY_DSN=
//	# development only
//	MAIL_CATCHER_URL=http://127.0.0.1:1025
type Variable struct {
	Name        string
	Example     string
	Line        int
	Optional    bool // the comment says "optional"
	Development bool // the comment says "development only"
}

// Read reads a list of required variables. What is no comment and no
// NAME=value is a problem.
func Read(name, src string) ([]Variable, []document.Problem) {
	var vars []Variable
	var wrong []document.Problem
	var remark string
	lines := bufio.NewScanner(strings.NewReader(src))
	lines.Buffer(nil, document.MaxSize)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if after, ok := strings.CutPrefix(text, "#"); ok {
			remark += " " + strings.ToLower(after)
			continue
		}
		if text == "" {
			remark = ""
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(text, "export "), "=")
		key = strings.TrimSpace(key)
		if !ok || !isVariable(key) {
			wrong = append(wrong, document.Problem{
				File: name, Line: n, Column: 1, Width: len([]rune(text)), Path: key, Message: "this is no variable",
				Remedy: "write NAME=example, and # before a comment",
			})
			continue
		}
		value, tail := cutRemark(value)
		all := remark + " " + strings.ToLower(tail)
		vars = append(vars, Variable{
			Name: key, Example: value, Line: n,
			Optional: strings.Contains(all, "optional"), Development: strings.Contains(all, "development only"),
		})
		remark = ""
	}
	if err := lines.Err(); err != nil {
		wrong = append(wrong, document.Problem{File: name, Message: "the manifest cannot be read to its end",
			Remedy: "shorten its lines"})
	}
	return vars, wrong
}

// The environments with rules of their own.
const (
	development = "development"
	production  = "production"
)

// cutRemark splits a value from a comment behind it, and takes quotes away.
func cutRemark(s string) (value, remark string) {
	s = strings.TrimSpace(s)
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') {
		if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
			return s[1 : 1+end], s[2+end:]
		}
	}
	if strings.HasPrefix(s, "#") {
		return "", s
	}
	value, remark, _ = strings.Cut(s, " #")
	return strings.TrimSpace(value), remark
}

func isVariable(s string) bool {
	return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`).MatchString(s)
}

// Check compares an environment's variables with the manifest before a
// deployment: every required one is there and not empty, addresses and ports are
// well formed, and nothing that is for development only is in production. Values
// never appear in what it says: they may be secrets.
func Check(manifest []Variable, environment string, values map[string]string) []document.Problem {
	var out []document.Problem
	if mode := values["NODE_ENV"]; environment == production && mode != "" && mode != production {
		out = append(out, document.Problem{
			File: environment, Path: "NODE_ENV", Message: fmt.Sprintf("is %q in production", document.Clean(mode)),
			Remedy: "set it to production",
		})
	}
	for _, v := range manifest {
		value, there := values[v.Name]
		message, remedy := "", ""
		switch {
		case v.Development && environment == production:
			if there {
				message, remedy = "is for development only, but is set in production", "remove it from production"
			}
		case v.Development && environment != development:
		case !there && !v.Optional:
			message, remedy = "is not set", "set it for "+environment+", or mark it optional in the manifest"
		case there && strings.TrimSpace(value) == "" && !v.Optional:
			message, remedy = "is empty", "give it a value for "+environment
		case there && value != "":
			message, remedy = malformed(v, value, environment)
		}
		if message != "" {
			out = append(out, document.Problem{
				File: environment, Path: v.Name, Message: message,
				Remedy: fmt.Sprintf("%s (line %d of the manifest)", remedy, v.Line),
			})
		}
	}
	return out
}

// malformed says what is wrong with a value's form, judged by the variable's name
// and its example.
func malformed(v Variable, value, environment string) (message, remedy string) {
	switch {
	case v.Name == "PORT" || strings.HasSuffix(v.Name, "_PORT"):
		if !validPort(value) {
			return "is no port", "write a number from 1 to 65535"
		}
	case isAddressName(v.Name) || strings.Contains(v.Example, "://"):
		u, err := url.Parse(value)
		if err != nil || u.Scheme == "" || u.Host == "" && u.Path == "" || u.Port() != "" && !validPort(u.Port()) {
			return "is no address", "write it with its scheme, for example https://…"
		}
	}
	if environment == production && value == v.Example && looksSecret(v.Name) {
		return "still has the value of the manifest's example", "put a secret of its own there"
	}
	return "", ""
}

func isAddressName(name string) bool {
	return slices.ContainsFunc([]string{"_URL", "_URI", "_ENDPOINT"},
		func(s string) bool { return strings.HasSuffix(name, s) })
}

func looksSecret(name string) bool {
	return slices.ContainsFunc([]string{"SECRET", "PASSWORD", "TOKEN", "PRIVATE", "API_KEY"}, func(s string) bool {
		return strings.Contains(name, s)
	})
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
