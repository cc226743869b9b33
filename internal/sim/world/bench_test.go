package world

import (
	"syscall"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// BenchmarkSimulateCanary is one healthy release of the default strategy at 100 requests a second: forty minutes beside
// the stable version, fifteen for everybody while an approval is waited for, and thirty of watching production.
func BenchmarkSimulateCanary(b *testing.B) {
	const text = "app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:9\"}}\n"
	begin := cpu(b)
	for i := range b.N {
		if o := Run(trial(b, text, traffic.World{Rate: 100, Errors: 0.01}, traffic.Fault{}, uint64(i))); o.End != Promoted {
			b.Fatal(o)
		}
	}
	b.ReportMetric(float64((cpu(b)-begin)/time.Microsecond)/1000/float64(b.N), "cpu-ms/op")
}

// cpu is the processor time of this process: what counts on a machine that others use as well.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
