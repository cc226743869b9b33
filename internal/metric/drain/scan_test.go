package drain

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"
	"testing"
)

func plain() *reader { return &reader{seed: maphash.MakeSeed(), weights: weights(nil)} }

func TestHostileBodies(t *testing.T) {
	t.Parallel()
	good := string(lines(of("dpl_1", "r", start(), "/", 200)))
	for name, tt := range map[string]struct {
		body         string
		rows, broken uint64
		refused      bool
	}{
		"nothing":                  {"", 0, 0, false},
		"an empty list":            {"[]", 0, 0, false},
		"blanks":                   {" \r\n\t ", 0, 0, false},
		"a word":                   {"hello", 0, 1, true},
		"a broken line":            {good + `{"id":` + "\n" + good, 2, 1, false},
		"a broken row of a list":   {"[" + good + `,{"id":}, ` + good + "]", 1, 1, false},
		"a list that ends early":   {"[" + good, 1, 1, false},
		"a list in a list":         {"[[" + good + "]]", 0, 1, true},
		"a record that ends early": {good[:len(good)/2], 0, 1, true},
		"a string without an end":  {`{"id":"` + strings.Repeat(`\"`, 1000), 0, 1, true},
		"deep":                     {`{"x":` + strings.Repeat("[", 1<<20), 0, 1, true},
		"deep and closed":          {`{"x":` + strings.Repeat("[", 1<<16) + strings.Repeat("]", 1<<16) + "}", 1, 1, false},
		"no key":                   {`{:1}`, 0, 1, true},
		"a bad escape in a key":    {`{"\q":1}`, 0, 1, true},
		"an instant of nobody":     {`{"deploymentId":"dpl_1","timestamp":1e300,"statusCode":200,"id":"x"}`, 1, 1, false},
		"a number of a megabyte":   {`{"deploymentId":"dpl_1","timestamp":` + strings.Repeat("9", 1<<20) + `}`, 1, 1, false},
		"one after the other":      {strings.TrimSpace(good) + strings.TrimSpace(good), 2, 0, false},
	} {
		got, err := plain().read([]byte(tt.body))
		if (err != nil) != tt.refused {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (got.rows != tt.rows || got.broken != tt.broken) {
			t.Errorf("%s: %d rows, %d broken; want %d, %d", name, got.rows, got.broken, tt.rows, tt.broken)
		}
	}
}

// standard is how encoding/json reads what the scanner reads by itself.
type standard struct {
	ID         any `json:"id"`
	Deployment any `json:"deploymentId"`
	Request    any `json:"requestId"`
	Status     any `json:"statusCode"`
	Path       any `json:"path"`
}

func same(raw []byte, v any) bool {
	text, isText := v.(string)
	switch {
	case v == nil:
		return len(raw) == 0
	case isText:
		return string(raw) == text
	}
	return true // numbers are compared by what is made of them
}

// Whatever valid JSON there is, the scanner reads what encoding/json reads; whatever there is else, it ends.
func FuzzRead(f *testing.F) {
	f.Add(body(of("dpl_1", "r", start(), "/a?b=\"c\"", 200)))
	f.Add(lines(of("dpl_1", "r", start(), "/", 500), row{"schema": "vercel.speed_insights.v1", "deploymentId": "dpl_1",
		"timestamp": "2027-01-15T08:00:00Z", "metricType": "LCP", "value": 3.5}))
	f.Add([]byte(`{"id":"\u00e9\\\"","path":["a","b"],"proxy":null,"statusCode":-1}`))
	f.Add([]byte(`[{"id":{"a":[1,{"b":"}"}]},"path":"x\ud83d\ude00"}]`))
	f.Add([]byte("{\"id\":true,\"id\":\"again\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = plain().read(b)
		var want standard
		if !bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{")) || !json.Valid(b) ||
			bytes.Contains(b, []byte("\xef\xbf\xbd")) || !bytes.Equal(bytes.ToValidUTF8(b, []byte("?")), b) {
			return
		}
		if json.Unmarshal(b, &want) != nil {
			return
		}
		var keys map[string]json.RawMessage
		_ = json.Unmarshal(b, &keys)
		for k := range keys { // encoding/json folds the case of keys
			switch strings.ToLower(k) {
			case "id", "deploymentid", "requestid", "statuscode", "path":
				if !slices.Contains(strings.Fields("id deploymentId requestId statusCode path"), k) {
					return
				}
			}
		}
		s := &scanner{b: b}
		var got record
		if !s.record(&got) {
			t.Fatalf("valid JSON is refused: %q", b)
		}
		for _, pair := range []struct {
			raw []byte
			v   any
		}{{got.id, want.ID}, {got.deployment, want.Deployment}, {got.request, want.Request}, {got.path, want.Path}} {
			if _, list := pair.v.([]any); !list && !same(pair.raw, pair.v) {
				t.Errorf("read %q, want %v, of %q", pair.raw, pair.v, b)
			}
		}
		if n, ok := want.Status.(float64); ok && n == float64(int64(n)) && n > -1e9 && n < 1e9 {
			if read, known := whole(got.status); len(got.status) <= 32 && (!known || read != int64(n)) {
				t.Errorf("read %d, want %g, of %q", read, n, b)
			}
		}
	})
}
