package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// simulated runs slipway simulate and returns what it says.
func simulated(args ...string) (code int, out, complaint string) {
	var o, e bytes.Buffer
	code = Run(context.Background(), Options{In: strings.NewReader(""), Out: &o, Err: &e},
		append([]string{"simulate", "--runs", "1", "--suggest=false", "--background", "plain"}, args...))
	return code, o.String(), e.String()
}

// req: N-10
func TestSimulateHoldsAStrategyToConditions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, page := filepath.Join(dir, "slipway.yaml"), filepath.Join(dir, "report.html")
	svg := filepath.Join(dir, "report.svg")
	text := "app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:9\"}}\n" +
		"stages: {canary: {steps: [5, 50], bake: 1m}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, complaint := simulated(file, "--fault", "errors-50-points", "--html", page, "--svg", svg,
		"--fail-if", "missed > 0")
	if code != 0 || !strings.Contains(out, "errors-50-points") || complaint != "" {
		t.Errorf("exit %d: %s%s", code, out, complaint)
	}
	if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("</html>")) {
		t.Errorf("the page: %v", err)
	}
	if b, err := os.ReadFile(svg); err != nil || !bytes.Contains(b, []byte("100 % found, 0 % missed")) {
		t.Errorf("the picture: %v, %s", err, b)
	}
	code, _, complaint = simulated(file, "--fault", "errors-50-points", "--fail-if", "detection < 1h")
	if code != 6 || !strings.Contains(complaint, "detection(errors-50-points) is") {
		t.Errorf("exit %d: %s", code, complaint)
	}
}

// A ramp is tried as the strategy says: its shares, its bakes, and the time that it is watched with everybody.
//
// req: N-10 FF-17
func TestSimulateARamp(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "slipway.yaml")
	text := "app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:9\"}}\n" +
		"flags: {ramp: {steps: [20, 50], bake: 2m, watch: 7m}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, complaint := simulated(file, "--ramp", "--fault", "healthy", "--fault", "errors-5x",
		"--fail-if", "time_to_promote < 13m", "--fail-if", "time_to_promote > 15m", "--fail-if", "missed > 0",
		"--fail-if", "false_rollback > 0")
	if code != 0 || !strings.Contains(out, "20 %: 1") {
		t.Errorf("exit %d: %s%s", code, out, complaint)
	}
}

func TestSimulateAsJSON(t *testing.T) {
	t.Parallel()
	traffic := filepath.Join(t.TempDir(), "traffic.yaml")
	if err := os.WriteFile(traffic, []byte("rate: 50/s\nerrors: 2%\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, complaint := simulated("--json", "--fault", "errors=+40%", "--traffic", traffic, "--errors", "3%")
	var r struct {
		Traffic struct {
			Rate   float64 `json:"rate"`
			Errors float64 `json:"error_rate"`
		} `json:"traffic"`
		Results []struct {
			Stopped float64 `json:"stopped"`
		} `json:"results"`
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Traffic.Rate != 50 || r.Traffic.Errors != 0.03 ||
		len(r.Results) != 1 || r.Results[0].Stopped != 1 {
		t.Errorf("%v: %s%s", err, out, complaint)
	}
}

func TestSimulateSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--traffic none":                "neither a rate",
		"--errors 5":                    "want a percentage",
		"--errors 150%":                 "it goes from 0 to 1",
		"--p95 x":                       "--p95 x: want a duration",
		"--daily -2":                    "--daily is -2: it is a number from 1 on",
		"--bursts -1":                   "--bursts is -1: it is not below 0",
		"--bins 3":                      "it needs --replay",
		"--html no/where/x.html":        "there is no folder no/where",
		"--svg no/where/x.svg":          "there is no folder no/where",
		"--fault nope":                  "Name one of healthy",
		"--fail-if missed>x":            "at character 8",
		"nofile.yaml":                   "There is no strategy file",
		"--background sunny":            "There are: mixed, plain",
		"--replay nofile":               "exclude each other", // the background is given
		"--replay x --daily 3":          "exclude each other",
		"--errors 0% --fault errors-2x": "a multiple of nothing",
		"--answer -1s":                  "--answer is out of range",
		"--fault healthy --traffic 0/s": "it goes from 0.001",
	} {
		code, out, complaint := simulated(strings.Fields(args)...)
		if code != 2 && code != 3 || out != "" || !strings.Contains(complaint, want) {
			t.Errorf("%s: exit %d, %s%s", args, code, out, complaint)
		}
	}
}

func TestStreamSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--alpha 2":                   "--alpha is 2: it lies between 0 and 1",
		"--alpha NaN":                 "--alpha is NaN",
		"--bake -1m":                  "--bake is -1m0s",
		"--horizon 0s":                "--horizon is 0s",
		"--cold-start -1s":            "--cold-start is -1s",
		"--tolerance -1":              "--tolerance is -1",
		"--weights errors=1":          "leaves one out",
		"--weights errors=-1":         `--weights "errors=-1" is not`,
		"--bins 3":                    `--bins "3" is not`,
		"--bins 8,1.09,9999999999999": `--bins "8,1.09,9999999999999" is not`,
		"--steps 10,5":                `--steps "10,5" is neither`,
		"":                            "No tick came", // an empty input is no pass
	} {
		var o, e bytes.Buffer
		code := Run(context.Background(), Options{In: strings.NewReader("\n"), Out: &o, Err: &e},
			append([]string{"judge", "stream"}, strings.Fields(args)...))
		if code != 2 || o.Len() > 0 || !strings.Contains(e.String(), want) {
			t.Errorf("%s: exit %d, %s%s", args, code, o.String(), e.String())
		}
	}
}

func TestADayMayBeFlat(t *testing.T) {
	t.Parallel()
	if code, _, complaint := simulated("--daily", "1", "--fault", "errors-50-points"); code != 0 {
		t.Errorf("exit %d: %s", code, complaint)
	}
}
