package vercel

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/remote"
)

const secret = "vcp_the_token_that_nobody_may_read"

// talk answers requests without a network, so that time can be a test's own.
type talk func(r *http.Request) (status int, header map[string]string, body string)

func (f talk) RoundTrip(r *http.Request) (*http.Response, error) {
	status, header, body := f(r)
	if status == 0 {
		return nil, fmt.Errorf("dial: refused (%s)", r.Header.Get("Authorization"))
	}
	w := httptest.NewRecorder()
	for name, v := range header {
		w.Header().Set(name, v)
	}
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	return w.Result(), nil
}

func client(f talk, edit ...func(*Options)) *Client {
	o := Options{Team: "team_T1", Token: func(context.Context) (string, error) { return secret, nil },
		HTTP: &http.Client{Transport: f}}
	for _, e := range edit {
		e(&o)
	}
	return New(o)
}

func TestFaultsSayWhatToDoAndNeverTheToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		body   string
		kind   fault.Kind
		reason string
		says   string
	}{
		{400, `{"error":{"code":"bad_request","message":"no"}}`, fault.Invalid, "vercel_refused", "no"},
		{401, ``, fault.Unavailable, "vercel_token", "Put a new one"},
		{402, `{"error":{"code":"payment_required","message":"Hobby"}}`, fault.Refused, "vercel_plan", "Hobby"},
		{403, `{"error":{"code":"forbidden","message":"Not authorized"}}`, fault.Denied, "vercel_right",
			`"Project: deployment promotion"`},
		{403, `{"error":{"code":"forbidden","message":"Not authorized","invalidToken":true}}`, fault.Unavailable,
			"vercel_token", "expired"},
		{404, ``, fault.NotFound, "vercel_unknown", "promote a deployment"},
		{409, `{"error":{"code":"conflict","message":"busy ` + secret + `"}}`, fault.Conflict, "vercel_conflict", "busy …"},
		{410, ``, fault.NotFound, "vercel_unknown", "Gone"},
		{422, "<html>\nno JSON", fault.Invalid, "vercel_refused", "Unprocessable"},
		{429, `{"error":{"code":"rate_limited","message":"slow"}}`, fault.Limited, "vercel_limited", "goes on at"},
		{500, ``, fault.Unavailable, "vercel_down", "HTTP 500"},
		{0, ``, fault.Unavailable, "vercel_unreachable", "does not answer"},
	} {
		c := client(func(*http.Request) (int, map[string]string, string) { return tt.status, nil, tt.body })
		_, err := c.Promote(t.Context(), "prj_P1", "dpl_1")
		if fault.KindOf(err) != tt.kind || fault.ReasonOf(err) != tt.reason ||
			!strings.Contains(fault.MessageOf(err), tt.says) {
			t.Errorf("%d: %s %s: %s", tt.status, fault.KindOf(err), fault.ReasonOf(err), fault.MessageOf(err))
		}
		if strings.Contains(err.Error(), secret) || strings.Contains(fault.MessageOf(err), secret) {
			t.Errorf("%d: the token is in %v", tt.status, err)
		}
		if got := StatusOf(err); got != tt.status {
			t.Errorf("%d: the status is %d", tt.status, got)
		}
	}
}

// TestOnlyHarmlessCallsAreRepeated: a POST whose outcome is unknown is its caller's to find out.
func TestOnlyHarmlessCallsAreRepeated(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call func(context.Context, *Client) error
		want int32
	}{
		"read": {func(ctx context.Context, c *Client) error { _, err := c.Project(ctx, "p"); return err }, 3},
		"set":  {func(ctx context.Context, c *Client) error { return c.PutItems(ctx, "ecfg_1", Item{Key: "k"}) }, 3},
		"drop": {func(ctx context.Context, c *Client) error { return c.DropEnv(ctx, "p", "e") }, 3},
		"create": {func(ctx context.Context, c *Client) error {
			_, err := c.Create(ctx, NewDeployment{Name: "n"})
			return err
		}, 1},
		"promote":  {func(ctx context.Context, c *Client) error { _, err := c.Promote(ctx, "p", "d"); return err }, 1},
		"rollback": {func(ctx context.Context, c *Client) error { return c.Rollback(ctx, "p", "d") }, 1},
		"start":    {func(ctx context.Context, c *Client) error { return c.StartRolling(ctx, "p", "d") }, 1},
		"approve":  {func(ctx context.Context, c *Client) error { return c.ApproveStage(ctx, "p", "d", 0) }, 1},
		"env":      {func(ctx context.Context, c *Client) error { return c.SetEnv(ctx, "p", false, Variable{Key: "K"}) }, 1},
	} {
		for _, status := range []int{0, 503} {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int32
				c := client(func(*http.Request) (int, map[string]string, string) { n.Add(1); return status, nil, "" })
				if err := tt.call(t.Context(), c); !fault.Is(err, fault.Unavailable) || n.Load() != tt.want {
					t.Errorf("%s: %d tries, want %d: %v", name, n.Load(), tt.want, err)
				}
			})
		}
	}
}

func TestLimitsAreSharedAndKeepAReserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		remaining := "7"
		answer := func(r *http.Request) (int, map[string]string, string) {
			asked.Add(1)
			return 200, map[string]string{"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": remaining,
				"X-RateLimit-Reset": fmt.Sprint(time.Now().Add(40 * time.Second).Unix())}, `{"id":"prj_P1"}`
		}
		limits := NewLimits()
		share := func(o *Options) { o.Limits = limits }
		a, b := client(answer, share), client(answer, share)
		if _, err := a.Project(t.Context(), "p"); err != nil {
			t.Fatal(err)
		}
		_, err := b.Project(t.Context(), "p")
		if !fault.Is(err, fault.Limited) || asked.Load() != 1 {
			t.Errorf("the other node asks all the same (%d): %v", asked.Load(), err)
		}
		if r, _ := RefusalOf(err); r.Until.Sub(time.Now()) < 30*time.Second {
			t.Errorf("it goes on at %s", r.Until)
		}
		if _, err := b.Project(Urgent(t.Context()), "p"); err != nil {
			t.Errorf("who takes something back waits for the reserve: %v", err)
		}
		time.Sleep(41 * time.Second)
		if _, err := b.Project(t.Context(), "p"); err != nil {
			t.Errorf("after the reset: %v", err)
		}
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	for _, wait := range []string{"1", "90"} {
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int32
			begun := time.Now()
			c := client(func(*http.Request) (int, map[string]string, string) {
				if asked.Add(1) == 1 {
					return 429, map[string]string{"Retry-After": wait}, ""
				}
				return 200, nil, `{"id":"prj_P1"}`
			})
			_, err := c.Project(t.Context(), "p")
			switch took := time.Since(begun); {
			case wait == "1" && (err != nil || took < time.Second || asked.Load() != 2):
				t.Errorf("a second is not waited out: %v after %s", err, took)
			case wait == "90" && (!fault.Is(err, fault.Limited) || took > time.Second || asked.Load() != 1):
				t.Errorf("a caller is kept for %s: %v", took, err)
			}
			if wait == "90" {
				time.Sleep(91 * time.Second)
				if _, err := c.Project(t.Context(), "p"); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			}
		})
	}
}

func TestAVercelThatIsAwayIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		up := false
		c := client(func(*http.Request) (int, map[string]string, string) {
			asked.Add(1)
			if !up {
				return 502, nil, ""
			}
			return 200, nil, `{"id":"prj_P1"}`
		})
		for range 20 {
			_, _ = c.Project(t.Context(), "p")
		}
		if n := asked.Load(); n != remote.BreakAfter {
			t.Errorf("it was asked %d times, want %d", n, remote.BreakAfter)
		}
		if _, err := c.Project(t.Context(), "p"); fault.ReasonOf(err) != "vercel_resting" {
			t.Errorf("got %v", err)
		}
		up = true
		if _, err := c.Project(Urgent(t.Context()), "p"); err != nil {
			t.Errorf("a way back is not tried: %v", err)
		}
		if _, err := c.Project(t.Context(), "p"); err != nil {
			t.Errorf("once it answers: %v", err)
		}
	})
}

func TestTheBudgetIsOneOfADayAndNeverStopsAWayBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	c := client(nil, func(o *Options) { o.Now = func() time.Time { return now } })
	for i := range 3 {
		if err := c.Spend(t.Context(), Budget{What: "items", Limit: 2}); (err == nil) != (i < 2) {
			t.Errorf("write %d: %v", i+1, err)
		}
	}
	if err := c.Spend(Urgent(t.Context()), Budget{What: "items", Limit: 2}); err != nil {
		t.Error(err)
	}
	now = now.Add(12 * time.Hour)
	if err := c.Spend(t.Context(), Budget{What: "items", Limit: 2}); err != nil {
		t.Errorf("on the next day: %v", err)
	}
}

// TestAnswersAreReadTolerantlyAndStrictly: fields that nobody knows are let be, and one that something rests on is
// never made up.
func TestAnswersAreReadTolerantlyAndStrictly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, reason string }{
		{`{"id":"prj_1","new":{"deep":[1]},"targets":{"production":{"id":"dpl_1"},"x":null}}`, "internal"},
		{`{"name":"shop"}`, "vercel_contract"},
		{`{"id":"prj_1","lastAliasRequest":{"type":"rollback"}}`, "vercel_contract"},
		{`[]`, "vercel_answer"},
		{``, "vercel_answer"},
		{`{"id":"` + strings.Repeat("x", maxAnswer) + `"}`, "vercel_answer"},
	} {
		c := client(func(*http.Request) (int, map[string]string, string) { return 200, nil, tt.body })
		p, err := c.Project(t.Context(), "p")
		if fault.ReasonOf(err) != tt.reason {
			t.Errorf("%.60s: %v", tt.body, err)
		}
		if err == nil && (p.Production != "dpl_1" || p.AutoAssign != nil) {
			t.Errorf("%.60s: %+v", tt.body, p)
		}
	}
	for body, good := range map[string]bool{
		`{"rollingRelease":null}`:               true,
		`{"rollingRelease":{"stages":[]}}`:      false,
		`{"rollingRelease":{"state":"ACTIVE"}}`: false,
		`{"rollingRelease":{"state":"ACTIVE","currentDeployment":{"id":"a"},"canaryDeployment":{"id":"b"}}}`: false,
		`{"rollingRelease":{"state":"ABORTED","activeStage":null,"new":1}}`:                                  true,
	} {
		c := client(func(*http.Request) (int, map[string]string, string) { return 200, nil, body })
		if _, err := c.RollingRelease(t.Context(), "p"); (err == nil) != good {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestListsGoThroughTheirPages(t *testing.T) {
	t.Parallel()
	c := client(func(r *http.Request) (int, map[string]string, string) {
		if r.URL.Query().Get("until") == "" {
			return 200, nil, `{"deployments":[{"uid":"dpl_2","state":"READY","created":1795375000000,"aliasAssigned":1795}],
				"pagination":{"next":1795375000000}}`
		}
		return 200, nil, `{"deployments":[{"uid":"dpl_1","state":"ERROR","aliasAssigned":false,"target":"production"}],
			"pagination":{"next":null}}`
	})
	got, err := c.Deployments(t.Context(), Filter{Project: "prj_P1"})
	if err != nil || len(got) != 2 || got[0].ID != "dpl_2" || !got[0].Aliased || got[1].Aliased ||
		got[1].Target != "production" || got[0].Created.Year() != 2026 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAPartialWriteOfVariablesIsNamed(t *testing.T) {
	t.Parallel()
	c := client(func(*http.Request) (int, map[string]string, string) {
		return 201, nil, `{"created":[],"failed":[{"error":{"code":"ENV_CONFLICT","key":"API_URL"}}]}`
	})
	err := c.SetEnv(t.Context(), "p", true, Variable{Key: "API_URL"}, Variable{Key: "B"})
	if !fault.Is(err, fault.Refused) || !strings.Contains(fault.MessageOf(err), "API_URL (ENV_CONFLICT)") {
		t.Error(err)
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	body := []byte(`{"id":"evt_1"}`)
	const known = "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"
	if got := Signature([]byte("The quick brown fox jumps over the lazy dog"), "key"); got != known {
		t.Errorf("the signature is %s", got)
	}
	sign := Signature(body, "new")
	for name, ok := range map[string]bool{
		"one of two": Signed(body, sign, "old", "new"), "upper case": Signed(body, strings.ToUpper(sign), "new"),
		"no": !Signed(body, sign, "old"), "empty secret": !Signed(body, Signature(body, ""), ""), "none": !Signed(body, sign),
		"no signature": !Signed(body, "", "new"), "other body": !Signed([]byte("{}"), sign, "new"),
		"half": !Signed(body, sign[:20], "new"),
	} {
		if !ok {
			t.Error(name)
		}
	}
}

func TestEventsSayWhereToLook(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Event{
		`{"id":"e1","type":"deployment.rollback","payload":{"project":{"id":"prj_1"},"fromDeploymentId":"dpl_b",
			"toDeploymentId":"dpl_a","user":{"id":"usr_1"}}}`: {ID: "e1", Type: "deployment.rollback", Project: "prj_1",
			Deployment: "dpl_a", User: "usr_1"},
		`{"id":"e2","type":"project.rolling-release.started","payload":{"projectId":"prj_1","rollingRelease":{"default":
			{"targetDeploymentId":"dpl_c"}}}}`: {ID: "e2", Type: "project.rolling-release.started", Project: "prj_1",
			Canary: "dpl_c"},
		`{"id":"e3","type":"flag.deleted","payload":{"project":{"id":"prj_1"},"flag":{"id":"flg_1","slug":"checkout"},
			"user":{"id":"usr_1"}}}`: {ID: "e3", Type: "flag.deleted", Project: "prj_1", Flag: "checkout", User: "usr_1"},
	} {
		if got, err := DecodeEvent([]byte(body)); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, body := range []string{``, `{}`, `[]`, `{"id":"x"}`} {
		if _, err := DecodeEvent([]byte(body)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestAConnectionStringIsNeverRepeated(t *testing.T) {
	t.Parallel()
	c, err := ParseConnection("https://edge-config.vercel.com/ecfg_1?token=" + secret)
	if err != nil || c != (Connection{"https://edge-config.vercel.com", "ecfg_1", secret}) {
		t.Errorf("%+v, %v", c, err)
	}
	for _, s := range []string{"", "ecfg_1", "https://host/?token=" + secret, "ftp://h/e?token=" + secret, "https://h/e",
		"https://h/\x7f?token=" + secret} {
		if _, err := ParseConnection(s); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"id":"e1","type":"deployment.ready","payload":{"deployment":{"id":"dpl_1"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := DecodeEvent(b); err == nil && (e.ID == "" || e.Type == "") {
			t.Errorf("%q is an event without a name", b)
		}
		var w wireDeployment
		if json.Unmarshal(b, &w) == nil {
			_, _ = w.deployment()
		}
	})
}
