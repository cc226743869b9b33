//go:build full

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Chromium crashes now and then. script/pictures draws such a picture once more and says so; not for ever.
func TestPicturesAreDrawnOnceMoreAfterACrash(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		crashes       string
		code, crashed int
	}{
		"now and then": {crashes: "1", crashed: 1},
		"always":       {crashes: "99", code: 1, crashed: 2},
	} {
		bin, into := t.TempDir(), t.TempDir()
		browser := "#!/bin/sh\necho x >>" + bin + "/started\n" +
			"[ $(wc -l <" + bin + "/started) -gt " + test.crashes + " ] || kill -SEGV $$\n" +
			"for a; do case $a in --screenshot=*) echo picture >${a#*=} ;; esac; done\n"
		if err := os.WriteFile(filepath.Join(bin, "chromium"), []byte(browser), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "bash", "../../../script/pictures", into, "door/setup")
		cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		said, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != test.code ||
			strings.Count(string(said), "pictures: Chromium ended with") != test.crashed {
			t.Errorf("%s: exit %d, %v: %s", name, code, err, said)
		}
		if drawn, _ := filepath.Glob(filepath.Join(into, "*.png")); test.code == 0 && len(drawn) != 4 {
			t.Errorf("%s: there are %v", name, drawn)
		}
	}
}
