package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
)

// This file is where huma's defaults are mended. (1) A plain error's text would
// reach the client: register turns every error into a problem, and a transformer
// does the same with huma's own complaints, without the values that they echo (one
// could be a password). (2) The documentation page with scripts from a CDN is off.
// (3) $schema fields and links are off. (4) Answers are not validated: golden tests
// do it, and a list is never null (see fill). (5) Its knobs are package variables:
// none is set; what they decide is corrected in the finished description instead.

// maxDepth is how deep a body may be nested.
const maxDepth = 32

// newAPI returns huma on the mux with the defaults mended.
func (s *Server) newAPI(mux *http.ServeMux) huma.API {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Slipway", Version: "1",
				Description: "Everything that Slipway's dashboard and command line do, for programs. " +
					"Every operation names the permission it needs. Errors are problems after RFC 9457.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token": {Type: "http", Scheme: "bearer", Description: "A token, as `slipway token create` makes it."},
					"session": {Type: "apiKey", In: "cookie", Name: "slipway_session",
						Description: "A person's session; changing anything needs X-CSRF-Token too."},
				},
			},
		},
		Formats: map[string]huma.Format{ // the second is for application/problem+json
			"application/json": {Marshal: marshal, Unmarshal: unmarshal}, "json": {Marshal: marshal, Unmarshal: unmarshal},
		},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{complaint},
	}
	return humago.New(mux, config)
}

func marshal(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// unmarshal reads one JSON value that is not nested too deeply.
func unmarshal(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	for depth := 0; ; {
		t, err := dec.Token()
		if err != nil {
			break // the end, or something that Unmarshal describes better
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return fmt.Errorf("nested deeper than %d", maxDepth)
		}
	}
	return json.Unmarshal(data, v)
}

// complaint turns what huma itself says about a request into a problem.
func complaint(ctx huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		if p, ok := v.(*problem); ok {
			return p.Problem, nil
		}
		return v, nil
	}
	f := fault.New(fault.Invalid, "request_invalid", "The request is wrong: %s.", strings.TrimSuffix(e.Detail, "."))
	for _, d := range e.Errors {
		f.Fields = append(f.Fields, fault.Field{Path: d.Location, Message: d.Message})
	}
	if len(f.Fields) > 0 {
		places := make([]string, 0, len(f.Fields))
		for _, d := range f.Fields[:min(3, len(f.Fields))] {
			places = append(places, strings.TrimPrefix(d.Path+": ", ": ")+d.Message)
		}
		f.Message = "The request is wrong: " + strings.Join(places, "; ") + "."
	}
	if e.Status >= http.StatusInternalServerError {
		f = fault.New(fault.Internal, "internal", "%s", e.Detail)
	}
	p := problemOf(ctx.Context(), f)
	p.Status = e.Status // 400, 408, 413, 415 and 422 are all Invalid
	return p.Problem, nil
}

// endpoint is one line of the table of operations.
type endpoint struct {
	ID, Method, Path string
	Tag, Summary     string
	About            string            // more than the summary says
	Permission       access.Permission // empty: everybody who is signed in
	Or, OrElse       access.Permission // let in too: which of them it needs depends on the thing
	Public           bool              // nobody needs to be signed in
	Secret           bool              // its bodies hold secrets: neither is kept for repeated requests
	Replays          bool              // a repeated POST does no harm by itself: Idempotency-Key is not looked at
	Status           int
}

// output is an answer with its headers. Its body has no type, because huma's code is in the binary once for every type
// of an answer: 20 KB each.
type output struct {
	Link     string `header:"Link" doc:"rel=next: the next page."`
	Location string `header:"Location" doc:"Where the new thing is."`
	Cache    string `header:"Cache-Control" hidden:"true"`
	Body     any
}

// operation returns e for huma.
func (e endpoint) operation() huma.Operation {
	needs := "Everybody who is signed in may do this."
	switch {
	case e.Public:
		needs = "Nobody needs to be signed in."
	case e.Permission != "":
		needs = "Needs the permission " + string(e.Permission) + "."
		if e.Or != "" {
			needs = "Needs the permission " + string(e.Permission) + " or " + string(e.Or) + "."
		}
		if e.OrElse != "" {
			needs = "Needs the permission " + string(e.Permission) + ", " + string(e.Or) + " or " + string(e.OrElse) + "."
		}
	}
	about := strings.TrimSpace(e.About + " " + needs)
	op := huma.Operation{
		OperationID: e.ID, Method: e.Method, Path: "/api/v1" + e.Path, Tags: []string{e.Tag}, Summary: e.Summary,
		Description: about, DefaultStatus: e.Status, MaxBodyBytes: -1, BodyReadTimeout: -1, // see limited
		Security: []map[string][]string{{"token": {}}, {"session": {}}},
	}
	if e.Public {
		op.Security = []map[string][]string{}
	}
	if e.Permission != "" {
		op.Extensions = map[string]any{"x-permission": string(e.Permission)}
	}
	return op
}

// register adds an operation: do gets who asks and what they sent.
func register[I, O any](s *Server, h huma.API, e endpoint, do func(context.Context, access.Actor, *I) (O, error)) {
	s.table = append(s.table, e)
	huma.Register(h, e.answering(h, reflect.TypeFor[O]()), func(ctx context.Context, in *I) (*output, error) {
		out, err := do(ctx, actorOf(ctx), in)
		if err != nil {
			s.logProblem(ctx, e.ID, err)
			return nil, problemOf(ctx, err)
		}
		fill(reflect.ValueOf(&out).Elem())
		return &output{Body: out, Link: nextPage(ctx, out), Location: locationOf(e, out), Cache: "no-store"}, nil
	})
}

// answering returns e for huma, which can't tell from an output what its body is.
func (e endpoint) answering(h huma.API, body reflect.Type) huma.Operation {
	op := e.operation()
	schema := h.OpenAPI().Components.Schemas.Schema(body, true, e.ID+"Response")
	op.Responses = map[string]*huma.Response{
		strconv.Itoa(cmp.Or(e.Status, http.StatusOK)): {
			Content: map[string]*huma.MediaType{"application/json": {Schema: schema}},
		},
	}
	return op
}

// registerStream adds an operation that writes its answer itself.
func registerStream[I any](s *Server, h huma.API, e endpoint, op func(*huma.Operation),
	do func(context.Context, access.Actor, *I) (func(http.ResponseWriter, *http.Request), error),
) {
	s.table = append(s.table, e)
	o := e.operation()
	op(&o)
	huma.Register(h, o, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		write, err := do(ctx, actorOf(ctx), in)
		if err != nil {
			s.logProblem(ctx, e.ID, err)
			return nil, problemOf(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			write(w, r)
		}}, nil
	})
}

// nextPage returns the Link header for a page that is not the last.
func nextPage(ctx context.Context, out any) string {
	var next string
	switch p := out.(type) {
	case api.ReleasePage:
		next = p.Next
	case api.RollbackPage:
		next = p.Next
	case api.IncidentPage:
		next = p.Next
	case api.EventPage:
		next = p.Next
	case api.FlagPage:
		next = p.Next
	case api.FlagHistory:
		next = p.Next
	case api.MemberPage:
		next = p.Next
	case api.FlagDraftPage:
		next = p.Next
	}
	about, _ := ctx.Value(requestKey{}).(*request)
	if next == "" || about == nil {
		return ""
	}
	q := about.url.Query()
	q.Set("cursor", next)
	return "<" + (&url.URL{Path: about.url.Path, RawQuery: q.Encode()}).String() + `>; rel="next"`
}

// locationOf returns where a thing that was made can be read.
func locationOf(e endpoint, out any) string {
	if e.Status != http.StatusCreated {
		return ""
	}
	switch v := out.(type) {
	case api.Release:
		return "/api/v1/releases/" + v.ID
	case api.Rollback:
		return "/api/v1/rollbacks/" + v.ID
	case api.Incident:
		return "/api/v1/incidents/" + v.ID
	case api.Flag:
		return "/api/v1/flags/" + v.Key
	}
	return ""
}

// fill makes every absent list an empty one, so that it is not null on the wire.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				fill(f)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
}

// describe puts every operation on the mux and returns openapi.json.
func (s *Server) describe(mux *http.ServeMux) ([]byte, error) {
	h := s.newAPI(mux)
	s.operations(h)
	doc := corrected(h)
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("marshal openapi.json: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("indent openapi.json: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// corrected returns h's description with our problems as its errors and without
// null in lists. The schemas are those that requests are checked against, so this
// must happen before the first one.
func corrected(h huma.API) *huma.OpenAPI {
	doc := h.OpenAPI()
	schemas := doc.Components.Schemas
	wrong := schemas.Schema(reflect.TypeFor[api.Problem](), true, "Problem")
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			op.Responses["default"] = &huma.Response{
				Description: "A problem.",
				Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: wrong}},
			}
			for _, r := range op.Responses {
				for _, c := range r.Content {
					solid(c.Schema)
				}
			}
			if op.RequestBody != nil {
				for _, c := range op.RequestBody.Content {
					solid(c.Schema)
				}
			}
		}
	}
	all := schemas.Map()
	delete(all, "ErrorModel")
	delete(all, "ErrorDetail")
	for _, schema := range all {
		solid(schema)
	}
	return doc
}

// solid takes null away from every array that the schema describes.
func solid(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	solid(s.Items)
	for _, p := range s.Properties {
		solid(p)
	}
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		solid(more)
	}
}
