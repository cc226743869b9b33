package plot

import (
	"io"
	"strings"
)

// Sheet is a picture that stands alone in a file: a drawing that needs no page, no script and no other file, readable
// in light and dark. It is drawn in CSS pixels from the top left.
type Sheet struct {
	Title string // what is drawn
	Desc  string // the same for people who do not see it: everything that the picture says
	Wide  int    // CSS pixels
	High  int
	p     pen
}

// Tones of bars alone.
const (
	Critical Tone = "critical" // what should not have happened
	Ink      Tone = "ink"      // a mark beside a bar
	Surface  Tone = "surface"  // what a frame encloses
)

// Weight says how a text of a Sheet looks.
type Weight int

// The weights.
const (
	Plain Weight = iota // 12 px
	Quiet               // 12 px, gray
	Bold                // 13 px
	Head                // 14 px
)

// Text writes from x; with a negative width it ends there, and otherwise it is cut where it would be wider. Zero does
// neither.
func (s *Sheet) Text(x, y float64, w Weight, width float64, text string) {
	s.p.raw("<text")
	s.p.px("x", x)
	s.p.px("y", y)
	if width < 0 {
		s.p.attr("text-anchor", "end")
	}
	s.p.raw([...]string{
		Plain: ` font-size="12" style="fill: var(--plot-ink)">`, Quiet: ` font-size="12" style="fill: var(--plot-quiet)">`,
		Bold: ` font-size="13" font-weight="600" style="fill: var(--plot-ink)">`,
		Head: ` font-size="14" font-weight="600" style="fill: var(--plot-ink)">`,
	}[w])
	if width > 0 {
		text = clip(text, max(int(width/glyph), 2))
	}
	s.p.text(text)
	s.p.raw("</text>\n")
}

// Bar fills a box. Hint is shown to those who point at it.
func (s *Sheet) Bar(x, y, width, height float64, t Tone, hint string) {
	s.p.raw("<rect")
	s.p.px("x", x)
	s.p.px("y", y)
	s.p.px("width", max(width, 0))
	s.p.px("height", max(height, 0))
	s.p.raw(` style="fill: var(--plot-`)
	s.p.raw(barColor(t))
	s.p.raw(`)"`)
	if hint == "" {
		s.p.raw("/>\n")
		return
	}
	s.p.raw(">")
	s.p.element("title", "", hint)
	s.p.raw("</rect>\n")
}

// barColor is the name of the custom property of a tone.
func barColor(t Tone) string {
	if t == Critical || t == Ink || t == Surface {
		return string(t)
	}
	return strings.TrimPrefix(toneClass(t), "plot-")
}

// Write writes the finished picture.
func (s *Sheet) Write(w io.Writer) error {
	var p pen
	p.raw(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0`)
	p.raw(" ")
	p.num(float64(s.Wide))
	p.raw(" ")
	p.num(float64(s.High))
	p.raw(`"`)
	p.px("width", float64(s.Wide))
	p.px("height", float64(s.High))
	p.raw(` role="img" aria-labelledby="sheet-title" aria-describedby="sheet-desc" font-family="system-ui, sans-serif">` +
		"\n<title id=\"sheet-title\">")
	p.text(s.Title)
	p.raw("</title>\n<desc id=\"sheet-desc\">")
	p.text(s.Desc)
	p.raw("</desc>\n<style>" + Stylesheet + "\nsvg { background: var(--plot-surface); }\n</style>\n")
	p.out = append(p.out, s.p.out...)
	p.raw("</svg>\n")
	_, err := w.Write(p.out)
	return err
}
