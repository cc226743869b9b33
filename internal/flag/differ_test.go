//go:build full

package flag_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// core is a node process with flagd's JavaScript core in it.
type core struct {
	in  *json.Encoder
	out *bufio.Reader
}

type question struct {
	Key     string         `json:"key"`
	Context map[string]any `json:"context"`
	Now     int64          `json:"now"`
}

type answer struct {
	Variant   string          `json:"variant"`
	Value     json.RawMessage `json:"value"`
	Reason    string          `json:"reason"`
	Code      string          `json:"code"`
	Generated *answer         `json:"generated"` // with code generation, where that differs
}

func (a answer) String() string {
	return fmt.Sprintf("variant %q value %s reason %s code %s", a.Variant, a.Value, a.Reason, a.Code)
}

func startCore(t *testing.T) *core {
	t.Helper()
	cmd := exec.Command("node", "evaluate.mjs")
	cmd.Dir = "../../story/clients"
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("node: %v", err)
		}
	})
	return &core{json.NewEncoder(in), bufio.NewReaderSize(out, 1<<20)}
}

// ask evaluates the questions over a document. It returns why the document was refused, if it was.
func (c *core) ask(t *testing.T, document any, questions []question, generated bool) ([]answer, string) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		sent <- c.in.Encode(map[string]any{"document": document, "cases": questions, "generated": generated})
	}()
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	var reply struct {
		Answers []answer `json:"answers"`
		Refused string   `json:"refused"`
	}
	if err := json.Unmarshal(line, &reply); err != nil {
		t.Fatal(err)
	}
	return reply.Answers, reply.Refused
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestDifferential evaluates random rules over random contexts here and in flagd's JavaScript core. No answer may
// differ: not the variant, not the value, not the reason and not the error's code.
func TestDifferential(t *testing.T) {
	documents := number(t, "SLIPWAY_DIFFERENTIAL_DOCUMENTS", 300)
	seed := uint64(number(t, "SLIPWAY_DIFFERENTIAL_SEED", 1))
	const flags, contexts = 20, 20
	c := startCore(t)
	all, generated, wrong := 0, 0, 0
	seen := map[string]int{}
	for d := range documents {
		g := &generator{rand.New(rand.NewPCG(seed, uint64(d)))}
		document := g.document(flags)
		var questions []question
		for range contexts {
			context, now := g.context(), g.N(2_000_000_000)
			for key := range document["flags"].(map[string]any) {
				questions = append(questions, question{key, context, int64(now)})
			}
		}
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		answers, refused := c.ask(t, document, questions, true)
		parsed, err := flag.ParseDocument(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		snapshot, err := flag.Compile(parsed)
		if (err != nil) != (refused != "") {
			t.Fatalf("refused here: %v; there: %q\n%s", err, refused, text)
		}
		for i, want := range answers {
			q := questions[i]
			got := snapshot.Evaluate(q.Key, flag.NewContext("", q.Context), time.Unix(q.Now, 0))
			all++
			seen[want.Reason+" "+want.Code]++
			if want.Generated != nil {
				generated++
			}
			mine := answer{got.Variant, got.Value, string(got.Reason), string(got.Code), nil}
			want.Generated = nil
			if mine.String() == want.String() {
				continue
			}
			if wrong++; wrong <= 10 {
				rule, _ := json.Marshal(document["flags"].(map[string]any)[q.Key])
				context, _ := json.Marshal(q)
				t.Errorf("document %d:\n  here  %v\n  there %v\n  flag %s\n  case %s", d, mine, want, rule, context)
			}
		}
	}
	t.Logf("%d evaluations, %d differ; with code generation flagd's core differs from itself in %d; %v",
		all, wrong, generated, seen)
	if all < 100_000 && os.Getenv("SLIPWAY_DIFFERENTIAL_DOCUMENTS") == "" {
		t.Errorf("only %d evaluations", all)
	}
}

// TestDifferentialOperators asks flagd's core about every row of the table of operators, with code generation and
// without.
func TestDifferentialOperators(t *testing.T) {
	c := startCore(t)
	strayed := 0
	for _, r := range operators() {
		q := question{"f", somebody(), 1_800_000_000}
		answers, refused := c.ask(t, r.document(), []question{q}, true)
		if refused != "" {
			t.Fatalf("%s: refused: %s", r.rule, refused)
		}
		want := answers[0]
		got := outcome(flag.Evaluation{Variant: want.Variant, Reason: flag.Reason(want.Reason), Code: flag.Code(want.Code)})
		if got != r.want {
			t.Errorf("%s is %s there, %s in the table", r.rule, got, r.want)
		}
		if want.Generated != nil {
			strayed++
			t.Logf("%s: with code generation %v", r.rule, want.Generated)
		}
	}
	t.Logf("%d rows, of which %d are another thing with code generation", len(operators()), strayed)
}

// TestDifferentialSets evaluates environments as people edit them. Their documents must mean the same to everybody:
// here, and to flagd's core with code generation and without.
func TestDifferentialSets(t *testing.T) {
	c := startCore(t)
	all, matches := 0, 0
	for d := range number(t, "SLIPWAY_DIFFERENTIAL_SETS", 60) {
		g := sets{rand.New(rand.NewPCG(uint64(d), 77))}
		s := g.make(20)
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		document, err := s.Document()
		if err != nil {
			t.Fatal(err)
		}
		var questions []question
		for range 50 {
			user, now := g.user(), 1_700_000_000+g.IntN(200_000_000)
			for key := range document.Flags {
				questions = append(questions, question{key, user, int64(now)})
			}
		}
		answers, refused := c.ask(t, document, questions, true)
		if refused != "" {
			t.Fatal(refused)
		}
		snapshot := compiled(t, document)
		for i, want := range answers {
			q := questions[i]
			got := snapshot.Evaluate(q.Key, flag.NewContext("", q.Context), time.Unix(q.Now, 0))
			all++
			if got.Reason == flag.TargetingMatch {
				matches++
			}
			generated := want.Generated
			want.Generated = nil
			mine := answer{got.Variant, got.Value, string(got.Reason), string(got.Code), nil}
			if mine.String() != want.String() || generated != nil {
				t.Fatalf("here %v\nthere %v\nwith code generation %v\nrule %s\ncase %s",
					mine, want, generated, document.Flags[q.Key].Targeting, encode(q.Context))
			}
		}
	}
	t.Logf("%d evaluations, %d of them matches", all, matches)
}
