package api

import "time"

// GitHub is how releases are shown where their code is.
type GitHub struct {
	App         int64       `json:"app" doc:"Id of the GitHub App."`
	Repository  string      `json:"repository"`
	Check       bool        `json:"check" doc:"Whether a release is a check run of its commit."`
	Deployments bool        `json:"deployments" doc:"Whether a release is a deployment with statuses."`
	Protection  []string    `json:"protection" doc:"Environments whose waiting jobs Slipway answers."`
	Trouble     bool        `json:"trouble" doc:"GitHub was told in vain; it is tried again."`
	Sentence    string      `json:"sentence"`
	Behind      int         `json:"behind" doc:"Releases that are not shown as they are, because a try was in vain."`
	Jobs        []GitHubJob `json:"jobs" doc:"Jobs of GitHub Actions that wait for Slipway."`
	Answered    *time.Time  `json:"answered,omitempty" doc:"When GitHub last answered this node; absent: not since it started."`
}

// GitHubJob is a job that waits at a deployment protection rule.
type GitHubJob struct {
	Run         int64     `json:"run" doc:"The workflow's run that it belongs to."`
	Environment string    `json:"environment"`
	Commit      string    `json:"commit"`
	Since       time.Time `json:"since"`
	Why         string    `json:"why" doc:"What it waits for."`
}

// GitHubAccess is what GitHub itself says of the app.
type GitHubAccess struct {
	GitHub
	Connected    bool            `json:"connected" doc:"Nothing is missing, and all could be seen."`
	Installation int64           `json:"installation,omitempty" doc:"Absent where the app is not installed, or GitHub did not say."`
	Missing      int             `json:"missing"`
	Findings     []GitHubFinding `json:"findings"`
}

// GitHubFinding is one thing that is needed at GitHub.
type GitHubFinding struct {
	State  string `json:"state" enum:"ok,missing,unseen"`
	What   string `json:"what"`
	For    string `json:"for"`
	Found  string `json:"found,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}
