package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
)

const (
	observationsPath = "/api/v1/edge/observations"
	maxEdgeBuckets   = 20_000
	maxArm           = 320 // characters of a deployment's id, or of an arm: flag:ENVIRONMENT/KEY=VARIANT
	// edgeLook is how often a waiting edge's table is looked at: it is stored without
	// an event. A look costs 50 µs.
	edgeLook = 100 * time.Millisecond
)

func (s *Server) edgeOperations(h huma.API) {
	type query struct {
		Wait int    `query:"wait" minimum:"0" maximum:"30" doc:"Seconds to wait for another table than If-None-Match names."`
		Have string `header:"If-None-Match" maxLength:"64"`
	}
	registerStream(s, h, endpoint{
		ID: "get-edge-table", Method: http.MethodGet, Path: "/edge/table", Tag: "Edges", Summary: "Read the routing table",
		About:      "ETag is its generation. For edges, which ask again as soon as they have the answer.",
		Permission: access.OperateEdge,
	}, func(o *huma.Operation) {
		o.Responses = map[string]*huma.Response{
			"200": {Description: "The table.", Content: map[string]*huma.MediaType{"application/json": {
				Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true},
			}}},
			"304": {Description: "It is still the one that the edge has."},
		}
	}, func(ctx context.Context, who access.Actor, in *query) (func(http.ResponseWriter, *http.Request), error) {
		return s.edgeTable(ctx, who, strings.TrimPrefix(in.Have, "W/"), time.Duration(in.Wait)*time.Second)
	})
	type request struct {
		Edge       string `header:"X-Slipway-Edge" required:"true" maxLength:"64" pattern:"^[A-Za-z0-9._-]+$"`
		Generation uint64 `header:"X-Slipway-Edge-Generation" doc:"Of the table that it applied."`
		Encoding   string `header:"Content-Encoding" enum:"gzip,identity" doc:"gzip is understood."`
		RawBody    []byte `contentType:"application/json"`
	}
	registerStream(s, h, endpoint{
		ID: "report-observations", Method: http.MethodPost, Path: "/edge/observations", Tag: "Edges",
		Summary: "Deliver an edge's observations",
		About: "A batch is named by its source and sequence: delivered again, it counts once. At most 4 MiB, before " +
			"and after unpacking.",
		Permission: access.OperateEdge, Status: http.StatusNoContent, Replays: true,
	}, func(o *huma.Operation) {
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true,
				Description: "A metric batch, as Slipway's edge sends it."},
		}}}
		o.Responses = map[string]*huma.Response{"204": {Description: "Taken."}}
		o.SkipValidateBody = true
	}, func(ctx context.Context, who access.Actor, in *request) (func(http.ResponseWriter, *http.Request), error) {
		batch, err := readBatch(in.RawBody, in.Encoding == "gzip")
		if err != nil {
			return nil, err
		}
		if err := s.Desk.EdgeObserve(ctx, who, in.Edge, in.Generation, batch); err != nil {
			return nil, err
		}
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, nil
	})
}

// edgeTable answers with the table as soon as it is another than the one the edge has.
func (s *Server) edgeTable(ctx context.Context, who access.Actor, have string, wait time.Duration) (
	func(http.ResponseWriter, *http.Request), error,
) {
	sub := s.Live.Subscribe(s.Live.Head())
	defer sub.Close()
	end := time.NewTimer(wait)
	defer end.Stop()
	look := time.NewTicker(edgeLook)
	defer look.Stop()
	for last := wait == 0; ; {
		generation, doc, err := s.Desk.EdgeTable(ctx, who)
		none := fault.Is(err, fault.NotFound) // nothing is routed yet
		if err != nil && (last || !none) {
			return nil, err
		}
		tag := `"` + strconv.FormatUint(generation, 10) + `"`
		if !none && (tag != have || last) {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("ETag", tag)
				w.Header().Set("Cache-Control", "no-cache")
				if tag == have {
					w.WriteHeader(http.StatusNotModified)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(doc)
			}, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.Stop.Done():
			last = true
		case <-end.C:
			last = true
		case <-sub.C():
		case <-look.C:
		}
	}
}

// readBatch unpacks and reads a batch and refuses what no edge would send.
func readBatch(body []byte, packed bool) (metric.Batch, error) {
	malformed := func(err error, why string) (metric.Batch, error) {
		return metric.Batch{}, fault.Wrap(err, fault.Invalid, "observations_malformed", "The observations %s.", why)
	}
	var in io.Reader = bytes.NewReader(body)
	if packed {
		z, err := gzip.NewReader(in)
		if err != nil {
			return malformed(err, "are not packed with gzip")
		}
		in = z
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxObservation+1))
	if err != nil {
		return malformed(err, "cannot be unpacked")
	}
	if len(raw) > maxObservation {
		return malformed(nil, "are larger than 4 MiB when unpacked")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var b metric.Batch
	if err := dec.Decode(&b); err != nil {
		return malformed(err, "are not a batch in JSON")
	}
	if dec.More() {
		return malformed(nil, "have something behind the batch")
	}
	if b.Source == "" || len(b.Source) > 128 || len(b.Buckets) > maxEdgeBuckets || b.Complete < 0 {
		return malformed(nil, "need a source of at most 128 characters and at most 20,000 buckets")
	}
	if b.Kind != "" && b.Kind != metric.Edge || len(b.Values) > 0 { // an edge's token speaks for no other source
		return malformed(nil, "are not an edge's")
	}
	for _, k := range b.Buckets {
		if k.Deployment == "" || len(k.Deployment) > maxArm || k.Second < 0 || !slices.Contains(metric.Classes(), k.Class) ||
			k.Errors > k.Requests+k.Excluded || k.Requests > 1<<40 {
			return malformed(nil, "hold a bucket that no edge would send")
		}
	}
	return b, nil
}
