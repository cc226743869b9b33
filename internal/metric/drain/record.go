package drain

import (
	"bytes"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// record is what is read of one row. Its texts lie in the body that they were read from.
type record struct {
	schema, id, deployment, request []byte
	source, kind, path, environment []byte
	stamp, status, execution        []byte
	proxied                         bool
	proxy                           proxy
	vital, device, value            []byte // of speed insights
}

// proxy is what the platform's proxy says of the request that a line belongs to.
type proxy struct {
	stamp, status, method, path, agent, variety, variant []byte
	ip, region, lambda                                   []byte
}

// record reads one row; false when it is none.
func (s *scanner) record(r *record) bool {
	*r = record{}
	return s.object(func(key []byte) bool {
		var into *[]byte
		switch string(key) {
		case "schema":
			into = &r.schema
		case "id":
			into = &r.id
		case "deploymentId":
			into = &r.deployment
		case "requestId":
			into = &r.request
		case "source":
			into = &r.source
		case "edgeType":
			into = &r.kind
		case "path":
			into = &r.path
		case "environment", "vercelEnvironment":
			into = &r.environment
		case "timestamp":
			into = &r.stamp
		case "statusCode":
			into = &r.status
		case "executionRegion":
			into = &r.execution
		case "metricType":
			into = &r.vital
		case "deviceId":
			into = &r.device
		case "value":
			into = &r.value
		case "proxy":
			if s.next() == '{' {
				r.proxied = true
				return s.proxy(&r.proxy)
			}
			return s.skip()
		default:
			return s.skip()
		}
		var ok bool
		*into, ok = s.value()
		return ok
	})
}

func (s *scanner) proxy(p *proxy) bool {
	return s.object(func(key []byte) bool {
		var into *[]byte
		switch string(key) {
		case "timestamp":
			into = &p.stamp
		case "statusCode":
			into = &p.status
		case "method":
			into = &p.method
		case "path":
			into = &p.path
		case "userAgent":
			into = &p.agent
		case "clientIp":
			into = &p.ip
		case "region":
			into = &p.region
		case "lambdaRegion":
			into = &p.lambda
		case "pathType":
			into = &p.variety
		case "pathTypeVariant":
			into = &p.variant
		default:
			return s.skip()
		}
		var ok bool
		*into, ok = s.value()
		return ok
	})
}

// crashed is the status of a function that gave no answer.
const crashed = -1

// rank says how much a line knows of how its request ended.
type rank uint64

const (
	hearsay  rank = iota // middleware says that it went on, or how it answered
	function             // what a function answered
	final                // what the proxy gave to the visitor
	nowhere              // whatever the other lines say, the request says nothing of this deployment
)

// ended reads how the request of a line ended. ok is false for a line that says nothing of that: what a function
// printed, a build, a page that is made anew in the background.
func (r *record) ended() (status int64, by rank, ok bool) {
	if string(r.source) == "build" {
		return 0, 0, false
	}
	if r.proxied {
		n, known := whole(r.proxy.status)
		if known && n == -1 {
			return 0, 0, false // nobody waits for it
		}
		if known && n >= 100 && n <= 999 {
			if r.elsewhere() {
				return n, nowhere, true
			}
			return n, final, true
		}
	}
	n, known := whole(r.status)
	if !known || n != crashed && (n < 100 || n > 999) {
		return 0, 0, false
	}
	switch {
	case r.elsewhere():
		return n, nowhere, true
	case string(r.kind) == "middleware":
		return n, hearsay, true
	}
	return n, function, true
}

// elsewhere reports whether something else than the deployment answered: the platform's firewall, or another origin to
// which the request was rewritten, such as the canary's deployment, which reports it as its own. What robots, Slipway's
// own checks and prefetching routers ask for is left out alike.
func (r *record) elsewhere() bool {
	switch string(r.source) {
	case "external", "firewall":
		return true
	}
	agent := r.proxy.agent
	if bytes.HasPrefix(agent, []byte("slipway-")) || bytes.HasPrefix(agent, []byte("VercelDrain/")) {
		return true
	}
	if bytes.Contains(r.proxy.variant, []byte("prefetch")) {
		return true
	}
	p, _, _ := bytes.Cut(r.asked(), []byte("?"))
	if bytes.HasSuffix(p, []byte(".prefetch.rsc")) || bytes.HasSuffix(p, []byte(".segment.rsc")) {
		return true
	}
	return len(agent) > 0 && metric.Crawler(string(agent))
}

// asked is the path that the visitor asked for, with its query where the proxy says it.
func (r *record) asked() []byte {
	if len(r.proxy.path) > 0 {
		return r.proxy.path
	}
	return r.path
}

// class puts a request into its class as well as its line tells. No line has the request's headers: what a browser
// navigates to and what a program fetches from a page's address look alike.
func (r *record) class() metric.Class {
	if string(r.source) == "redirect" {
		return metric.Other
	}
	p, query, _ := strings.Cut(string(r.asked()), "?")
	if class, ok := metric.Framework(p); ok {
		return class
	}
	method := string(r.proxy.method)
	switch {
	case strings.HasPrefix(p, "/_vercel/image"):
		return metric.Image
	case strings.HasPrefix(p, "/_vercel/"), strings.HasPrefix(p, "/.well-known/"):
		return metric.Other
	case p == "/api" || strings.HasPrefix(p, "/api/"):
		return metric.API
	case method == "POST":
		return metric.Action
	case method != "" && method != "GET" && method != "HEAD":
		return metric.Other
	case strings.HasSuffix(p, ".rsc"), strings.HasPrefix(query, "_rsc="), strings.Contains(query, "&_rsc="):
		return metric.Data
	case metric.PublicFile(p):
		return metric.Asset
	}
	return metric.Document
}

// at is when the request came in, in Unix milliseconds, or when the line was written where nobody says that; 0 unknown.
func (r *record) at() int64 {
	for _, b := range [][]byte{r.proxy.stamp, r.stamp} {
		if ms := instant(b); ms > 0 {
			return ms
		}
	}
	return 0
}

// instant reads milliseconds, or a time as text.
func instant(b []byte) int64 {
	if ms, ok := whole(b); ok && ms > 0 && ms < latest {
		return ms
	}
	if t, err := time.Parse(time.RFC3339, string(b)); err == nil && t.UnixMilli() > 0 && t.UnixMilli() < latest {
		return t.UnixMilli()
	}
	return 0
}

// latest is the first instant that a request's order has no room for: in the year 2109.
const latest = 1 << 42
