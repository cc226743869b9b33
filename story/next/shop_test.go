//go:build full

package next

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// root is the folder of the repository.
const root = "../.."

// shop is one built version of the example, running.
type shop struct {
	version string
	url     string
}

// buildShops builds the versions, one after another: they share two cores, and what another test builds is not built
// again.
func buildShops(t *testing.T, versions ...string) {
	t.Helper()
	defer building(t, "shops")()
	for _, v := range versions {
		begin := time.Now()
		cmd := exec.Command("bash", "build.sh", v, filepath.Join("out", v))
		cmd.Dir = filepath.Join(root, "examples", "nextjs")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build the shop's %s: %v\n%s", v, err, out)
		}
		t.Logf("built %s in %.1f s", v, time.Since(begin).Seconds())
	}
}

// built is where builds are kept.
const built = root + "/examples/nextjs/.build"

// building waits until no other test builds such a thing, and keeps the others from it.
func building(t *testing.T, what string) (done func()) {
	t.Helper()
	if err := os.MkdirAll(built, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(built, what), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = lock.Close() }
}

// openShop starts a built version on a free port, with what else its environment says, and waits until it is well.
func openShop(t *testing.T, version string, env ...string) *shop {
	t.Helper()
	return openShopAt(t, version, freePort(t), env...)
}

// openShopAt is openShop on a port.
func openShopAt(t *testing.T, version, port string, env ...string) *shop {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("Node is needed: %v (script/setup installs it)", err)
	}
	s := &shop{version: version, url: "http://127.0.0.1:" + port}
	server, err := filepath.Abs(filepath.Join(root, "examples", "nextjs", "out", version, "server.js"))
	if err != nil {
		t.Fatal(err)
	}
	start(t, "shop "+version, exec.Command(node, server), append(env, "PORT="+port, "HOSTNAME=127.0.0.1")...)
	until(t, 20*time.Second, "the shop's "+version+" answers", func() bool {
		res, err := http.Get(s.url + "/api/health")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err = errors.Join(err, ln.Close()); err != nil {
		t.Fatal(err)
	}
	return port
}

// process is a child that ends with the test at the latest.
type process struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	said strings.Builder
	done chan struct{}
	err  error
}

// Write keeps what the process says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// start runs a child whose output is shown when the test fails.
func start(t *testing.T, name string, cmd *exec.Cmd, env ...string) *process {
	t.Helper()
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.stop()
		if t.Failed() {
			said := p.text()
			t.Logf("%s said at last:\n%s", name, said[max(0, len(said)-6000):])
		}
	})
	return p
}

// stop asks the process to end, and makes it after a while.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return p.err
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("it did not end within 30 s: %w", p.err)
	}
}

// until waits for something to become true, or fails the test.
func until(t *testing.T, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %v in vain until %s", patience, what)
		case <-tick.C:
		}
	}
}
