package observability

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/vercel"
)

const schema = `{"id":"vercel.request.count","aggregations":["sum"],"dimensions":[{"name":"deployment_id"},
	{"name":"route"},{"name":"http_status"}]}`

func asking(schema, answer string, asked *vercel.Query) *Source {
	return New(Options{
		Schema: func(context.Context, string) (json.RawMessage, error) { return json.RawMessage(schema), nil },
		Query: func(_ context.Context, q vercel.Query) (json.RawMessage, error) {
			if asked != nil {
				*asked = q
			}
			return json.RawMessage(answer), nil
		},
		Project: func(context.Context) (string, string, error) { return "prj_1", "team_1", nil },
	})
}

func TestDimensionsAreLookedUp(t *testing.T) {
	t.Parallel()
	from := time.Unix(1_800_000_000, 0)
	for text, want := range map[string][]string{
		schema: {"deployment_id", "http_status"},
		`{"metrics":[{"dimensions":["deploymentId","statusCode"]}]}`: {"deploymentId", "statusCode"},
	} {
		var q vercel.Query
		if _, err := asking(text, `{"data":[]}`, &q).Count(t.Context(), from, from.Add(5*time.Minute)); err != nil {
			t.Error(err)
		}
		diff := cmp.Diff(want, q.GroupBy)
		if diff != "" || q.Project != "prj_1" || q.Owner != "team_1" || q.Step != 5*time.Minute {
			t.Errorf("%+v %s", q, diff)
		}
	}
	for _, text := range []string{`{}`, `[]`, `x`, `{"dimensions":["route","status_class"]}`} {
		_, err := asking(text, `{"data":[]}`, nil).Count(t.Context(), from, from.Add(time.Minute))
		if fault.ReasonOf(err) != "observability_unclear" {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What is not clear is not known: never 0, and never a guess.
func TestAnswersAreReadOrNotKnown(t *testing.T) {
	t.Parallel()
	two := map[string]Count{"dpl_1": {Requests: 110, Errors: 10}, "dpl_2": {Requests: 5}}
	for answer, want := range map[string]map[string]Count{
		`{"data":[]}`: {},
		`{"data":[{"deployment_id":"dpl_1","http_status":200,"value":100},{"deployment_id":"dpl_1","http_status":"500",
		"value":10},{"deployment_id":"dpl_2","http_status":404,"value":5},
		{"deployment_id":"","http_status":403,"value":9}]}`: two,
		`{"result":{"series":[{"group":{"deployment_id":"dpl_1","http_status":"200"},"data":[{"timestamp":"x","value":60},
		{"timestamp":"y","value":40}]},{"group":{"deployment_id":"dpl_1","http_status":"502"},"data":[{"value":10}]},
		{"group":{"deployment_id":"dpl_2","http_status":"200"},"data":[{"value":5}]}]}}`: two,
		`{}`:                 nil,
		`{"ok":true}`:        nil,
		`"deployment_id"`:    nil,
		`{"data":[{"a":1}]}`: nil,
		`{"data":[{"deployment_id":"dpl_1","http_status":200}]}`:                     nil,
		`{"data":[{"deployment_id":"dpl_1","http_status":200,"value":1,"count":2}]}`: nil,
		`{"data":[{"deployment_id":"dpl_1","value":1}]}`:                             nil,
		`{"data":[{"deployment_id":"dpl_1","http_status":200,"value":-1}]}`:          nil,
		`{"data":[` + strings.Repeat(`{"deployment_id":"d","http_status":1,"value":1},`, 99) +
			`{"deployment_id":"d","http_status":1,"value":1}]}`: nil,
		strings.Repeat(`{"a":`, 50) + `{"deployment_id":"d","http_status":1,"value":1}` + strings.Repeat(`}`, 50): nil,
	} {
		got, err := asking(schema, answer, nil).Count(t.Context(), time.Unix(0, 0), time.Unix(60, 0))
		if (err != nil) != (want == nil) {
			t.Errorf("%.100s: %v", answer, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.100s: %s", answer, diff)
		}
	}
}
