package vercel_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
)

// A flag is written over what was read only.
func TestAFlagIsNotWrittenOverAnothersChange(t *testing.T) {
	t.Parallel()
	w, c := open(t)
	const config = `{"active":true,"pausedOutcome":{"type":"variant","variantId":"off"},"rules":[],` +
		`"fallthrough":{"type":"variant","variantId":"on"},"revision":0}`
	first, err := c.CreateFlag(t.Context(), "prj_P1", json.RawMessage(
		`{"slug":"checkout","kind":"boolean","environments":{"production":`+config+`}}`))
	if err != nil || first != 1 {
		t.Fatalf("revision %d, %v", first, err)
	}
	edit := func(revision string) json.RawMessage {
		return json.RawMessage(`{"environments":{"production":` + strings.Replace(config, `"revision":0`,
			`"revision":`+revision, 1) + `}}`)
	}
	second, err := c.EditFlag(t.Context(), "prj_P1", "checkout", first, edit("0"))
	if err != nil || second != 2 {
		t.Fatalf("revision %d, %v", second, err)
	}
	if _, err := c.EditFlag(t.Context(), "prj_P1", "checkout", first, edit("0")); !fault.Is(err, fault.Conflict) ||
		!strings.Contains(err.Error(), "checkout") {
		t.Errorf("over a newer one: %v", err)
	}
	if _, err := c.EditFlag(t.Context(), "prj_P1", "checkout", second, edit("0")); !fault.Is(err, fault.Conflict) {
		t.Errorf("over a newer environment: %v", err)
	}
	w.Fail(fake.Trouble{Method: http.MethodPatch, Status: http.StatusPreconditionFailed, Code: "precondition_failed"})
	if _, err := c.EditFlag(t.Context(), "prj_P1", "checkout", second, edit("1")); !fault.Is(err, fault.Conflict) {
		t.Errorf("overtaken between reading and writing: %v", err)
	}
	if _, err := c.EditFlag(t.Context(), "prj_P1", "checkout", second, edit("1")); err != nil {
		t.Error(err)
	}
	names, err := c.FlagEnvironments(t.Context(), "prj_P1")
	if err != nil || len(names) != 3 {
		t.Errorf("environments: %v, %v", names, err)
	}
}
