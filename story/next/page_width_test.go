//go:build full

package next

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Pages in their fullest states can be read on every screen: nothing is wider than it, no sentence stands in a column
// of a word's width, and no main page is out of sight.
func TestPagesFitEveryScreen(t *testing.T) {
	t.Parallel()
	bin, err := filepath.Abs(filepath.Join(t.TempDir(), "storybook"))
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", bin, "./internal/web/storybook")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	book, at := start(t, "storybook", exec.Command(bin, "127.0.0.1:0")), ""
	until(t, 10*time.Second, "the storybook says where it is", func() bool {
		at = regexp.MustCompile(`http://\S+`).FindString(book.text())
		return at != ""
	})
	p := openBrowser(t).person("somebody with many screens")
	for _, name := range []string{
		"canary/suspicious", "config/drafted", "flag/waiting", "flag-import/looked", "incident/open", "release/running",
	} {
		p.open(at + "/s/" + name)
		for _, width := range []int64{1440, 1161, 1001, 860, 700, 390, 320} {
			p.do(fmt.Sprintf("%d wide", width), chromedp.EmulateViewport(width, 900))
			if wrong := p.says(unreadable); wrong != "" {
				t.Errorf("%s at %d px: %s", name, width, wrong)
			}
		}
	}
}

// unreadable is what of a page cannot be read.
const unreadable = `(() => {
	const page = document.documentElement, nav = document.querySelector(".top nav"), wrong = [];
	if (page.scrollWidth > innerWidth) wrong.push("it is wider by " + (page.scrollWidth - innerWidth));
	if (nav.scrollWidth > nav.clientWidth + 1) wrong.push("a main page is out of sight");
	for (const e of document.querySelectorAll("main .say, main dd")) {
		const {width, height} = e.getBoundingClientRect();
		if (e.checkVisibility() && width > 0 && width < 110 && height > 100)
			wrong.push("squeezed to " + Math.round(width) + " px: " + e.textContent.trim().slice(0, 40));
	}
	return wrong.join("; ");
})()`
