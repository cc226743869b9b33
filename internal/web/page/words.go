package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
)

// count writes a whole number with its thousands apart.
func count[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// plural writes "1 approval", "3 approvals".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + one + "s"
}

// percent writes a number of percent: "5 %", "0.4 %", "12.5 %".
func percent(p float64) string {
	if math.IsNaN(p) || p < 0 {
		return "unknown"
	}
	digits := 1
	if p != 0 && p < 0.1 {
		digits = 2
	}
	s := strconv.FormatFloat(p, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + "\u00a0%"
}

// rate writes a fraction as percent; less than 0 is unknown.
func rate(r float64) string {
	if r < 0 {
		return "–"
	}
	return percent(r * 100)
}

// millis writes milliseconds as "212 ms" or "1.4 s"; less than 0 is unknown.
func millis(ms float64) string {
	switch {
	case math.IsNaN(ms) || ms < 0:
		return "–"
	case ms < 1000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + "\u00a0ms"
	default:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + "\u00a0s"
	}
}

// span writes a duration in words, with its two largest units: "1 hour 5 minutes".
func span(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Second:
		return "less than a second"
	case d < time.Minute:
		return plural(int(d/time.Second), "second")
	case d < 10*time.Minute && d%time.Minute != 0:
		return plural(int(d/time.Minute), "minute") + " " + plural(int(d%time.Minute/time.Second), "second")
	case d < time.Hour:
		return plural(int(d.Round(time.Minute)/time.Minute), "minute")
	case d < 24*time.Hour:
		return twoUnits(d, time.Hour, "hour", time.Minute, "minute")
	default:
		return twoUnits(d, 24*time.Hour, "day", time.Hour, "hour")
	}
}

func twoUnits(d, big time.Duration, bigName string, small time.Duration, smallName string) string {
	d = d.Round(small)
	s := plural(int(d/big), bigName)
	if rest := int(d % big / small); rest > 0 {
		s += " " + plural(rest, smallName)
	}
	return s
}

// brief writes a duration short, with one unit, for columns: "42 s", "12 m", "3 h".
func brief(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%d\u00a0s", (d+time.Second/2)/time.Second)
	case d < 100*time.Minute:
		return fmt.Sprintf("%d\u00a0m", (d+time.Minute/2)/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d\u00a0h", (d+time.Hour/2)/time.Hour)
	default:
		return fmt.Sprintf("%d\u00a0d", (d+12*time.Hour)/(24*time.Hour))
	}
}

// ago writes how far an instant is from now: "4 minutes ago", "in 2 hours", "now".
func ago(at, now time.Time) string {
	d := now.Sub(at)
	switch {
	case d > -time.Second && d < 2*time.Second:
		return "now"
	case d < 0:
		return "in " + coarse(-d)
	default:
		return coarse(d) + " ago"
	}
}

// coarse writes a duration with its largest unit only.
func coarse(d time.Duration) string {
	switch {
	case d < time.Minute:
		return plural(int(d/time.Second), "second")
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour")
	default:
		return plural(int(d/(24*time.Hour)), "day")
	}
}

// clock writes an instant as precisely as a reader needs it today: the time on this day,
// the day with the time within the year, the date before.
func (f Frame) clock(at time.Time) string {
	at, now := at.In(f.Zone), f.Now.In(f.Zone)
	switch {
	case at.Year() == now.Year() && at.YearDay() == now.YearDay():
		return at.Format("15:04:05")
	case at.Year() == now.Year():
		return at.Format("2 Jan 15:04")
	default:
		return at.Format("2 Jan 2006")
	}
}

// said is a sentence of the server as a page has it: its times, which are in UTC, in the viewer's zone, as all others
// are, and no line's end between a number and its unit.
func (f Frame) said(sentence string) string { return bound(f.local(sentence)) }

// bound keeps numbers with their units.
func bound(sentence string) string {
	words, units := strings.Split(sentence, " "), []string{"%", "s", "ms", "min", "h"}
	var b strings.Builder
	for i, w := range words {
		unit := strings.TrimRight(w, ".,:;)")
		if n := words[max(i-1, 0)]; i > 0 {
			if n != "" && n[len(n)-1] >= '0' && n[len(n)-1] <= '9' && slices.Contains(units, unit) {
				b.WriteString("\u00a0")
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteString(w)
	}
	return b.String()
}

func (f Frame) local(sentence string) string {
	const utc = " UTC"
	for from := 0; ; {
		i := strings.Index(sentence[from:], utc)
		if i < 0 {
			return sentence
		}
		end := from + i
		from = end + len(utc)
		for _, layout := range []string{time.DateTime, "2006-01-02 15:04", time.TimeOnly, "15:04"} {
			begin := end - len(layout)
			if begin < 0 {
				continue
			}
			at, err := time.Parse(layout, sentence[begin:end])
			if err != nil {
				continue
			}
			if at.Year() == 0 { // of the last day
				y, m, d := f.Now.UTC().Date()
				at = time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
				if at.After(f.Now) {
					at = at.AddDate(0, 0, -1)
				}
			}
			said := at.In(f.Zone).Format(layout + " MST")
			sentence = sentence[:begin] + said + sentence[from:]
			from = begin + len(said)
			break
		}
	}
}

// day writes a date for headings: "Today", "Yesterday", "Thursday 19 November".
func (f Frame) day(at time.Time) string {
	at, now := at.In(f.Zone), f.Now.In(f.Zone)
	switch {
	case at.Year() == now.Year() && at.YearDay() == now.YearDay():
		return "Today"
	case at.Format(time.DateOnly) == now.AddDate(0, 0, -1).Format(time.DateOnly):
		return "Yesterday"
	case at.Year() == now.Year():
		return at.Format("Monday 2 January")
	default:
		return at.Format("2 January 2006")
	}
}

// zone names the viewer's zone at the time of looking.
func (f Frame) zone() string {
	name, _ := f.Now.In(f.Zone).Zone()
	return name
}

// short cuts a hash or an id for the eye; the whole stands in a title beside it.
func short(s string) string {
	if _, body, ok := strings.Cut(s, "_"); ok && len(body) > 10 {
		s = body
		return s[max(0, len(s)-6):]
	}
	return s[:min(len(s), 10)]
}

// list joins words: "a", "a and b", "a, b and c".
func list(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// human turns a wire word into one for people: "rolled_back" into "rolled back".
func human(word string) string { return strings.ReplaceAll(word, "_", " ") }

// title makes the first letter of a wire word a capital.
func title(word string) string {
	word = human(word)
	if word == "" {
		return word
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// keysOf returns a map's keys in order.
func keysOf[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// who turns an actor's id of the log into a name: "user:ada" into "ada".
func who(actor string) string { return event.Who(actor) }

// withoutPeople adds how much of a time was not spent waiting for people; nothing
// when that is unknown.
func withoutPeople(seconds float64) string {
	if seconds < 0 {
		return ""
	}
	return ", " + span(time.Duration(seconds*float64(time.Second))) + " of it without waiting for people"
}
