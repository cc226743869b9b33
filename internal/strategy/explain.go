package strategy

import "github.com/slipwayhq/slipway/internal/strategy/document"

// Explain returns the whole strategy as it holds, in the file's own form, with the
// origin of every value behind it: a line of the file, or default.
func (s *Strategy) Explain() string { return document.Write(s.tree, s.name) }
