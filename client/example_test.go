package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

// A CI reports that the tests passed and starts the release.
func Example() {
	slipway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // stands for a real one
		if r.URL.Path == "/api/v1/checks" {
			_, _ = fmt.Fprint(w, `{"title":"Unit tests","status":"passed"}`)
			return
		}
		w.WriteHeader(http.StatusPreconditionFailed)
		_, _ = fmt.Fprint(w, `{"kind":"refused","reason":"under_way","detail":"v1 is under way.","exit_code":6}`)
	}))
	defer slipway.Close()

	ctx := context.Background()
	c, err := client.New(slipway.URL, client.Options{Token: "slp_…"})
	if err != nil {
		fmt.Println(err)
		return
	}
	check, err := c.ReportCheck(ctx, api.ReportCheck{Version: "v2", Name: "unit", Status: "passed"})
	fmt.Println(check.Title, check.Status, err)

	_, err = c.StartRelease(ctx, api.StartRelease{Version: "v2", Deployment: "http://127.0.0.1:3002"})
	if p, ok := errors.AsType[*client.Problem](err); ok {
		fmt.Printf("%s (exit code %d)\n", p.Message, p.ExitCode)
	}
	// Output:
	// Unit tests passed <nil>
	// v1 is under way. (exit code 6)
}
