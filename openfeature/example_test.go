package openfeature_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/slipwayhq/slipway/openfeature"
)

// A program evaluates a flag for a user. The file lets it start while no server answers.
func Example() {
	slipway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // stands for a real one
		if r.URL.Path == "/flags/v1/document" {
			_, _ = fmt.Fprint(w, flags(1, "on"))
		}
	}))
	defer slipway.Close()
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()

	ctx := context.Background()
	provider, err := openfeature.New(slipway.URL, "slwf_srv_…", openfeature.WithFile(filepath.Join(folder, "flags.json")))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := of.SetProviderWithContextAndWait(ctx, provider); err != nil {
		fmt.Println(err) // nothing is known yet: fallbacks are served until a server answers
	}
	defer of.Shutdown()

	user := of.NewEvaluationContext("user-17", map[string]any{"plan": "pro"})
	client := of.NewClient("shop")
	d, err := client.BooleanValueDetails(ctx, "checkout", false, user)
	fmt.Println(d.Value, d.Variant, d.Reason, err)
	fmt.Println(client.Int(ctx, "limit", 3, user))
	// Output:
	// true on STATIC <nil>
	// 5
}
