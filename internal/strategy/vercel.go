package strategy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// Vercel says where an application on Vercel is, and how Slipway moves it. Secrets are named by the environment
// variable that holds them.
type Vercel struct {
	Project string   // name or id
	Team    string   // slug or id; empty: the account of the token
	API     string   // address of the API
	Canary  string   // rolling, proxy or auto
	Drift   string   // hold or undo: what a release does when somebody else changes what production serves
	Domain  string   // host at which visitors come in; empty: the project's own
	Config  string   // id of the Global Config that proxies and flags are written to; empty: none
	Flags   []string // environments whose flags are written there

	SyncFlags  map[string]string // environments whose flags follow to Vercel Flags, and what they are called there
	SyncSplits bool              // percentages too, with other users in them

	TokenEnv   string // of the API
	ConfigEnv  string // a connection string that reads the Global Config
	BypassEnv  string // secret that opens protected deployments
	DrainEnv   string // secret that drains sign with; several, parted by commas, while it is being changed
	WebhookEnv string // secret that webhooks sign with; likewise
}

// The ways to a canary on Vercel.
const (
	Rolling  = "rolling" // rolling releases
	Proxy    = "proxy"   // Global Config, read by the application's own proxy.ts
	AutoPick = "auto"    // what the project's plan allows
)

type vercel struct {
	Project string            `yaml:"project" doc:"Name or id of the project."`
	Team    string            `yaml:"team" doc:"Slug or id of the team; empty for the account that the token belongs to."`
	Canary  string            `yaml:"canary" doc:"How a part of the visitors gets a version." enum:"auto,rolling,proxy"`
	Drift   string            `yaml:"drift" doc:"What a release does when somebody else changes what is served." enum:"hold,undo"`
	Domain  string            `yaml:"domain" doc:"Host at which visitors come in; empty: the project's first production domain."`
	Config  string            `yaml:"global_config" doc:"Id of the Global Config that shares and flags are written to."`
	Flags   []string          `yaml:"flags" doc:"Environments whose flags are written to the Global Config."`
	Sync    map[string]string `yaml:"sync_flags" doc:"Environments whose flags follow to Vercel Flags, each with its name there."`
	Splits  bool              `yaml:"sync_splits" doc:"Whether percentages follow too: the same shares, other users in them."`
	API     address           `yaml:"api" doc:"Address of Vercel's API."`
	Token   string            `yaml:"token_env" doc:"Environment variable that holds the token of the API."`
	Read    string            `yaml:"global_config_env" doc:"Environment variable that holds the Global Config's connection string."`
	Bypass  string            `yaml:"bypass_env" doc:"Environment variable that holds the secret that opens protected deployments."`
	Drain   string            `yaml:"drain_secret_env" doc:"Environment variable that holds the secret that drains sign with."`
	Webhook string            `yaml:"webhook_secret_env" doc:"Environment variable that holds the secret that webhooks sign with."`
}

// Template returns what vercel is where nothing is written.
func (*vercel) Template() string {
	return `{project: "", team: "", canary: auto, drift: hold, domain: "", global_config: "",
  flags: [], sync_flags: {}, sync_splits: false, api: "https://api.vercel.com", token_env: VERCEL_TOKEN,
  global_config_env: GLOBAL_CONFIG, bypass_env: VERCEL_AUTOMATION_BYPASS_SECRET,
  drain_secret_env: VERCEL_DRAIN_SECRET, webhook_secret_env: VERCEL_WEBHOOK_SECRET}`
}

// Vercel returns where the application is on Vercel, and false when it runs behind Slipway's own edge.
func (s *Strategy) Vercel() (Vercel, bool) {
	v := s.file.Target.Vercel
	if v == nil {
		return Vercel{}, false
	}
	return Vercel{
		Project: v.Project, Team: v.Team, API: strings.TrimRight(string(v.API), "/"), Canary: v.Canary, Drift: v.Drift,
		Domain: v.Domain, Config: v.Config, Flags: v.Flags, SyncFlags: v.Sync, SyncSplits: v.Splits,
		TokenEnv: v.Token, ConfigEnv: v.Read, BypassEnv: v.Bypass, DrainEnv: v.Drain, WebhookEnv: v.Webhook,
	}, true
}

// oneTarget takes the defaults of our own edge out of the tree where the file says Vercel and nothing of an edge.
func oneTarget(tree, user *document.Node) {
	if target := user.Get("target"); target.Get("vercel") != nil && target.Get("selfhost") == nil {
		tree.Get("target").Drop("selfhost")
	}
}

func (c checker) onVercel() {
	v := c.file.Target.Vercel
	here := func(key string) []string { return at("target", "vercel", key) }
	if c.file.Target.SelfHost != nil {
		c.atKey(at("target", "vercel"), "an application has one target", "take selfhost or vercel out")
		return
	}
	if v.Project == "" {
		c.at(here("project"), "the project's name is missing", "add project: NAME, as in .vercel/project.json")
	}
	if v.Canary == Proxy && v.Config == "" {
		c.at(here("global_config"), "canary: proxy needs a Global Config to write the share to",
			"add global_config: ecfg_…, or choose canary: rolling")
	}
	if v.Config != "" && !regexp.MustCompile(`^ecfg_[A-Za-z0-9]{1,64}$`).MatchString(v.Config) {
		c.at(here("global_config"), fmt.Sprintf("%q is no id of a Global Config", v.Config), "it begins with ecfg_")
	}
	c.flagsOnVercel(v)
	c.syncOnVercel(v)
	for key, name := range map[string]string{
		"token_env": v.Token, "global_config_env": v.Read, "bypass_env": v.Bypass, "drain_secret_env": v.Drain,
		"webhook_secret_env": v.Webhook,
	} {
		if !regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,127}$`).MatchString(name) {
			c.at(here(key), fmt.Sprintf("%.40q is no name of an environment variable", name),
				"write the variable's name here; the secret itself stands in the environment")
		}
	}
}

// custom checks the name of an environment of the team's own.
func (c checker) custom(at []string, environment, slug string) {
	switch {
	case environment == prodStage || environment == cnyStage:
		c.at(at, environment+" has the variables of production", "leave it out: a canary and what follows are one build")
	case !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`).MatchString(slug) || slug == "production" || slug == "preview" ||
		slug == "development":
		c.at(at, fmt.Sprintf("%q is no environment of the team's own", slug), "write its slug as Vercel shows it")
	case c.file.Target.Vercel == nil:
		c.at(at, "only Vercel keeps variables for it", "leave it out")
	}
}

// flagsOnVercel checks which environments' flags go to the Global Config.
func (c checker) flagsOnVercel(v *vercel) {
	if len(v.Flags) > 0 && v.Config == "" {
		c.at(at("target", "vercel", "flags"), "flags at Vercel's edge need a Global Config to stand in",
			"add global_config: ecfg_…")
	}
	for i, name := range v.Flags {
		path := at("target", "vercel", "flags", strconv.Itoa(i))
		switch _, known := c.file.Environments[name]; {
		case !known:
			c.at(path, fmt.Sprintf("there is no environment %.64q", name), "name one of environments")
		case slices.Contains(v.Flags[:i], name):
			c.at(path, fmt.Sprintf("%s is named twice", name), "name it once")
		}
	}
}

// syncOnVercel checks which environments' flags follow to Vercel Flags: one of ours to one of theirs.
func (c checker) syncOnVercel(v *vercel) {
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(v.Sync)) {
		path, there := at("target", "vercel", "sync_flags", name), v.Sync[name]
		switch _, known := c.file.Environments[name]; {
		case !known:
			c.at(path, fmt.Sprintf("there is no environment %.64q", name), "name one of environments")
		case !regexp.MustCompile(`^[\w-]{1,64}$`).MatchString(there):
			c.at(path, fmt.Sprintf("%.64q is no name of an environment of Vercel's", there),
				"write production, preview, development, or the name of a custom environment")
		case taken[there] != "":
			c.at(path, fmt.Sprintf("the flags of %s follow to %s already", taken[there], there),
				"let one environment decide about one at Vercel")
		default:
			taken[there] = name
		}
	}
}
