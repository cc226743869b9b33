//go:build full

package clients

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// station is the real program as a process of its own, with flags as facts about other servers were measured with: of
// each hundred 40 static ones, 30 split ones, 25 with a rule over two attributes and a split, and 5 with 20 rules of
// which the last asks for a list of 1,000.
type station struct {
	b       *testing.B
	pid     int
	address string
	server  string
	servers []string // more keys, so that load does not meet the rate of one
	public  string
	once    string         // opens the first account
	admin   *client.Client // nil before somebody signed in, which takes 64 MiB for a moment
}

func start(b *testing.B, flags, listed int) *station {
	b.Helper()
	s := &station{b: b, public: credential.NewFlagKey(credential.PublicKey)}
	for range 16 {
		s.servers = append(s.servers, credential.NewFlagKey(credential.ServerKey))
	}
	s.server = s.servers[0]
	dir := b.TempDir()
	file, database, bin := filepath.Join(dir, "slipway.yaml"), filepath.Join(dir, "a.db"), filepath.Join(dir, "slipway")
	s.ok(os.WriteFile(file, []byte(plan), 0o600))
	s.fill(database, flags, listed)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "./cmd/slipway")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(bin, "up", "--strategy", file, "--database-url", database, "--listen", "127.0.0.1:0",
		"--edge-listen", "127.0.0.1:0", "--log-level", "warn", "--trusted-proxy", "127.0.0.1")
	out, err := cmd.StdoutPipe()
	s.ok(err)
	cmd.Stderr = cmd.Stdout
	s.ok(cmd.Start())
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s.pid = cmd.Process.Pid
	link := regexp.MustCompile(`http://(\S+)/setup\?secret=(\S+)`)
	in := bufio.NewScanner(out)
	for in.Scan() {
		if m := link.FindStringSubmatch(in.Text()); m != nil {
			s.address = m[1]
			s.once = m[2]
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s
}

func (s *station) ok(err error) {
	s.b.Helper()
	if err != nil {
		s.b.Fatal(err)
	}
}

func (s *station) signIn(once string) {
	s.b.Helper()
	ctx, url := context.Background(), "http://"+s.address
	anyone, err := client.New(url, client.Options{})
	s.ok(err)
	_, err = anyone.Setup(ctx, api.Setup{Secret: once, Name: "you", Title: "You", Password: password})
	s.ok(err)
	token, err := anyone.Login(ctx, api.Login{Name: "you", Password: password}, api.NewToken{Name: "load", Days: 1})
	s.ok(err)
	s.admin, err = client.New(url, client.Options{Token: token.Secret})
	s.ok(err)
}

// fill writes flags and keys into a new database.
func (s *station) fill(database string, flags, listed int) {
	s.b.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, database)
	s.ok(err)
	defer func() { s.ok(db.Close()) }()
	s.ok(db.Write(ctx, func(tx *store.Tx) error {
		group := flag.Segment{App: "shop", Key: "listed", Environment: "production", Listed: listed, Revision: 1}
		if err := tx.InsertSegment(ctx, &group); err != nil {
			return err
		}
		members := make([]string, listed)
		for i := range members {
			members[i] = fmt.Sprintf("member-%07d", i)
		}
		if _, err := tx.AddMembers(ctx, group, members); err != nil {
			return err
		}
		for i := range flags {
			key := fmt.Sprintf("flag-%04d", i)
			f := flag.Flag{App: "shop", Key: key, Kind: flag.Boolean, Client: true, Bucketing: 2, Created: tx.Now(),
				Variants: []flag.Variant{{Name: "on", Value: []byte("true")}, {Name: "off", Value: []byte("false")}}}
			c := config(i%100, key)
			if err := tx.InsertFlag(ctx, &f); err != nil {
				return err
			}
			if err := tx.InsertFlagConfig(ctx, &c); err != nil {
				return err
			}
		}
		for i, secret := range append(s.servers, s.public) {
			kind := "server"
			if secret == s.public {
				kind = "public"
			}
			if err := tx.InsertFlagKey(ctx, store.FlagKey{ID: fmt.Sprint("fky_", i), App: "shop", Environment: "production",
				Kind: kind, Hash: credential.Hash(secret), Name: fmt.Sprint(kind, i), Created: tx.Now()}); err != nil {
				return err
			}
		}
		_, err := tx.RaiseGeneration(ctx, "shop", "production")
		return err
	}))
}

func config(i int, key string) flag.Config {
	half := flag.Serve{Split: []flag.Portion{{Variant: "on", Weight: 2500}, {Variant: "off", Weight: 7500}}}
	c := flag.Config{App: "shop", Flag: key, Environment: "production", On: true, Revision: 1,
		Default: flag.Serve{Variant: "on"}}
	is := func(attribute string, values ...any) flag.Condition {
		return flag.Condition{Attribute: attribute, Op: flag.Equals, Values: values}
	}
	switch {
	case i < 40:
	case i < 70:
		c.Default = half
	case i < 95:
		c.Rules = []flag.Rule{{ID: "r1", Serve: flag.Serve{Variant: "off"}, If: []flag.Condition{is("plan", "pro"),
			is("country", "DE", "FR", "IT", "ES", "NL", "BE", "AT", "CH", "SE", "DK")}}}
		c.Default = half
	default:
		for r := range 19 {
			c.Rules = append(c.Rules, flag.Rule{ID: fmt.Sprintf("r%d", r), Serve: flag.Serve{Variant: "off"},
				If: []flag.Condition{is(fmt.Sprintf("attribute%d", r), "x")}})
		}
		c.Rules = append(c.Rules, flag.Rule{ID: "last", Serve: flag.Serve{Variant: "off"},
			If: []flag.Condition{{Segment: "listed"}}})
	}
	return c
}

// used is the processor time, user and system, and resident memory of the program.
func (s *station) used() (cpu time.Duration, resident, peak float64) {
	s.b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	s.ok(err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	for _, f := range fields[11:13] {
		ticks, err := strconv.Atoi(f)
		s.ok(err)
		cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	s.ok(err)
	for name, into := range map[string]*float64{"VmRSS": &resident, "VmHWM": &peak} {
		m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
		kb, err := strconv.ParseFloat(string(m[1]), 64)
		s.ok(err)
		*into = kb * 1024 / 1e6
	}
	return cpu, resident, peak
}

// request is one request as its bytes.
func (s *station) request(method, path, body string, header ...string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", method,
		path, s.address, len(body))
	for i := 0; i < len(header); i += 2 {
		fmt.Fprintf(&out, "%s: %s\r\n", header[i], header[i+1])
	}
	out.WriteString("\r\n" + body)
	return out.Bytes()
}

// answer reads one answer: its status and ETag.
func answer(in *bufio.Reader) (status, tag string, err error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", "", err
	}
	status = strings.TrimSpace(strings.TrimPrefix(line, "HTTP/1.1 "))
	length := 0
	for {
		if line, err = in.ReadString('\n'); err != nil {
			return "", "", err
		}
		if line = strings.TrimSpace(line); line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Content-Length":
			if length, err = strconv.Atoi(value); err != nil {
				return "", "", err
			}
		case "Etag":
			tag = value
		}
	}
	_, err = in.Discard(length)
	return status, tag, err
}

// contexts are 256 users.
func contexts() []string {
	out := make([]string, 256)
	for i := range out {
		out[i] = fmt.Sprintf(`{"context":{"targetingKey":"user-%d","plan":"%s","country":"%s","version":"1.%d.0"}}`, i,
			[]string{"free", "pro"}[i%2], []string{"DE", "US", "FR", "BR"}[i%4], i%9)
	}
	return out
}

// load sends requests over 32 connections that stay open.
func (s *station) load(b *testing.B, path, want string, header func(body string) []string) {
	b.Helper()
	var requests [][]byte
	for i, body := range contexts() {
		requests = append(requests, s.request(http.MethodPost, path, body,
			append(header(body), "Authorization", "Bearer "+s.servers[i%len(s.servers)])...))
	}
	var next atomic.Int64
	before, _, _ := s.used()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		in := bufio.NewReaderSize(conn, 64<<10)
		for pb.Next() {
			if _, err := conn.Write(requests[next.Add(1)%int64(len(requests))]); err != nil {
				b.Error(err)
				return
			}
			if status, _, err := answer(in); err != nil || !strings.HasPrefix(status, want) {
				b.Errorf("%s %v", status, err)
				return
			}
		}
	})
	after, resident, _ := s.used()
	b.ReportMetric(float64((after-before).Microseconds())/float64(b.N), "cpu-µs/req")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(resident, "MB")
}

func plainHeader(string) []string { return nil }

// BenchmarkOFREP is the program with 100 flags under load: processor time a request, of the server alone.
func BenchmarkOFREP(b *testing.B) {
	s := start(b, 100, 1000)
	const all = "/ofrep/v1/evaluate/flags"
	for _, one := range []struct{ name, key string }{
		{"F1", "flag-0000"}, {"F2", "flag-0050"}, {"F3", "flag-0080"}, {"F4", "flag-0097"},
	} {
		b.Run("single/"+one.name, func(b *testing.B) { s.load(b, all+"/"+one.key, "200", plainHeader) })
	}
	b.Run("bulk", func(b *testing.B) { s.load(b, all, "200", plainHeader) })
	b.Run("unchanged", func(b *testing.B) {
		conn, err := net.Dial("tcp", s.address)
		s.ok(err)
		defer func() { _ = conn.Close() }()
		in := bufio.NewReaderSize(conn, 64<<10)
		s.load(b, all, "304", func(body string) []string {
			_, err := conn.Write(s.request(http.MethodPost, all, body, "Authorization", "Bearer "+s.server))
			s.ok(err)
			_, tag, err := answer(in)
			s.ok(err)
			return []string{"If-None-Match", tag}
		})
	})
}

// BenchmarkThousandFlags is what the program keeps in memory with 1,000 flags after it was asked for all of them.
func BenchmarkThousandFlags(b *testing.B) {
	s := start(b, 1000, 1000)
	b.Run("bulk", func(b *testing.B) { s.load(b, "/ofrep/v1/evaluate/flags", "200", plainHeader) })
}

// BenchmarkMillionMembers is a segment that names 1,000,000 users: memory, an evaluation, and a change beside it.
func BenchmarkMillionMembers(b *testing.B) {
	s := start(b, 100, 1_000_000)
	b.Run("single", func(b *testing.B) { s.load(b, "/ofrep/v1/evaluate/flags/flag-0097", "200", plainHeader) })
	b.Run("change", func(b *testing.B) {
		for i := range b.N {
			before, _, _ := s.used()
			began := time.Now()
			s.flip(i)
			s.served(i)
			after, resident, peak := s.used()
			b.ReportMetric(float64((after - before).Milliseconds()), "cpu-ms")
			b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms")
			b.ReportMetric(resident, "MB")
			b.ReportMetric(peak, "peak-MB")
		}
	})
}

// flip changes what the first flag serves.
func (s *station) flip(i int) {
	s.b.Helper()
	if s.admin == nil {
		s.signIn(s.once)
	}
	_, err := s.admin.PutFlagConfig(context.Background(), "flag-0000", "production", api.PutFlagConfig{
		On: true, Default: api.FlagServe{Variant: []string{"off", "on"}[i%2]}, Reason: "load",
	})
	s.ok(err)
}

// served waits until the change is what programs get.
func (s *station) served(i int) {
	s.b.Helper()
	conn, err := net.Dial("tcp", s.address)
	s.ok(err)
	defer func() { _ = conn.Close() }()
	want := fmt.Sprintf(`"value":%t`, i%2 == 1)
	text := make([]byte, 4096)
	for {
		_, err := conn.Write(s.request(http.MethodPost, "/ofrep/v1/evaluate/flags/flag-0000", "{}", "X-API-Key", s.server))
		s.ok(err)
		n, err := conn.Read(text)
		s.ok(err)
		if strings.Contains(string(text[:n]), want) {
			return
		}
	}
}

// crowd is many open event streams.
type crowd struct {
	s     *station
	conns []net.Conn
	heard chan time.Time
	all   sync.WaitGroup
}

// gather opens n streams at once, each after it asked for all flags, as a page does that comes back. Who is turned away
// comes again; how often that was is returned.
func (s *station) gather(n int) (c *crowd, took time.Duration, again int64) {
	s.b.Helper()
	c = &crowd{s: s, conns: make([]net.Conn, n), heard: make(chan time.Time, 4*n)}
	began := time.Now()
	var open sync.WaitGroup
	var retries atomic.Int64
	for i := range n {
		open.Go(func() {
			for {
				conn, in, err := s.arrive()
				if err == nil {
					c.conns[i] = conn
					c.all.Go(func() { c.listen(in) })
					return
				}
				if retries.Add(1) == int64(10*n) || time.Since(began) > time.Minute {
					s.b.Errorf("a stream after %s: %v", time.Since(began), err)
					return
				}
			}
		})
	}
	open.Wait()
	return c, time.Since(began), retries.Load()
}

// arrive asks for all flags and opens a stream, each time from another address, as through a proxy.
func (s *station) arrive() (net.Conn, *bufio.Reader, error) {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewReaderSize(conn, 4096)
	from := fmt.Sprintf("10.%d.%d.%d", rand.IntN(256), rand.IntN(256), rand.IntN(256))
	_, err = conn.Write(s.request(http.MethodPost, "/ofrep/v1/evaluate/flags", "{}", "Authorization", "Bearer "+s.public,
		"X-Forwarded-For", from))
	if err == nil {
		_, _, err = answer(in)
	}
	if err == nil {
		_, err = conn.Write(s.request(http.MethodGet, "/flags/v1/events?key="+s.public, "", "X-Forwarded-For", from))
	}
	first := ""
	for err == nil && !strings.HasPrefix(first, "data: ") {
		first, err = in.ReadString('\n')
	}
	if err != nil {
		_ = conn.Close()
	}
	return conn, in, err
}

// listen notes when an event arrives.
func (c *crowd) listen(in *bufio.Reader) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if strings.HasPrefix(line, "data: ") {
			c.heard <- time.Now()
		}
	}
}

func (c *crowd) leave() {
	for _, conn := range c.conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
	c.all.Wait()
}

// BenchmarkStreams is a change with 10,000 open streams: how long until each was told, from before the change is asked
// for; and all of them coming back at once.
func BenchmarkStreams(b *testing.B) {
	n := 10_000
	if text := os.Getenv("SLIPWAY_BENCH_STREAMS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
	}
	s := start(b, 100, 1000)
	c, took, turned := s.gather(n)
	_, resident, _ := s.used()
	s.signIn(s.once)
	var late []time.Duration
	for i := range 10 {
		for len(c.heard) > 0 {
			<-c.heard
		}
		began := time.Now()
		s.flip(i)
		patient := time.After(patience)
		for heard := range n {
			select {
			case at := <-c.heard:
				late = append(late, at.Sub(began))
			case <-patient:
				b.Fatalf("%d of %d streams were not told of change %d", n-heard, n, i)
			}
		}
	}
	slices.Sort(late)
	c.leave()
	c, again, turnedAgain := s.gather(n)
	_, _, peak := s.used()
	c.leave()
	at := func(q float64) float64 { return float64(late[int(q*float64(len(late)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(at(1), "max-ms")
	b.ReportMetric(took.Seconds(), "connect-s")
	b.ReportMetric(again.Seconds(), "reconnect-s")
	b.ReportMetric(float64(turned+turnedAgain), "turned-away")
	b.ReportMetric(resident, "MB")
	b.ReportMetric(peak, "peak-MB")
	b.ReportMetric(0, "ns/op")
}
