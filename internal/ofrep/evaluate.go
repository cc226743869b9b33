package ofrep

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// The limits of a request.
const (
	maxBody  = 64 << 10
	maxDepth = 32
	maxKey   = 256
	bodyTime = 10 * time.Second
	// prefix is what stands before the body in its buffer: what else its answer depends upon.
	prefix = 32
)

// invalidContext is what flagd says of a body that is no JSON, too.
const invalidContext = "INVALID_CONTEXT"

// single answers what one flag is for a context.
func (d *Door) single(w http.ResponseWriter, r *http.Request, c *caller) {
	key := r.URL.Path[len(evaluatePath)+1:]
	v := d.view(c.environment)
	if v == nil {
		d.missing(w, key)
		return
	}
	s := d.scratch.Get().(*scratch) //nolint:forcetypeassert // nothing else is in the pool
	defer d.giveBack(s)
	who, wrong := s.context(w, r)
	if wrong != nil {
		wrong.Key = key
		fail(w, http.StatusBadRequest, *wrong)
		return
	}
	d.evaluations.Add(1)
	e := v.find(key, c.public)
	if e == nil {
		fail(w, http.StatusNotFound, failure{key, string(flag.NotFound), "There is no such flag."})
		return
	}
	began := time.Now()
	got := v.set.Snapshot.Evaluate(key, who, c.now)
	d.spent(began, 1)
	e.count(got.Variant).Evaluated(s.shard)
	status := http.StatusOK
	if got.Reason == flag.ErrorReason {
		status = http.StatusBadRequest
	}
	s.out = e.append(s.out[:0], &got, e.whole, c.public)
	write(w, status, s.out)
}

// missing answers for an environment that has no set yet.
func (d *Door) missing(w http.ResponseWriter, key string) {
	retry(w, 0)
	fail(w, http.StatusServiceUnavailable, failure{Key: key, Details: "The flags have not been read yet."})
}

// bulk answers what every flag is for a context.
func (d *Door) bulk(w http.ResponseWriter, r *http.Request, c *caller) {
	if r.URL.RawQuery != "" {
		d.await(r, c)
	}
	v := d.view(c.environment)
	if v == nil {
		d.missing(w, "")
		return
	}
	s := d.scratch.Get().(*scratch) //nolint:forcetypeassert // nothing else is in the pool
	defer d.giveBack(s)
	if err := s.read(w, r); err != nil {
		fail(w, http.StatusBadRequest, failure{Code: invalidContext, Details: err.Error()})
		return
	}
	d.evaluations.Add(1)
	h := w.Header()
	var tag string
	if !v.set.Timed {
		tag = s.tag(v, c)
		if matches(r.Header["If-None-Match"], tag) {
			d.same(w, tag)
			return
		}
	}
	who, wrong := s.parse()
	if wrong != nil {
		fail(w, http.StatusBadRequest, *wrong)
		return
	}
	s.out = append(s.out[:0], `{"flags":[`...)
	began, visible := time.Now(), v.visible(c.public)
	for i, e := range visible {
		if i > 0 {
			s.out = append(s.out, ',')
		}
		if e.fixed != nil {
			s.out = append(s.out, e.fixed...)
			e.counter.Evaluated(s.shard)
			continue
		}
		got := v.set.Snapshot.Evaluate(e.key, who, c.now)
		e.count(got.Variant).Evaluated(s.shard)
		s.out = e.append(s.out, &got, e.own, c.public)
	}
	d.spent(began, len(visible))
	s.out = append(s.out, ']')
	if v.metadata != nil {
		s.out = append(s.out, `,"metadata":`...)
		s.out = append(s.out, v.metadata...)
	}
	s.out = append(s.out, `,"eventStreams":[{"type":"sse","endpoint":{"requestUri":"`+eventsPath+`?`...)
	if c.public {
		s.out = append(append(s.out, "key="...), c.secret...)
	} else {
		s.out = append(append(s.out, "ticket="...), d.ticket(c)...)
	}
	s.out = append(s.out, `"},"inactivityDelaySec":120}]}`...)
	if v.set.Timed { // what was true a second ago may not be now: the answer itself is compared
		sum := sha256.Sum256(s.out)
		tag = hexTag(sum[:16])
		if matches(r.Header["If-None-Match"], tag) {
			d.same(w, tag)
			return
		}
	}
	h["Etag"] = []string{tag}
	write(w, http.StatusOK, s.out)
}

// spent notes how long flags were evaluated.
func (d *Door) spent(began time.Time, flags int) {
	d.evaluated.Add(int64(flags))
	d.nanos.Add(int64(time.Since(began)))
}

// same answers that nothing changed.
func (d *Door) same(w http.ResponseWriter, tag string) {
	d.unchanged.Add(1)
	w.Header()["Etag"] = []string{tag}
	w.WriteHeader(http.StatusNotModified)
}

// await looks for a newer set when an event that this node has not seen made the client ask.
func (d *Door) await(r *http.Request, c *caller) {
	heard, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Query().Get("flagConfigEtag"), `"`), "-")
	if generation, err := strconv.ParseInt(heard, 10, 64); err == nil {
		d.Flags.Await(r.Context(), c.environment, generation)
	}
}

// tag is the ETag of a list: of the definitions, of whether it is for a public key, of the address of the stream, and
// of the context as it was sent.
func (s *scratch) tag(v *view, c *caller) string {
	var state [prefix]byte
	digest := v.set.Digest
	if c.public {
		digest = v.mark
	}
	copy(state[:], digest[:min(len(digest), prefix-8)])
	end := ticketEnd(c.now) / int64(ticketHour.Seconds())
	if c.public {
		end = 0
	}
	for i := range 8 {
		state[prefix-8+i] = byte(end >> (8 * i))
	}
	copy(s.in, state[:])
	sum := sha256.Sum256(s.in)
	return hexTag(sum[:16])
}

func hexTag(sum []byte) string {
	out := make([]byte, 0, 2*len(sum)+2)
	out = append(out, '"')
	out = hex.AppendEncode(out, sum)
	return string(append(out, '"'))
}

// matches reports whether a header names the tag. A proxy that packs answers makes tags weak.
func matches(header []string, tag string) bool {
	for _, line := range header {
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
			if part == tag || part == "*" {
				return true
			}
		}
	}
	return false
}

var errTooLarge = errors.New("The context is larger than 64 KiB.")    //nolint:staticcheck // people read it
var errIncomplete = errors.New("The body did not arrive completely.") //nolint:staticcheck // people read it

// read takes the body into the buffer, behind the prefix.
func (s *scratch) read(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > maxBody {
		return errTooLarge
	}
	if r.ContentLength != 0 { // who sends slowly is not waited for
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	}
	want := prefix + maxBody + 1
	if r.ContentLength >= 0 {
		want = prefix + int(r.ContentLength) + 1 // one more, to see the end
	}
	if cap(s.in) < want {
		s.in = make([]byte, max(want, 2048))
	}
	s.in = s.in[:want]
	n := prefix
	for n < len(s.in) {
		m, err := r.Body.Read(s.in[n:])
		n += m
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errIncomplete
		}
	}
	if n > prefix+maxBody {
		return errTooLarge
	}
	s.in = s.in[:n]
	return nil
}

// context reads the body and the context in it.
func (s *scratch) context(w http.ResponseWriter, r *http.Request) (*flag.Context, *failure) {
	if err := s.read(w, r); err != nil {
		return nil, &failure{Code: invalidContext, Details: err.Error()}
	}
	return s.parse()
}

// parse reads the context in the body. As flagd does, it takes one that is missing for an empty one.
func (s *scratch) parse() (*flag.Context, *failure) {
	body := s.in[prefix:]
	if len(body) == 0 {
		return flag.NewContext("", nil), nil
	}
	if deeper(body, maxDepth) {
		return nil, &failure{Code: invalidContext, Details: "The context is nested deeper than 32."}
	}
	var in struct {
		Context any `json:"context"`
	}
	if err := json.Unmarshal(body, &in); err != nil { // whose text may quote what was sent
		return nil, &failure{Code: invalidContext, Details: "The body is not a JSON object with a context."}
	}
	switch about := in.Context.(type) {
	case nil:
		return flag.NewContext("", nil), nil
	case map[string]any:
		key, _ := about["targetingKey"].(string)
		return flag.NewContext(key, about), nil
	}
	return nil, &failure{Code: invalidContext, Details: "The context must be a JSON object."}
}

// deeper reports whether brackets are nested deeper than most.
func deeper(text []byte, most int) bool {
	depth, inside := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

func (d *Door) giveBack(s *scratch) {
	if cap(s.in) <= mostScratch && cap(s.out) <= mostScratch {
		d.scratch.Put(s)
	}
}
