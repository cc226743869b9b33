// Command flagbench evaluates four flags with Slipway's evaluator, with LaunchDarkly's and with GrowthBook's, side by
// side in one run, and prints what an evaluation costs of a processor. It is a module of its own, so that the product
// depends on none of them. script/bench-flags runs it.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 6, "how often each is measured; the median is printed")
	length := flag.Duration("length", 150*time.Millisecond, "of one measurement")
	flag.Parse()
	all := engines()
	agree(all)
	runtime.GOMAXPROCS(1)
	keys := []string{"f1", "f2", "f3", "f4"}
	costs := map[string][]float64{}
	for range *rounds {
		for _, key := range keys {
			for _, e := range all { // one after the other, so that what disturbs one disturbs all
				costs[e.name+key] = append(costs[e.name+key], cost(e, key, *length))
			}
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "processor ns an evaluation\tF1\tF2\tF3\tF4\t")
	for _, e := range all {
		row := []string{e.name}
		for _, key := range keys {
			row = append(row, fmt.Sprintf("%.0f (%.0f allocations)", median(costs[e.name+key]), allocations(e, key)))
		}
		fmt.Fprintln(w, strings.Join(row, "\t")+"\t")
	}
	row := []string{"slipway to LaunchDarkly"}
	for _, key := range keys {
		row = append(row, fmt.Sprintf("%.2f", median(costs["slipway"+key])/median(costs["LaunchDarkly"+key])))
	}
	fmt.Fprintln(w, strings.Join(row, "\t")+"\t")
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
	for _, key := range keys {
		var gains []float64
		for range *rounds {
			one := yield(all[0], key, 1, *length)
			gains = append(gains, 2*yield(all[0], key, 2, *length)/one)
		}
		fmt.Printf("%s on two cores: %.2f times one\n", key, median(gains))
	}
}

// agree stops when the engines don't mean the same: whom a rule names must get the same, whom a split divides not.
func agree(all []engine) {
	for i, u := range users() {
		paying := u.attributes["plan"] == "pro" && slices.Contains(countries(), u.attributes["country"].(string))
		member := slices.Contains(ids(), u.id)
		for _, e := range all {
			if got := e.ask("f1", i); got != "false" {
				log.Fatalf("%s: f1 is %s", e.name, got)
			}
			if got := e.ask("f3", i); paying && got != "b" {
				log.Fatalf("%s: f3 is %s for one who pays", e.name, got)
			}
			if got := e.ask("f4", i); got != fmt.Sprint(member) {
				log.Fatalf("%s: f4 is %s where membership is %v", e.name, got, member)
			}
		}
	}
	for _, e := range all {
		on := 0
		for i := range users() {
			if e.ask("f2", i) == "true" {
				on++
			}
		}
		if on < 40 || on > 90 {
			log.Fatalf("%s: f2 is on for %d of 256: not about a quarter", e.name, on)
		}
	}
}

// cost is the processor time of one evaluation in ns, garbage collection with it.
func cost(e engine, key string, length time.Duration) float64 {
	runtime.GC()
	begin, n := processor(), 0
	for start := time.Now(); time.Since(start) < length; {
		for i := range 1024 {
			e.ask(key, i&255)
		}
		n += 1024
	}
	return float64(processor()-begin) / float64(n)
}

func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func allocations(e engine, key string) float64 {
	var before, after runtime.MemStats
	const n = 10_000
	runtime.ReadMemStats(&before)
	for i := range n {
		e.ask(key, i&255)
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / n
}

// yield is how many evaluations some goroutines make in a second of processor time. Were they in each other's way, it
// would fall with their number; on a machine that others use too, the clock would say nothing.
func yield(e engine, key string, goroutines int, length time.Duration) float64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(goroutines))
	var all sync.WaitGroup
	counts := make([]int, goroutines)
	begin, start := processor(), time.Now()
	for g := range goroutines {
		all.Go(func() {
			n := 0
			for time.Since(start) < length {
				for i := range 1024 {
					e.ask(key, i&255)
				}
				n += 1024
			}
			counts[g] = n
		})
	}
	all.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / (processor() - begin).Seconds()
}

func median(l []float64) float64 {
	l = slices.Sorted(slices.Values(l))
	return l[len(l)/2]
}
