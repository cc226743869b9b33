package engine

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/rollback"
)

// Who may report problems of staging has no say about the visitors of production.
//
// req: RB-13
func TestAnIssueElsewhereLeavesTheCanaryAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		issue := Issue{Environment: "staging", Title: "the staging banner is gone", Critical: true}
		if _, err := w.ReportIssue(w.ctx, person("tessa", "qa"), issue); err != nil {
			t.Fatal(err)
		}
		if got := w.release(r.ID); got.Phase != release.Running {
			t.Fatalf("%s: %s", got.Phase, got.Sentence)
		}
		issue.Environment = "production"
		if _, err := w.ReportIssue(w.ctx, person("tessa", "qa"), issue); err != nil {
			t.Fatal(err)
		}
		if got := w.release(r.ID); got.Phase != release.Undoing && got.Phase != release.Aborted {
			t.Fatalf("%s: %s", got.Phase, got.Sentence)
		}
	})
}

// A rollback goes back: what never ran in production reaches it as a release only,
// with its checks.
//
// req: RB-36
func TestARollbackNeverGoesWhereProductionNeverWas(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.promoted("v2")
		d, err := w.Register(w.ctx, person("dora", "devops"), deployment.Deployment{
			Version: "v9", URL: "http://127.0.0.1:3009", Environment: "development",
		})
		if err != nil {
			t.Fatal(err)
		}
		who := person("inez", "incident")
		if _, err := w.RequestRollback(w.ctx, who, "production", "try mine", d.ID); fault.ReasonOf(err) != "target_unfit" {
			t.Errorf("request: %v", err)
		}
		b, err := w.RequestRollback(w.ctx, who, "production", "it is slow", "")
		if err != nil {
			t.Fatal(err)
		}
		c := rollback.Command{Kind: rollback.Retarget, Actor: who.ID, Name: who.Name, Reason: "try mine"}
		if err := w.CommandRollback(w.ctx, b.ID, c, d.ID, 0); fault.ReasonOf(err) != "target_unfit" {
			t.Errorf("retarget: %v", err)
		}
		if err := w.CommandRollback(w.ctx, b.ID, c, b.Plan.From.ID, 0); fault.ReasonOf(err) != "target_unfit" {
			t.Errorf("retarget to what runs now: %v", err)
		}
	})
}

// A name may lead to a closed address: the connection itself is refused then.
func TestNoConnectionToClosedAddresses(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Control: OnlyDeployments}).DialContext}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://[::ffff:169.254.169.254]/latest", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "nothing is deployed at") {
		t.Errorf("got %v", err)
	}
	if err := OnlyDeployments("tcp4", "127.0.0.1:3002", nil); err != nil {
		t.Error(err)
	}
}

// An address that an edge could not serve, or that only the machine's own provider
// answers at, is refused when it is named, not when visitors are on their way.
func TestAddressesOfDeployments(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"http://127.0.0.1:3002", "https://shop-v2.example/", "http://10.1.2.3:80", "http://[fd00::1]:3000",
	} {
		if err := webAddress(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"javascript:alert(1)", "http://", "file:///etc/passwd", "http://a@b", "http://a/?q", "http://a/#f", "http://a/b",
		"http://169.254.169.254", "http://[fe80::1%25eth0]:80", "http://[::ffff:169.254.169.254]", "http://0.0.0.0:3000",
		"http://224.0.0.1", "http://[fd00:ec2::254]", "http://metadata.google.internal",
		"http://METADATA.google.internal.:80",
	} {
		if err := webAddress(bad); fault.ReasonOf(err) != "deployment_url_invalid" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
