package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

// replayed is what judge replay says.
type replayed struct {
	Release  string                 `json:"release"`
	Version  string                 `json:"version"`
	Verdicts int64                  `json:"verdicts"`
	Agree    int64                  `json:"agree"`
	Differs  []api.ReplayDifference `json:"differs"`
	Ticks    int64                  `json:"ticks,omitempty"` // that were exported
	Bins     string                 `json:"bins,omitempty"`
	Weights  string                 `json:"weights,omitempty"`
}

const replayHelp = `Make every verdict on a release again from the evidence that was stored with it, and compare the
whole of it with what was recorded, to the last digit. The exit code is not 0 when one differs.

With --export the comparison's seconds are written to a file, one JSON line each, as slipway judge stream and
slipway simulate --replay read them.`

func (c *cli) judgeReplay() *cobra.Command {
	var export string
	cmd := &cobra.Command{
		Use: "replay RELEASE", Short: "Make the verdicts on a release again and compare", Long: replayHelp,
		Args:    cobra.ExactArgs(1),
		Example: "  slipway judge replay v2\n  slipway judge replay v2 --export v2.jsonl",
		RunE: c.with(func(cmd *cobra.Command, args []string, to *client.Client) error {
			out, err := c.replay(cmd, to, args[0])
			if err != nil {
				return err
			}
			if export != "" {
				if err := c.export(cmd.Context(), to, args[0], export, &out); err != nil {
					return err
				}
			}
			if err := c.print(out, func() { c.sayReplayed(out, export) }); err != nil || len(out.Differs) == 0 {
				return err
			}
			return fault.New(fault.Refused, "verdict_differs",
				"The recorded verdicts are not what the stored evidence says, from look %d on: the database was changed, or "+
					"another version of Slipway made them.", out.Differs[0].Look)
		}),
	}
	cmd.Flags().StringVar(&export, "export", "", "write what was compared to this file, for judge stream and simulate")
	return cmd
}

// replay asks for part after part, and says how far it is when that takes several.
func (c *cli) replay(cmd *cobra.Command, to *client.Client, id string) (replayed, error) {
	out := replayed{Differs: []api.ReplayDifference{}}
	for after := int64(0); ; {
		part, err := to.Replay(cmd.Context(), id, after)
		if err != nil {
			return out, err
		}
		out.Release, out.Version = part.Release, part.Version
		out.Verdicts += int64(len(part.Verdicts))
		out.Agree += part.Agree
		out.Differs = append(out.Differs, part.Differs...)
		if after = part.Next; after == 0 {
			return out, nil
		}
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d verdicts made again, %d agree\n", out.Verdicts, part.Looks,
			out.Agree)
	}
}

// export writes the recorded ticks to a file, line by line.
func (c *cli) export(ctx context.Context, to *client.Client, id, path string, out *replayed) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "export_not_written", "The file %s can't be written: %v.", path, err)
	}
	defer func() {
		if closing := f.Close(); err == nil && closing != nil {
			err = fmt.Errorf("write %s: %w", path, closing)
		}
	}()
	lines := json.NewEncoder(f)
	for after := int64(0); ; {
		part, err := to.Recording(ctx, id, after)
		if err != nil {
			return err
		}
		out.Bins, out.Weights = part.Bins, part.Weights
		for _, t := range part.Ticks {
			if err := lines.Encode(t); err != nil {
				return fmt.Errorf("write %s: %w", path, err)
			}
			out.Ticks++
		}
		if after = part.Next; after == 0 {
			return nil
		}
	}
}

func (c *cli) sayReplayed(out replayed, export string) {
	switch {
	case out.Verdicts == 0:
		c.say("No verdict on %s is stored.\n", out.Version)
	case len(out.Differs) == 0:
		c.say("%d verdicts on %s were made again: all agree, to the last digit.\n", out.Verdicts, out.Version)
	default:
		d := out.Differs[0]
		c.say("%d of %d verdicts on %s agree. The first that does not is look %d, at %s:\n  recorded  %s\n  again     %s\n",
			out.Agree, out.Verdicts, out.Version, d.Look, d.Where, d.Recorded, d.Again)
	}
	if export != "" {
		weights := ""
		if out.Weights != "" {
			weights = " --weights " + out.Weights
		}
		c.say("%d seconds were written to %s. Judge them again with:\n  slipway judge stream --bins %s%s <%s\n", out.Ticks,
			export, out.Bins, weights, export)
	}
}
