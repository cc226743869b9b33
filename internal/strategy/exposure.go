package strategy

import (
	"fmt"
	"strconv"

	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// minutes is a number of user-minutes; off is 0.
type minutes uint64

// Read reads minutes in the form that people write.
func (x *minutes) Read(d *document.Decoder, path []string, n *document.Node) {
	if !d.IsScalar(path, n, "a number of user-minutes") || n.Text == document.Off {
		return
	}
	v, err := strconv.ParseUint(n.Text, 10, 40)
	if err != nil || v == 0 {
		d.Wrong(n, path, fmt.Sprintf("want a number of user-minutes, got %q", n.Text), "write for example 3000, or off")
		return
	}
	*x = minutes(v)
}

// Schema describes the form of minutes.
func (*minutes) Schema() map[string]any {
	return document.AnyOf(map[string]any{"enum": []any{document.Off}}, map[string]any{"type": "integer", "minimum": 1})
}
