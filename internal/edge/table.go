package edge

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// The limits of a table. They bound what a request can cost and what a faulty
// control plane can do to an edge.
const (
	MaxTableBytes = 1 << 20 // of a table in JSON
	maxArms       = 32
	maxBuilds     = 16
	maxWord       = 128
)

// DefaultCookie is the name of the sticky cookie when the table names none.
const DefaultCookie = "slipway_id"

// Table says which deployment serves whom. It is immutable once applied; the
// control plane sends a new one, with a higher generation, for every change.
type Table struct {
	Generation uint64  `json:"generation"`       // rises with every change
	App        string  `json:"app"`              // the application's name
	Salt       string  `json:"salt"`             // per release, so that each release draws anew
	Stable     string  `json:"stable"`           // the deployment that serves everybody else
	Canary     string  `json:"canary,omitempty"` // the deployment on trial, or empty
	Share      float64 `json:"share"`            // percent of visitors for the canary
	Arms       []Arm   `json:"arms"`
	Sticky     Sticky  `json:"sticky"`
	Ramps      []Ramp  `json:"ramps,omitempty"` // flags whose shares are being raised
}

// Arm is one running deployment that the edge can reach.
type Arm struct {
	ID       string    `json:"id"`                  // Slipway's deployment id
	Version  string    `json:"version"`             // for people
	URL      string    `json:"url"`                 // scheme, host and port
	BuildIDs []string  `json:"build_ids,omitempty"` // the application's own NEXT_DEPLOYMENT_ID values
	Until    time.Time `json:"until,omitzero"`      // when neither stable nor canary: pins are honored until then
	Banned   bool      `json:"banned,omitempty"`    // aborted: nobody is sent here, pinned or not
}

// Sticky says what identifies a visitor.
type Sticky struct {
	Cookie     string `json:"cookie,omitempty"`      // the cookie that the edge sets; slipway_id by default
	UserHeader string `json:"user_header,omitempty"` // a request header that carries a user id
	UserCookie string `json:"user_cookie,omitempty"` // a cookie that carries a user id
}

// DecodeTable reads a table from JSON and validates it. Fields that this edge
// does not know are ignored, so that a newer control plane can talk to it.
func DecodeTable(b []byte) (Table, error) {
	if len(b) > MaxTableBytes {
		return Table{}, invalid("the table is larger than %d bytes", MaxTableBytes)
	}
	var t Table
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&t); err != nil {
		return Table{}, fault.Wrap(err, fault.Invalid, "table_malformed", "the edge table is not the JSON of a table")
	}
	if d.More() {
		return Table{}, fault.New(fault.Invalid, "table_malformed", "the edge table is followed by other data")
	}
	return t, t.Validate()
}

// Validate refuses a table that could not be served as a whole.
func (t Table) Validate() error {
	switch {
	case t.Generation == 0:
		return invalid("the generation starts at 1")
	case !isText(t.App) || !isText(t.Salt):
		return invalid("app and salt need 1 to %d printable characters", maxWord)
	case math.IsNaN(t.Share) || t.Share < 0 || t.Share > 100:
		return invalid("the share is a percentage from 0 to 100")
	case len(t.Arms) == 0 || len(t.Arms) > maxArms:
		return invalid("a table has 1 to %d arms, not %d", maxArms, len(t.Arms))
	}
	byID := make(map[string]Arm, len(t.Arms))
	for _, a := range t.Arms {
		if _, twice := byID[a.ID]; twice {
			return invalid("arm %s is listed twice", a.ID)
		}
		if err := a.validate(); err != nil {
			return err
		}
		byID[a.ID] = a
	}
	if err := t.validateRoles(byID); err != nil {
		return err
	}
	if err := t.validateRamps(); err != nil {
		return err
	}
	return t.Sticky.validate()
}

// validateRoles checks stable and canary against the arms.
func (t Table) validateRoles(byID map[string]Arm) error {
	stable, ok := byID[t.Stable]
	if !ok {
		return invalid("the stable deployment %q has no arm", t.Stable)
	}
	if stable.Banned {
		return invalid("the stable deployment %s is banned", t.Stable)
	}
	if t.Canary == "" {
		if t.Share != 0 {
			return invalid("a share of %g %% needs a canary", t.Share)
		}
		return nil
	}
	canary, ok := byID[t.Canary]
	switch {
	case !ok:
		return invalid("the canary deployment %q has no arm", t.Canary)
	case t.Canary == t.Stable:
		return invalid("deployment %s is stable and canary at once", t.Canary)
	case canary.Banned && t.Share > 0:
		return invalid("the canary %s is banned and cannot have a share", t.Canary)
	}
	return nil
}

func (a Arm) validate() error {
	if !isWord(a.ID) {
		return invalid("arm id %q is not a word of letters, digits and ._:-", a.ID)
	}
	if a.Version != "" && !isText(a.Version) {
		return invalid("the version of arm %s is too long or not printable", a.ID)
	}
	if _, err := a.target(); err != nil {
		return err
	}
	if len(a.BuildIDs) > maxBuilds {
		return invalid("arm %s has more than %d build ids", a.ID, maxBuilds)
	}
	for _, b := range a.BuildIDs {
		if !isWord(b) {
			return invalid("build id %q of arm %s is not a word of letters, digits and ._:-", b, a.ID)
		}
	}
	return nil
}

// target parses the arm's URL: a scheme and a host, nothing else.
func (a Arm) target() (*url.URL, error) {
	u, err := url.Parse(a.URL)
	if err != nil || len(a.URL) > 512 {
		return nil, invalid("the URL of arm %s is malformed", a.ID)
	}
	bare := u.User == nil && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == "" && u.Opaque == ""
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || !bare {
		return nil, invalid("the URL of arm %s must be like http://host:port", a.ID)
	}
	return u, nil
}

func (s Sticky) validate() error {
	for _, name := range []string{s.Cookie, s.UserCookie, s.UserHeader} {
		if name != "" && !isToken(name) {
			return invalid("%q cannot be the name of a cookie or header", name)
		}
	}
	return nil
}

// cookie returns the name of the cookie that the edge sets.
func (s Sticky) cookie() string {
	if s.Cookie == "" {
		return DefaultCookie
	}
	return s.Cookie
}

// equal reports whether two tables say the same.
func (t Table) equal(o Table) bool { return reflect.DeepEqual(t.normal(), o.normal()) }

// normal returns a deep copy in which equal instants and empty lists are identical.
func (t Table) normal() Table {
	t.Arms = append([]Arm(nil), t.Arms...)
	t.Ramps = append([]Ramp(nil), t.Ramps...)
	for i := range t.Arms {
		t.Arms[i].BuildIDs = append([]string(nil), t.Arms[i].BuildIDs...)
		t.Arms[i].Until = t.Arms[i].Until.UTC().Round(0)
	}
	return t
}

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "table_invalid", format, args...)
}

// isWord reports whether s is safe in a header, a log line and a query.
func isWord(s string) bool {
	if s == "" || len(s) > maxWord {
		return false
	}
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte("._:-", s[i]) < 0 {
			return false
		}
	}
	return true
}

// isToken reports whether s is a token of RFC 9110.
func isToken(s string) bool {
	if s == "" || len(s) > maxWord {
		return false
	}
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return true
}

// isText reports whether s has 1 to maxWord bytes without control characters.
func isText(s string) bool { return len(s) <= maxWord && isArmText(s) }

// isArmText is isText for the longer names of arms of ramps.
func isArmText(s string) bool {
	if s == "" || len(s) > maxArm {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
