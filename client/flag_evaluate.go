package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Evaluation is what a flag is for somebody, in the words of OpenFeature's remote evaluation protocol.
type Evaluation struct {
	Key      string          `json:"key"`
	Value    json.RawMessage `json:"value,omitempty"` // none: the program's own fallback
	Variant  string          `json:"variant,omitempty"`
	Reason   string          `json:"reason"`
	Metadata map[string]any  `json:"metadata,omitempty"`
}

// EvaluateFlag asks what a flag is for a context, as programs do. The client's token may be a flag key, which names its
// environment; the environment is for other tokens.
func (c *Client) EvaluateFlag(
	ctx context.Context, key, environment string, who map[string]any,
) (Evaluation, error) {
	if who == nil {
		who = map[string]any{}
	}
	return do[Evaluation](ctx, c, call{
		method: http.MethodPost, path: "ofrep/v1/evaluate/flags/" + seg(key), outside: true,
		query: query("environment", environment), body: map[string]any{"context": who},
	})
}

// evaluating reads a refusal in the words of remote evaluation, and reports whether it was one.
func (p *Problem) evaluating(raw []byte) bool {
	var said struct{ ErrorCode, ErrorDetails string }
	if json.Unmarshal(raw, &said) != nil || said.ErrorCode == "" && said.ErrorDetails == "" {
		return false
	}
	p.Kind, p.ExitCode = "invalid", 2
	switch p.Status {
	case http.StatusUnauthorized:
		p.Kind, p.ExitCode, p.Remedy = "unknown", 8, "log in, or send a flag key: slipway flag-key create"
	case http.StatusForbidden:
		p.Kind, p.ExitCode = "denied", 5
	case http.StatusNotFound:
		p.Kind, p.ExitCode, p.Remedy = "not_found", 3, "list what there is: slipway flag list"
	case http.StatusTooManyRequests:
		p.Kind, p.ExitCode = "limited", 9
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable:
		p.Kind, p.ExitCode = "unavailable", 7
	}
	p.Reason, p.Message = "evaluation_failed", said.ErrorDetails
	if said.ErrorCode != "" {
		p.Message = said.ErrorCode + ": " + said.ErrorDetails
	}
	return true
}
