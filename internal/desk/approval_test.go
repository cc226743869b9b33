package desk

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/store"
)

// request writes an approval request as a release would open it.
func (w *world) request(id string, opened time.Time, evidence map[string]string) approval.Request {
	w.t.Helper()
	q := approval.New(id, approval.Subject{
		Kind: "release", ID: "rel_x", Action: "Put v2 into production", App: "shop", Environment: "production", Version: "v2",
		Evidence: evidence, Expires: opened.Add(time.Hour),
	}, []approval.Rule{{Role: "product", Count: 1}}, "usr_development", opened)
	w.ok(w.Engine.Write(w.ctx, func(tx *store.Tx) error { return tx.InsertApproval(w.ctx, &q) }))
	return q
}

func TestAnApprovalSaysWhatChangedSinceTheLastRequest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		now := time.Now().UTC().Truncate(time.Second)
		w.request("apr_1", now.Add(-time.Minute), map[string]string{"unit": "passed", "review": "passed", "note": "the same"})
		q := w.request("apr_2", now, map[string]string{"unit": "failed", "note": "the same", "load": "passed"})
		a, err := w.Approval(w.ctx, w.as("product"), q.ID)
		w.ok(err)
		if len(a.Changed) != 3 || !strings.Contains(a.Changed["unit"],
			"passed") || a.Changed["review"] != "no longer there" ||
			!strings.HasPrefix(a.Changed["load"], "new:") {
			t.Errorf("changed: %v", a.Changed)
		}
		first, err := w.Approval(w.ctx, w.as("product"), "apr_1")
		w.ok(err)
		if len(first.Changed) > 0 {
			t.Errorf("the first request has nothing before it: %v", first.Changed)
		}
	})
}

// Evidence is signed with actors in their raw form, and read with them as people know them.
func TestEvidenceNamesPeople(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"passed system:guard: baked for 1h.":         "passed Slipway's guard: baked for 1h.",
		"passed by token:ada/ci (abc) by token:b/ci": "passed by ada (token ci) (abc) by token:b/ci",
		"passed user:ada: ":                          "passed ada: ",
		"skipped":                                    "skipped",
		"see http://x:1 first":                       "see http://x:1 first",
	} {
		if got := named(raw); got != want {
			t.Errorf("%q reads %q, want %q", raw, got, want)
		}
	}
}

// Who may decide is told by the same rules that decide.
func TestAnApprovalSaysWhoMayDecide(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		q := w.request("apr_1", time.Now().UTC().Truncate(time.Second), map[string]string{"unit": "passed"})
		author := w.as("product")
		author.User = "usr_development"
		machine := w.as("product")
		machine.User = ""
		for name, who := range map[string]access.Actor{
			"product": w.as("product"), "qa": w.as("qa"), "development": w.as("development"), "author": author,
			"machine": machine,
		} {
			var says api.Approval
			list, err := w.Approvals(w.ctx, who, "")
			w.ok(err)
			for _, a := range list {
				says = a
			}
			if says.MayDecide != (name == "product") || says.ID != "" && (says.WhyNot == "") != says.MayDecide {
				t.Errorf("%s: may decide is %t: %q", name, says.MayDecide, says.WhyNot)
			}
			if name == "product" {
				continue
			}
			if _, err := w.Decide(w.ctx, who, q.ID, true, api.Decision{Hash: q.Hash}); err == nil {
				t.Errorf("%s decided all the same", name)
			}
		}
		a, err := w.Decide(w.ctx, w.as("product"), q.ID, true, api.Decision{Hash: q.Hash})
		w.ok(err)
		if a.State != "approved" || len(a.Votes) != 1 || a.Votes[0].Signature == "" {
			t.Errorf("%+v", a)
		}
	})
}
