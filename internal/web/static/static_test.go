package static

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestFilesAreServedUnderTheirContent(t *testing.T) {
	t.Parallel()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]string{
		"app.css": "text/css; charset=utf-8", "plot.css": "text/css; charset=utf-8",
		"app.js":       "text/javascript; charset=utf-8",
		"idiomorph.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
		"idiomorph.LICENSE": "text/plain; charset=utf-8",
	} {
		addr := s.Address(name)
		if !regexp.MustCompile(`^/static/[a-z]+\.[0-9a-f]{12}\.[a-zA-Z]+$`).MatchString(addr) {
			t.Errorf("%s is at %q", name, addr)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, addr, nil))
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 ||
			!strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
	for _, path := range []string{"/static/app.css", "/static/", "/static/../static.go", "/static/app.000000000000.css"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s answered %d", path, w.Code)
		}
	}
}

// TestColorsCanBeRead computes the contrast of every color of text on every ground that
// it stands on, in light and dark: at least 4.5 to 1.
func TestColorsCanBeRead(t *testing.T) {
	t.Parallel()
	css, err := files.ReadFile("app.css")
	if err != nil {
		t.Fatal(err)
	}
	colors := map[string][2]string{}
	pair := regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]+), (#[0-9a-f]+)\)`)
	for _, m := range pair.FindAllStringSubmatch(string(css), -1) {
		colors[m[1]] = [2]string{m[2], m[3]}
	}
	pairs := map[string][]string{
		"text": {"bg", "soft"}, "quiet": {"bg", "soft"}, "accent": {"bg"}, "good": {"bg", "soft"},
		"bad":    {"bg", "soft", "bad-soft"},
		"broken": {"bg"}, "on-ink": {"ink"}, "bg": {"bad"}, "plot-stable": {"bg"}, "plot-canary": {"bg"},
		"plot-critical": {"bg"}, "plot-third": {"bg"}, "plot-fourth": {"bg"},
	}
	for text, grounds := range pairs {
		for _, ground := range grounds {
			for i, theme := range []string{"light", "dark"} {
				if colors[text][i] == "" || colors[ground][i] == "" {
					t.Fatalf("%s or %s is no color", text, ground)
				}
				if c := contrast(colors[text][i], colors[ground][i]); c < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.2f", theme, text, ground, c)
				}
			}
		}
	}
}

// contrast is the ratio of WCAG 2.
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(color string) float64 {
	hex := strings.TrimPrefix(color, "#")
	if len(hex) == 3 {
		hex = fmt.Sprintf("%c%c%c%c%c%c", hex[0], hex[0], hex[1], hex[1], hex[2], hex[2])
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, _ := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		v := float64(n) / 255
		if v <= 0.03928 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}
