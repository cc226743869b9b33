//go:build full

package vercel

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/provider"
	slipway "github.com/slipwayhq/slipway/internal/provider/vercel"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// Once Slipway calls flags published, Vercel's own client reads them, without asking for a consistent read.
func TestVercelsClientReadsWhatWasPublished(t *testing.T) {
	t.Parallel()
	s := open(t, fake.Options{Propagation: 300 * time.Millisecond})
	g := s.AddGlobalConfig("flags")
	at, err := api.ParseConnection(g.Connection)
	s.ok(err)
	p := slipway.New(slipway.Options{Project: "shop", Config: g.ID, Client: api.New(api.Options{
		API: s.URL(), Team: fake.TeamID, Read: at.Address,
		Token:  func(context.Context) (string, error) { return "token", nil },
		Reader: func(context.Context) (string, error) { return at.Token, nil },
	})})
	key := slipway.FlagsKey("production")
	world, err := json.Marshal(map[string]string{"connection": g.Connection, "key": key})
	s.ok(err)
	last := ""
	for _, text := range []string{
		`{"flags":{"a":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"}},` +
			`"metadata":{"flagSetId":"shop/production","version":"1"}}`,
		`{"flags":{"a":{"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":null}},` +
			`"$evaluators":{"segment-b":{"in":[{"var":"x"},["é<&>",1.5]]}},` +
			`"metadata":{"flagSetId":"shop/production","version":"2"}}`,
	} {
		s.ok(p.WriteNear(t.Context(), provider.NearDocument{Key: key, Value: json.RawMessage(text), Note: "a story"}))
		cmd := exec.CommandContext(t.Context(), "node", "flags.mjs")
		cmd.Env = append(os.Environ(), "WORLD="+string(world))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		s.ok(err)
		var got struct {
			Flags  any
			Digest string
		}
		var want any
		s.ok(json.Unmarshal(out, &got))
		s.ok(json.Unmarshal([]byte(text), &want))
		if diff := cmp.Diff(want, got.Flags); diff != "" {
			t.Errorf("(-written +read):\n%s", diff)
		}
		if got.Digest == "" || got.Digest == last {
			t.Errorf("the digest is %q after %q", got.Digest, last)
		}
		last = got.Digest
	}
	room, err := p.NearRoom(t.Context())
	if s.ok(err); room.Bytes != 64<<10 || room.All != 300 || room.Left != 298 {
		t.Errorf("two writes on Pro leave %+v", room)
	}
}
