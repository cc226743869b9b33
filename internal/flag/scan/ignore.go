package scan

import (
	"path"
	"strings"
)

// ignores are the patterns of .gitignore files, as far as people commonly use them: the last one that fits decides.
type ignores struct{ patterns []pattern }

type pattern struct {
	folder   string // in which it stands
	parts    []string
	anchored bool // it has a slash, so it is a path from the folder on
	only     bool // folders
	not      bool
}

// add takes the patterns of the file of one folder.
func (i *ignores) add(folder, text string) {
	const most = 1000
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		if line == "" || strings.HasPrefix(line, "#") || len(i.patterns) >= most {
			continue
		}
		p := pattern{folder: folder}
		line, p.not = strings.CutPrefix(line, "!")
		line, p.only = strings.CutSuffix(line, "/")
		p.anchored = strings.Contains(line, "/")
		p.parts = strings.Split(strings.TrimPrefix(line, "/"), "/")
		i.patterns = append(i.patterns, p)
	}
}

// match says whether a path is left out.
func (i *ignores) match(name string, isFolder bool) bool {
	for n := len(i.patterns) - 1; n >= 0; n-- {
		if p := &i.patterns[n]; (isFolder || !p.only) && p.match(name) {
			return !p.not
		}
	}
	return false
}

func (p *pattern) match(name string) bool {
	if p.folder != "." {
		inside, ok := strings.CutPrefix(name, p.folder+"/")
		if !ok {
			return false
		}
		name = inside
	}
	if !p.anchored {
		ok, err := path.Match(p.parts[0], path.Base(name))
		return ok && err == nil
	}
	return matchParts(p.parts, strings.Split(name, "/"))
}

// matchParts compares part by part; two stars are any number of parts.
func matchParts(want, have []string) bool {
	for len(want) > 0 {
		if want[0] == "**" {
			for len(want) > 1 && want[1] == "**" {
				want = want[1:]
			}
			if len(want) == 1 {
				return len(have) > 0
			}
			for i := range have {
				if matchParts(want[1:], have[i:]) {
					return true
				}
			}
			return false
		}
		if len(have) == 0 {
			return false
		}
		if ok, err := path.Match(want[0], have[0]); !ok || err != nil {
			return false
		}
		want, have = want[1:], have[1:]
	}
	return len(have) == 0
}
