package plot

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pen writes SVG. What it is given as text or attribute is escaped; raw is for the
// literals of this package alone.
type pen struct {
	out  []byte
	x, y int // where a path stands: x whole, y in tenths
}

func (p *pen) raw(literal string) { p.out = append(p.out, literal...) }

// text writes s as character data, also fit for an attribute in double quotes.
func (p *pen) text(s string) {
	for _, r := range s {
		switch {
		case r == '<':
			p.raw("&lt;")
		case r == '>':
			p.raw("&gt;")
		case r == '&':
			p.raw("&amp;")
		case r == '"':
			p.raw("&#34;")
		case r == '\'':
			p.raw("&#39;")
		case unwritable(r):
			p.raw("\uFFFD")
		default:
			p.out = utf8.AppendRune(p.out, r)
		}
	}
}

// unwritable reports whether r is refused by XML or would reorder the text around
// it: a name must not be able to rewrite its neighbor.
func unwritable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == 0xFFFE || r == 0xFFFF
}

// num writes a coordinate with at most one decimal; what is not finite, which the
// callers have sorted out, becomes 0.
func (p *pen) num(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	p.tenths(int(math.Round(min(max(v, -1e6), 1e6) * 10)))
}

// tenths writes n/10.
func (p *pen) tenths(n int) {
	if n < 0 {
		p.raw("-")
		n = -n
	}
	p.out = strconv.AppendInt(p.out, int64(n/10), 10)
	if n%10 != 0 {
		p.out = append(p.out, '.', byte('0'+n%10))
	}
}

// attr writes a text attribute with a space before it.
func (p *pen) attr(name, value string) {
	p.raw(" " + name + `="`)
	p.text(value)
	p.raw(`"`)
}

// px writes a numeric attribute.
func (p *pen) px(name string, v float64) {
	p.raw(" " + name + `="`)
	p.num(v)
	p.raw(`"`)
}

// pct writes an attribute in percent of the width; x is 0 to 1.
func (p *pen) pct(name string, x float64) {
	p.raw(" " + name + `="`)
	p.num(x * 100)
	p.raw(`%"`)
}

// element writes <name class="class">text</name>.
func (p *pen) element(name, class, text string) {
	p.raw("<" + name)
	if class != "" {
		p.attr("class", class)
	}
	p.raw(">")
	p.text(text)
	p.raw("</" + name + ">")
}

// label writes a text at x (0 to 1) shifted by dx pixels.
func (p *pen) label(class, anchor string, x, dx, y float64, text string) {
	p.raw("<text")
	p.attr("class", class)
	p.pct("x", x)
	if dx != 0 {
		p.px("dx", dx)
	}
	p.px("y", y)
	if anchor != "start" {
		p.attr("text-anchor", anchor)
	}
	p.raw(">")
	p.text(text)
	p.raw("</text>")
}

// open begins the figure, its caption and its svg; end closes them.
func (p *pen) open(id, class, title, note, desc string, height float64) {
	id = safeID(id)
	p.raw("<figure")
	p.attr("class", class)
	if id != "" {
		p.attr("id", id)
	}
	p.raw(`><figcaption>`)
	p.element("span", "plot-title", clip(title, 120))
	if note != "" {
		p.raw(" ")
		p.element("span", "plot-note", clip(note, 200))
	}
	p.raw(`</figcaption><svg class="plot-svg" role="img" width="100%"`)
	p.px("height", height)
	if id != "" {
		p.attr("aria-labelledby", id+"-title")
		p.attr("aria-describedby", id+"-desc")
	}
	p.raw(` overflow="visible" font-size="11">`)
	p.named("title", id, title)
	p.named("desc", id, desc)
}

func (p *pen) named(element, id, text string) {
	p.raw("<" + element)
	if id != "" {
		p.attr("id", id+"-"+element)
	}
	p.raw(">")
	p.text(clip(text, 2000))
	p.raw("</" + element + ">")
}

func (p *pen) end() { p.raw("</svg></figure>\n") }

// safeID keeps the letters, digits and hyphens of an id.
func safeID(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, clip(s, 64))
}

// clip cuts s to n characters, the last of which is then an ellipsis.
func clip(s string, n int) string {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := []rune(s)
	return strings.TrimSpace(string(runes[:n-1])) + "…"
}

// toneClass returns the class of a tone; an unknown one is neutral.
func toneClass(t Tone) string {
	switch t {
	case Stable, Canary, Third, Fourth:
		return "plot-" + string(t)
	default:
		return "plot-neutral"
	}
}
