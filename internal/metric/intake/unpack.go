package intake

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Unpack reads a body as it was before it was packed, of at most limit bytes: a few kilobytes can claim to hold
// gigabytes.
func Unpack(encoding string, in io.Reader, limit int64) ([]byte, error) {
	switch encoding = strings.ToLower(strings.TrimSpace(encoding)); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "body_malformed", "The body is not packed with gzip.")
		}
		in = z
	default:
		return nil, fault.New(fault.Invalid, "encoding_unsupported", "The body is packed with %.20q; gzip is understood.",
			encoding)
	}
	var out bytes.Buffer
	n, err := out.ReadFrom(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "body_malformed", "The body cannot be unpacked.")
	}
	if n > limit {
		return nil, fault.New(fault.Invalid, "body_too_large", "The body is larger than %d KiB when unpacked.", limit>>10)
	}
	return out.Bytes(), nil
}
