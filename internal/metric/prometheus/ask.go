package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

const (
	maxAnswer  = 8 << 20
	maxSeries  = 5000
	maxObjects = 200_000 // in an answer: series, and samples that are native histograms
)

// series is one line of an answer: samples in time order. Of a native histogram the cells of each sample.
type series struct {
	labels map[string]string
	at     []float64 // seconds
	value  []float64
	cells  [][]cell
}

// cell is one bucket of a native histogram.
type cell struct{ low, high, count float64 } // seconds

// waitError says how long Prometheus asked to be left alone.
type waitError time.Duration

// Error names the time.
func (e waitError) Error() string { return "wait " + time.Duration(e).String() }

func retryAfter(err error) (time.Duration, bool) {
	w, ok := errors.AsType[waitError](err)
	return time.Duration(w), ok
}

// ask puts one question: path is query or query_range.
func (s *Source) ask(ctx context.Context, path string, form url.Values) ([]series, error) {
	form.Set("timeout", s.o.Timeout.String())
	to := *s.base
	to.Path = strings.TrimRight(to.Path, "/") + "/api/v1/" + path
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "internal", "The question to Prometheus cannot be made.")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	switch {
	case s.o.Token != "":
		r.Header.Set("Authorization", "Bearer "+s.o.Token)
	case s.o.User != "":
		r.SetBasicAuth(s.o.User, s.o.Password)
	}
	answer, err := s.http.Do(r)
	if err != nil {
		if t, ok := errors.AsType[*url.Error](err); ok && t.Timeout() {
			return nil, away(nil, "Prometheus did not answer within %s.", s.o.Timeout)
		}
		return nil, away(err, "Prometheus cannot be reached.")
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, away(err, "Prometheus's answer broke off.")
	case len(body) > maxAnswer:
		return nil, away(nil, "Prometheus's answer is larger than %d MiB: the queries select too much.", maxAnswer>>20)
	}
	return read(answer, body)
}

func away(err error, format string, args ...any) error {
	return fault.Wrap(err, fault.Unavailable, "prometheus_unavailable", format, args...)
}

// read understands an answer, and says in words what is wrong with one that is none.
func read(answer *http.Response, body []byte) ([]series, error) {
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return nil, away(nil, "Prometheus refuses the credentials (HTTP %d).", code)
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		wait := 10 * time.Second
		if n, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && n > 0 {
			wait = min(time.Duration(n)*time.Second, 5*time.Minute)
		}
		return nil, away(waitError(wait), "Prometheus is busy (HTTP %d): it is asked again in %s.", code, wait)
	}
	var a struct {
		Status   string   `json:"status"`
		Error    string   `json:"error"`
		Warnings []string `json:"warnings"`
		Data     struct {
			Type   string          `json:"resultType"`
			Result json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, away(err, "Prometheus's answer (HTTP %d) is not one of its own.", answer.StatusCode)
	}
	switch {
	case a.Status != "success":
		return nil, away(nil, "Prometheus says (HTTP %d): %.300s.", answer.StatusCode, strings.TrimSuffix(a.Error, "."))
	case len(a.Warnings) > 0: // e.g. a part of the data did not answer: what is there may be half of it
		return nil, away(nil, "Prometheus warns: %.300s.", strings.TrimSuffix(a.Warnings[0], "."))
	}
	return readResult(a.Data.Type, a.Data.Result)
}

func readResult(kind string, raw json.RawMessage) ([]series, error) {
	if kind == "scalar" {
		var v json.RawMessage
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, away(err, "Prometheus's answer cannot be read.")
		}
		raw = json.RawMessage(`[{"metric":{},"value":` + string(v) + `}]`)
	} else if kind != "vector" && kind != "matrix" {
		return nil, away(nil, "Prometheus answered with a %.20s instead of series.", kind)
	}
	var list []struct {
		Metric     map[string]string `json:"metric"`
		Value      json.RawMessage   `json:"value"`
		Values     []json.RawMessage `json:"values"`
		Histogram  json.RawMessage   `json:"histogram"`
		Histograms []json.RawMessage `json:"histograms"`
	}
	if n := bytes.Count(raw, []byte("{")); n > maxObjects { // before they take a hundred times as much memory
		return nil, away(nil, "Prometheus answered with %d objects; at most %d are read.", n, maxObjects)
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, away(err, "Prometheus's answer cannot be read.")
	}
	if len(list) > maxSeries {
		return nil, away(nil, "Prometheus answered with %d series; at most %d are read.", len(list), maxSeries)
	}
	out := make([]series, 0, len(list))
	for _, x := range list {
		s := series{labels: x.Metric}
		if x.Value != nil {
			x.Values = append(x.Values, x.Value)
		}
		if x.Histogram != nil {
			x.Histograms = append(x.Histograms, x.Histogram)
		}
		if len(x.Values) > 0 && len(x.Histograms) > 0 { // e.g. a process was replaced by one that counts otherwise
			return nil, away(nil, "Prometheus answered with numbers and native histograms in one series.")
		}
		for _, v := range x.Values {
			at, value, err := sample(v)
			if err != nil {
				return nil, err
			}
			s.at, s.value = append(s.at, at), append(s.value, value)
		}
		for _, v := range x.Histograms {
			if err := s.histogram(v); err != nil {
				return nil, err
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// sample reads [1700000000.123, "42"].
func sample(raw json.RawMessage) (at, value float64, err error) {
	var pair []json.RawMessage
	var text string
	if err = json.Unmarshal(raw, &pair); err == nil && len(pair) == 2 {
		if err = json.Unmarshal(pair[0], &at); err == nil {
			err = json.Unmarshal(pair[1], &text)
		}
	}
	if err == nil {
		value, err = strconv.ParseFloat(text, 64)
	}
	if err != nil || len(pair) != 2 {
		return 0, 0, away(err, "Prometheus's answer has a sample that is no number.")
	}
	return at, value, nil
}

// histogram reads [1700000000, {"buckets": [[0, "0.1", "0.2", "5"], …]}].
func (s *series) histogram(raw json.RawMessage) error {
	var pair []json.RawMessage
	var at float64
	var h struct {
		Buckets [][]json.RawMessage `json:"buckets"`
	}
	err := json.Unmarshal(raw, &pair)
	if err == nil && len(pair) == 2 {
		err = errors.Join(json.Unmarshal(pair[0], &at), json.Unmarshal(pair[1], &h))
	}
	cells := make([]cell, 0, len(h.Buckets))
	for _, b := range h.Buckets {
		var v [3]float64
		if len(b) != 4 {
			return away(nil, "Prometheus's answer has a histogram that cannot be read.")
		}
		for i := range v {
			var text string
			if err == nil {
				err = json.Unmarshal(b[i+1], &text)
			}
			if err == nil {
				v[i], err = strconv.ParseFloat(text, 64)
			}
		}
		if err == nil && (math.IsNaN(v[0]) || math.IsInf(v[0], 1) || !(v[1] >= v[0]) || !(v[2] >= 0) || math.IsInf(v[2], 1)) {
			return away(nil, "Prometheus's answer has a histogram with impossible numbers.")
		}
		cells = append(cells, cell{max(v[0], 0), max(v[1], 0), v[2]})
	}
	if err != nil || len(pair) != 2 {
		return away(err, "Prometheus's answer has a histogram that cannot be read.")
	}
	s.at, s.cells = append(s.at, at), append(s.cells, cells)
	return nil
}
