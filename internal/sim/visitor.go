package sim

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Crowd is a number of visitors who use an application through its edge.
type Crowd struct {
	base     string
	visitors []visitor
	rate     float64 // requests a second, all together
	client   *http.Client
	rng      *rand.Rand
	requests atomic.Uint64
	failed   atomic.Uint64
}

// visitor keeps the cookie that the edge gave.
type visitor struct {
	mu     sync.Mutex
	cookie string
}

// NewCrowd returns n visitors who together make rate requests a second to base.
func NewCrowd(base string, n int, rate float64, seed uint64) *Crowd {
	return &Crowd{
		base: base, visitors: make([]visitor, n), rate: rate, rng: rand.New(rand.NewPCG(seed, 1)),
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256,
			MaxConnsPerHost: 512}},
	}
}

// Requests returns how many requests were answered or failed so far, and how many
// of them failed: no answer, or a status of 500 and above.
func (c *Crowd) Requests() (all, failed uint64) { return c.requests.Load(), c.failed.Load() }

// Run makes requests at the crowd's rate until ctx ends. Arrivals do not wait for
// answers, as those of real visitors do not; at most 2,000 are under way at once.
func (c *Crowd) Run(ctx context.Context) {
	var open sync.WaitGroup
	defer open.Wait()
	under := make(chan struct{}, 2000)
	start, made := time.Now(), 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := int(time.Since(start).Seconds() * c.rate); made < due; made++ {
			n := c.rng.IntN(len(c.visitors))
			v, path := &c.visitors[n], c.path()
			select {
			case under <- struct{}{}:
			default:
				continue
			}
			open.Go(func() {
				defer func() { <-under }()
				c.visit(ctx, v, n, path)
			})
		}
	}
}

func (c *Crowd) path() string {
	switch c.rng.IntN(10) {
	case 0, 1:
		return "/"
	case 2, 3, 4, 5:
		return fmt.Sprintf("/products/%d", c.rng.IntN(30))
	}
	return "/api/products"
}

// visit makes one request as the visitor. A visitor without a cookie begins with a
// page, as browsers do.
func (c *Crowd) visit(ctx context.Context, v *visitor, n int, path string) {
	v.mu.Lock()
	cookie := v.cookie
	v.mu.Unlock()
	if cookie == "" {
		path = "/"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (simulated visitor)")
	// Everybody has an address of their own, for platforms that tell visitors apart by it (RFC 2544's for tests).
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d", n>>8&255, n&255))
	if path != "/api/products" {
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Sec-Fetch-Dest", "document")
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	res, err := c.client.Do(req)
	if ctx.Err() != nil {
		if err == nil {
			_ = res.Body.Close()
		}
		return
	}
	c.requests.Add(1)
	if err != nil {
		c.failed.Add(1)
		return
	}
	defer res.Body.Close() //nolint:errcheck // read to its end below
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode >= 500 {
		c.failed.Add(1)
	}
	for _, set := range res.Cookies() {
		v.mu.Lock()
		v.cookie = set.Name + "=" + set.Value
		v.mu.Unlock()
	}
}
