package strategy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// GitHub says where the code is, and what is shown there. Its secrets are named by the
// environment variables that hold them.
type GitHub struct {
	App         int64    // id of the GitHub App
	Repository  string   // OWNER/NAME
	API         string   // address of the API
	Check       bool     // a release is a check run of its commit
	Deployments bool     // and a deployment with statuses
	Protection  []string // environments whose waiting jobs are answered

	KeyEnv     string // the app's private key
	WebhookEnv string // secret that webhooks sign with; several, parted by commas, while it is being changed
}

type gitHub struct {
	App         int      `yaml:"app_id" doc:"Id of the GitHub App."`
	Repository  string   `yaml:"repository" doc:"The repository, as OWNER/NAME."`
	Check       bool     `yaml:"check" doc:"Whether a release is a check run of its commit."`
	Deployments bool     `yaml:"deployments" doc:"Whether a release is a deployment with statuses."`
	Protection  []string `yaml:"protection" doc:"Environments whose waiting jobs Slipway answers."`
	API         address  `yaml:"api" doc:"Address of GitHub's API."`
	Key         string   `yaml:"private_key_env" doc:"Environment variable that holds the app's private key."`
	Webhook     string   `yaml:"webhook_secret_env" doc:"Environment variable that holds the secret that webhooks sign with."`
}

// Template returns what gitHub is where nothing is written.
func (*gitHub) Template() string {
	return `{app_id: 0, repository: "", check: on, deployments: off, protection: [], api: "https://api.github.com",
  private_key_env: GITHUB_APP_PRIVATE_KEY, webhook_secret_env: GITHUB_WEBHOOK_SECRET}`
}

// GitHub returns what is shown where the code is, and false when nothing is.
func (s *Strategy) GitHub() (GitHub, bool) {
	g := s.file.GitHub
	if g == nil {
		return GitHub{}, false
	}
	return GitHub{App: int64(g.App), Repository: g.Repository, API: strings.TrimRight(string(g.API), "/"), Check: g.Check,
		Deployments: g.Deployments, Protection: g.Protection, KeyEnv: g.Key, WebhookEnv: g.Webhook}, true
}

// EnvironmentURL returns where an environment answers; empty when the file does not say.
func (s *Strategy) EnvironmentURL(environment string) string {
	return s.file.Environments[environment].URL
}

func (c checker) onGitHub() {
	g := c.file.GitHub
	if g == nil {
		return
	}
	here := func(key ...string) []string { return append(at("github"), key...) }
	if g.App <= 0 {
		c.at(here("app_id"), "the id of the GitHub App is missing", "add app_id: NUMBER, as on the app's page")
	}
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$`).MatchString(g.Repository) {
		c.at(here("repository"), fmt.Sprintf("%.140q is no repository", g.Repository), "write OWNER/NAME")
	}
	for i, name := range g.Protection {
		path := here("protection", strconv.Itoa(i))
		if !slices.Contains([]string{devStage, stgStage, cnyStage, prodStage}, name) {
			c.at(path, fmt.Sprintf("no stage happens in %.64q", name), "name development, staging, canary or production")
		} else if slices.Contains(g.Protection[:i], name) {
			c.at(path, name+" is named twice", "name it once")
		}
	}
	for key, name := range map[string]string{"private_key_env": g.Key, "webhook_secret_env": g.Webhook} {
		if !regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,127}$`).MatchString(name) {
			c.at(here(key), fmt.Sprintf("%.40q is no name of an environment variable", name),
				"write the variable's name here; the secret itself stands in the environment")
		}
	}
}
