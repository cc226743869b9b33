package guard

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The arms, as findings name them.
const (
	canary = "canary"
	stable = "stable"
)

// call is what sentences call a version, and what the evidence does.
type call struct{ name, capital, version string }

// set finds the words where the evidence has another name than before; nameless is for one that has none.
func (c *call) set(version, nameless string) {
	if c.name != "" && c.version == version {
		return
	}
	c.version, c.name = version, nameless
	if version != "" {
		c.name = short(version)
	}
	c.capital = capital(c.name)
}

// call is what sentences call a version.
func (x *exam) call(arm string) *call {
	if arm == canary {
		return &x.pass.calls[0]
	}
	return &x.pass.calls[1]
}

func (x *exam) name(arm string) string { return x.call(arm).name }

// capital is the name at the beginning of a sentence.
func (x *exam) capital(arm string) string { return x.call(arm).capital }

// percentOf reads "8.3 % of 1,200 requests".
func (x *exam) percentOf(c count) string {
	return percent(c.rate()) + " of " + requests(c.requests)
}

// capital writes the first letter of a phrase large, and leaves names alone.
func capital(s string) string {
	if strings.HasPrefix(s, "the ") {
		return "T" + s[1:]
	}
	return s
}

// short keeps a foreign text from filling the page.
func short(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if utf8.RuneCountInString(s) <= 60 {
		return s
	}
	return string([]rune(s)[:59]) + "…"
}

// percent writes a fraction with two digits that count.
func percent(f float64) string {
	p := f * 100
	switch {
	case p == 0:
		return "0 %"
	case p < 1:
		return trim(strconv.FormatFloat(max(p, 0.0001), 'g', 2, 64)) + " %"
	case p < 10:
		return trim(strconv.FormatFloat(p, 'f', 1, 64)) + " %"
	}
	return strconv.FormatFloat(min(p, 1e6), 'f', 0, 64) + " %"
}

// times writes a factor.
func times(f float64) string {
	if f < 9.95 {
		return trim(strconv.FormatFloat(f, 'f', 1, 64))
	}
	return thousands(uint64(math.Round(min(f, 1e9))))
}

// number writes a measured value with three digits, or as a whole one.
func number(f float64) string {
	if math.Abs(f) >= 999.5 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return trim(strconv.FormatFloat(f, 'g', 3, 64))
}

// millis writes a duration in milliseconds.
func millis(ms float64) string {
	switch {
	case ms < 10:
		return trim(strconv.FormatFloat(ms, 'f', 1, 64)) + " ms"
	case ms < 1e9:
		return thousands(uint64(math.Round(ms))) + " ms"
	}
	return "more than a week"
}

// span writes a number of seconds.
func span(seconds int64) string {
	switch {
	case seconds < 0:
		return "0 s"
	case seconds < 120:
		return strconv.FormatInt(seconds, 10) + " s"
	case seconds < 2*3600:
		return strconv.FormatInt((seconds+30)/60, 10) + " min"
	}
	return fmt.Sprintf("%d h", (seconds+1800)/3600)
}

func requests(n uint64) string {
	if n == 1 {
		return "1 request"
	}
	return thousands(n) + " requests"
}

func timesInARow(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice in a row"
	}
	return fmt.Sprintf("%d times in a row", n)
}

// thousands writes 4750 as 4,750.
func thousands(n uint64) string {
	var digits [20]byte
	d := strconv.AppendUint(digits[:0], n, 10)
	if len(d) <= 3 {
		return string(d)
	}
	out := make([]byte, 0, 26)
	for i, c := range d {
		if i > 0 && (len(d)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, c)
	}
	return string(out)
}

func trim(s string) string {
	if strings.Contains(s, ".") && !strings.Contains(s, "e") {
		return strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// about rounds a waiting time to what a person would say.
func about(d time.Duration) string { return span(seconds(d + time.Second - 1)) }
