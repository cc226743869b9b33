package story

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/edge/follow"
	"github.com/slipwayhq/slipway/internal/sim"
)

// site is a world whose Slipway runs in processes that may die. The edge, the shops
// and the visitors belong to the story and live on.
type site struct {
	*world
	at    *edge.Edge
	nodes []*node
	done  chan struct{}
	watch sync.WaitGroup
	rose  []uint64 // generations that the edge served, in order
	cut   int      // the first node is killed when the edge serves so many; 0: never
}

// node is one control process, started again whenever it dies while revive is set.
type node struct {
	orders
	file    *os.File // its listener, kept so that the address survives it
	address string
	revive  bool

	mu      sync.Mutex
	process *os.Process
	starts  int
	held    chan struct{} // it is not started before this is closed; nil: at once
	ended   chan struct{}
}

// open opens a site on a database. The nodes are not started.
func open(t testing.TB, kind, database string, o options, nodes int) *site {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &site{done: make(chan struct{}), world: &world{
		t: t, ctx: ctx, engine: kind, shops: map[string]*sim.Shop{}, as: map[string]*client.Client{},
		tick: 100 * time.Millisecond,
	}}
	t.Cleanup(s.close)
	s.finally(cancel)
	s.shop("v1")
	text := o.text(t, s.shops["v1"].URL())
	for range nodes {
		n := &node{orders: orders{Database: database, Strategy: text, Lease: 2 * time.Second}, ended: make(chan struct{})}
		ln := listen(t)
		n.address = ln.Addr().String()
		if nodes == 1 {
			var err error
			if n.file, err = ln.(*net.TCPListener).File(); err != nil {
				t.Fatal(err)
			}
			s.finally(func() { _ = n.file.Close() })
		} else {
			n.Listen = n.address // it dies for good: then its address must not answer
		}
		_ = ln.Close()
		s.nodes = append(s.nodes, n)
	}
	s.url = "http://control.test"
	s.http = &http.Client{
		Transport: &http.Transport{DialContext: s.dial, MaxIdleConnsPerHost: 8}, Timeout: 20 * time.Second,
	}
	return s
}

// dial reaches any node that answers, as a balancer in front of them would.
func (s *site) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return anyOf(ctx, network, s.nodes)
}

// anyOf reaches the first of some nodes that answers.
func anyOf(ctx context.Context, network string, nodes []*node) (net.Conn, error) {
	var err error
	for _, n := range nodes {
		var c net.Conn
		if c, err = (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, network, n.address); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// runNodes starts the nodes, which end with the story.
func (s *site) runNodes() {
	s.t.Helper()
	for _, n := range s.nodes {
		s.starts(n)
	}
	s.finally(func() {
		for _, n := range s.nodes {
			n.goOn()
			n.stop()
		}
	})
}

// opens starts the nodes and the edge, and lets visitors come.
func (s *site) opens(o options) {
	s.t.Helper()
	s.runNodes()
	var err error
	if s.at, err = edge.New(edge.Options{}); err != nil {
		s.t.Fatal(err)
	}
	if s.tokens == nil {
		s.tokens = made(s.t, s.engine).secrets
	}
	f, err := follow.New(s.at, follow.Options{
		Control: s.url, Token: s.tokens["dora"], Name: "edge", Client: s.http,
		Wait: 5 * time.Second, Every: 100 * time.Millisecond,
		MinRetry: 20 * time.Millisecond, MaxRetry: 200 * time.Millisecond,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ln := listen(s.t)
	s.edge = "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(s.ctx)
	s.watch.Go(func() { _ = s.at.Serve(ctx, ln) })
	s.watch.Go(func() { _ = f.Run(ctx) })
	s.watch.Go(func() { s.follows(ctx) })
	s.finally(func() {
		cancel()
		s.watch.Wait()
	})
	s.until("the shop is open", func() bool { return s.at.Table().Generation > 0 })
	s.visitors(o)
}

// follows notes every generation that the edge serves.
func (s *site) follows(ctx context.Context) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g := s.at.Table().Generation
		s.mu.Lock()
		if n := len(s.rose); g > 0 && (n == 0 || s.rose[n-1] != g) {
			if s.rose = append(s.rose, g); len(s.rose) == s.cut {
				s.nodes[0].kill() // the world has changed, and nobody has written it down
			}
		}
		s.mu.Unlock()
	}
}

// starts starts a node, and starts it again when it dies.
func (s *site) starts(n *node) {
	s.t.Helper()
	if dir := os.Getenv("SLIPWAY_STORY_LOG"); dir != "" {
		n.Log = filepath.Join(dir, fmt.Sprintf("node-%d.log", os.Getpid()))
	}
	cmd, err := n.start()
	if err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(n.ended)
		for {
			_ = cmd.Wait()
			n.mu.Lock()
			again := n.revive
			held := n.held
			n.Kill = 0
			n.mu.Unlock()
			if held != nil {
				<-held
			}
			if !again {
				return
			}
			if cmd, err = n.start(); err != nil {
				return
			}
		}
	}()
}

func (n *node) start() (*exec.Cmd, error) {
	doc, err := json.Marshal(n.orders)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(doc))
	cmd.Stderr = os.Stderr
	if n.file != nil {
		cmd.ExtraFiles = []*os.File{n.file}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	n.process = cmd.Process
	n.starts++
	return cmd, nil
}

// kill ends the node's process as a failing machine does.
func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = n.process.Kill()
}

// hold kills the node and keeps it from being started.
func (n *node) hold() {
	n.mu.Lock()
	n.held = make(chan struct{})
	_ = n.process.Kill()
	n.mu.Unlock()
}

// goOn lets a held node be started again.
func (n *node) goOn() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held != nil {
		close(n.held)
		n.held = nil
	}
}

// started returns how often the node was started.
func (n *node) started() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.starts
}

// stop ends the node for good.
func (n *node) stop() {
	n.mu.Lock()
	n.revive = false
	if n.process != nil {
		_ = n.process.Kill()
	}
	n.mu.Unlock()
	if n.process != nil {
		<-n.ended
	}
}
