package simulate

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
)

// The picture says in its description what the tables say, needs no other file, and holds whatever a name is.
//
// req: N-10
func TestThePictureSaysWhatTheReportSays(t *testing.T) {
	t.Parallel()
	o := options(t, "healthy", "errors-10x", "tiny:errors=1.01x", "slow:latency=3x")
	other := o.Strategies[0]
	other.Name = `dir/a"<b>&.yaml`
	o.Strategies = append(o.Strategies, other)
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Picture(&out, r); err != nil {
		t.Fatal(err)
	}
	desc, texts, bars := "", map[string]int{}, 0
	inside := ""
	for d := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			inside = x.Name.Local
			if inside == "rect" {
				bars++
			}
		case xml.EndElement:
			inside = ""
		case xml.CharData:
			if inside == "desc" {
				desc = string(x)
			} else if inside == "text" {
				texts[string(x)]++
			}
		}
	}
	for _, x := range r.Results {
		row := fmt.Sprintf("%s, %s: %d runs", x.Case.Name, x.Strategy, x.Runs)
		_, rest, ok := strings.Cut(desc, row)
		rest, _, _ = strings.Cut(rest, ". ")
		want := []string{percent(x.Stopped) + " found", percent(x.Missed) + " missed"}
		if x.Healthy {
			want = []string{percent(x.Stopped) + " (at most " + percent(x.Upper),
				"promoted within " + duration(x.Promote.Median)}
		} else if x.Detection != nil {
			want = append(want, "half found within "+duration(x.Detection.Median))
		} else {
			want = append(want, "never found")
		}
		if x.Floor > 0 {
			want = append(want, "could have avoided "+number(x.Floor))
		}
		for _, w := range want {
			if !ok || !strings.Contains(rest, w) {
				t.Errorf("%s: %q does not say %q", row, rest, w)
			}
		}
	}
	if texts["100 % found, 0 % missed"] != 4 || texts["0 % found, 100 % missed"] != 2 || texts["never found"] != 2 ||
		texts[`a"<b>&.yaml`] != len(o.Cases) || bars < 30 {
		t.Errorf("%d bars and the texts %v", bars, texts)
	}
	for _, never := range []string{"NaN", "Inf", "<script", "href", "figure"} {
		if strings.Contains(out.String(), never) {
			t.Errorf("the picture has %q", never)
		}
	}
	out.Reset()
	if err := Page(&out, r); err != nil || !strings.Contains(out.String(), `<desc id="sheet-desc">`) {
		t.Errorf("the page does not begin with the picture: %v", err)
	}
}
