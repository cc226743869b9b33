package vercel

import (
	"context"
	"net/http"
	"time"
)

// The states of a rolling release, in Vercel's words.
const (
	Active   = "ACTIVE"
	Complete = "COMPLETE"
	Aborted  = "ABORTED"
	Paused   = "PAUSED" // substate
)

// Stage is a share of a rolling release that is planned. Duration is in minutes.
type Stage struct {
	TargetPercentage float64  `json:"targetPercentage"`
	RequireApproval  bool     `json:"requireApproval,omitempty"`
	Duration         *float64 `json:"duration,omitempty"`
}

// RollingConfig is how a project's next rolling release goes; one that is active keeps the one it began with.
type RollingConfig struct {
	Enabled         bool    `json:"enabled"`
	AdvancementType string  `json:"advancementType,omitempty"` // automatic or manual-approval
	Stages          []Stage `json:"stages,omitempty"`
}

// RollingConfig returns a project's configuration, nil when it has none.
func (c *Client) RollingConfig(ctx context.Context, project string) (*RollingConfig, error) {
	var out struct {
		Config *struct {
			RollingConfig
			Enabled *bool `json:"enabled"`
		} `json:"rollingRelease"`
	}
	_, err := c.do(ctx, call{do: "read how rolling releases go", right: "Project: rolling release", method: http.MethodGet,
		path: rolling(project) + "/config"}, &out)
	if err != nil || out.Config == nil {
		return nil, err
	}
	r := out.Config.RollingConfig
	r.Enabled = out.Config.Enabled == nil || *out.Config.Enabled // what has stages and says nothing is on
	return &r, nil
}

// SetRollingConfig says how the next rolling release goes.
func (c *Client) SetRollingConfig(ctx context.Context, project string, r RollingConfig) error {
	_, err := c.do(ctx, call{do: "say how rolling releases go", right: "Project: rolling release",
		method: http.MethodPatch, path: rolling(project) + "/config", body: r, safe: true}, nil)
	return err
}

// RollingRelease is the state of a project's last rolling release.
type RollingRelease struct {
	State   string
	Paused  bool   // by a gate of Vercel's own
	Base    string // id of the deployment that everybody else gets
	BaseURL string
	Canary  string
	URL     string // of the canary
	Share   float64
	Index   int // of the active stage; -1 when none is
	Stages  []Planned
	Updated time.Time
}

// Planned is a stage of a rolling release that goes on.
type Planned struct {
	Index int     `json:"index"`
	Share float64 `json:"targetPercentage"`
}

// Live reports whether it is going on.
func (r *RollingRelease) Live() bool { return r != nil && r.State == Active }

// RollingRelease returns the state of the last rolling release, nil when there was none.
func (c *Client) RollingRelease(ctx context.Context, project string) (*RollingRelease, error) {
	type side struct {
		ID  string `json:"id"`
		URL string `json:"url"`
	}
	var out struct {
		Release *struct {
			State    string    `json:"state"`
			Substate string    `json:"substate"`
			Base     *side     `json:"currentDeployment"`
			Canary   *side     `json:"canaryDeployment"`
			Share    *float64  `json:"currentCanaryPercentage"`
			Stages   []Planned `json:"stages"`
			Stage    *Planned  `json:"activeStage"`
			Updated  float64   `json:"updatedAt"`
		} `json:"rollingRelease"`
	}
	_, err := c.do(ctx, call{do: "read the rolling release", right: "Project: rolling release", method: http.MethodGet,
		path: rolling(project)}, &out)
	w := out.Release
	if err != nil || w == nil {
		return nil, err
	}
	r := &RollingRelease{State: w.State, Paused: w.Substate == Paused, Index: -1, Stages: w.Stages,
		Updated: millis(w.Updated)}
	if w.Base != nil {
		r.Base, r.BaseURL = w.Base.ID, w.Base.URL
	}
	if w.Canary != nil {
		r.Canary, r.URL = w.Canary.ID, w.Canary.URL
	}
	if w.Stage != nil {
		r.Index, r.Share = w.Stage.Index, w.Stage.Share
	}
	if w.Share != nil {
		r.Share = *w.Share
	}
	switch {
	case r.State == "":
		return nil, lacks("the rolling release", "state")
	case r.State == Active && (r.Base == "" || r.Canary == ""):
		return nil, lacks("the rolling release", "its deployments")
	case r.State == Active && w.Share == nil && w.Stage == nil:
		return nil, lacks("the rolling release", "currentCanaryPercentage")
	}
	return r, nil
}

// StartRolling begins a rolling release. Beginning it again for the same canary changes nothing.
func (c *Client) StartRolling(ctx context.Context, project, canary string) error {
	_, err := c.do(ctx, call{do: "start a rolling release", right: "Project: rolling release", method: http.MethodPost,
		path: rolling(project) + "/start", body: map[string]any{"canaryDeploymentId": canary}}, nil)
	return err
}

// ApproveStage ends the active stage, whose index Vercel checks.
func (c *Client) ApproveStage(ctx context.Context, project, canary string, active int) error {
	_, err := c.do(ctx, call{do: "go to the next stage of a rolling release", right: "Project: rolling release",
		method: http.MethodPost, path: rolling(project) + "/approve-stage", body: map[string]any{
			"activeStageIndex": active, "nextStageIndex": active + 1, "canaryDeploymentId": canary}}, nil)
	return err
}

// CompleteRolling gives everybody the canary.
func (c *Client) CompleteRolling(ctx context.Context, project, canary string) error {
	_, err := c.do(ctx, call{do: "complete a rolling release", right: "Project: rolling release",
		method: http.MethodPost, path: rolling(project) + "/complete", body: map[string]any{"canaryDeploymentId": canary}},
		nil)
	return err
}

// The slots of a plan for rolling releases.
const (
	SlotsUnlimited = "unlimited_slots"
	SlotsLeft      = "available_slots"
	SlotsTaken     = "no_available_slots"
	SlotsNone      = "plan_not_supported"
)

// RollingSlots says whether the plan lets the project have rolling releases, and which projects have them.
func (c *Client) RollingSlots(ctx context.Context, project string) (reason string, have []string, err error) {
	var out struct {
		Reason string   `json:"reason"`
		Have   []string `json:"enabledProjects"`
	}
	_, err = c.do(ctx, call{do: "ask what the plan allows", right: "Project: rolling release", method: http.MethodGet,
		path: rolling(project) + "/billing"}, &out)
	if err == nil && out.Reason == "" {
		err = lacks("the plan", "reason")
	}
	return out.Reason, out.Have, err
}

func rolling(project string) string { return "/v1/projects/" + seg(project) + "/rolling-release" }

// EndRolling turns rolling releases off, and says what becomes of the one that is active.
func (c *Client) EndRolling(ctx context.Context, project string, off map[string]any) error {
	_, err := c.do(ctx, call{do: "end a rolling release", right: "Project: rolling release", method: http.MethodPatch,
		path: rolling(project) + "/config", body: off, safe: true}, nil)
	return err
}
