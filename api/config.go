package api

import "time"

// Config is what is known of an environment's variables where a platform keeps them. No value that is not plain is in
// it.
type Config struct {
	Environment string          `json:"environment"`
	Place       string          `json:"place" doc:"The platform's own name of the environment."`
	Newest      *ConfigRevision `json:"newest,omitempty" doc:"The newest revision, with its variables."`
	Written     int64           `json:"written" doc:"Number of the revision that the platform had last; 0: none."`
	Drift       []ConfigDrift   `json:"drift" doc:"How the platform differs from that, by somebody else's hand."`
	Shared      []ConfigShared  `json:"shared" doc:"Variables that the team shares with the project there. Slipway never writes them."`
	Unread      string          `json:"unread,omitempty" doc:"Why shared variables can't be read."`
	Trouble     bool            `json:"trouble"`
	Sentence    string          `json:"sentence"`
	Since       *time.Time      `json:"since,omitempty" doc:"Of the trouble."`
	Seen        *time.Time      `json:"seen,omitempty" doc:"When the platform was last read."`
	Manifest    string          `json:"manifest" doc:"File that lists the variables; empty when the strategy names none."`
	Problems    []ConfigProblem `json:"problems" doc:"What is wrong by that list."`
	Running     *ConfigRunning  `json:"running,omitempty" doc:"With which variables production runs."`
	Actions     []Action        `json:"actions"`
}

// ReleaseConfig says with which variables a release was built, and which come back when it is taken back.
type ReleaseConfig struct {
	Built    int64  `json:"built" doc:"Revision of production's variables that it was built with; 0: not known."`
	Back     int64  `json:"back" doc:"Revision that the version before it was built with, which comes back with it; 0: not known."`
	Sentence string `json:"sentence"`
}

// ConfigRunning says with which variables the stable version was built.
type ConfigRunning struct {
	Version  string `json:"version"`
	Revision int64  `json:"revision" doc:"0: not known."`
	Behind   bool   `json:"behind" doc:"The platform has other variables by now: a build would be another thing."`
	Sentence string `json:"sentence"`
}

// ConfigShared is a variable that the team shares among projects.
type ConfigShared struct {
	Key    string     `json:"key"`
	Kind   string     `json:"kind"`
	By     string     `json:"by,omitempty" doc:"Who changed it last."`
	At     *time.Time `json:"at,omitempty" doc:"When."`
	Hidden bool       `json:"hidden" doc:"A variable of the project's own has its name and hides it."`
}

// ConfigDrift is a variable that is not on the platform as the newest revision says.
type ConfigDrift struct {
	Key    string     `json:"key"`
	What   string     `json:"what" enum:"added,changed,kind,removed"`
	By     string     `json:"by,omitempty"`
	At     *time.Time `json:"at,omitempty"`
	Shared bool       `json:"shared,omitempty" doc:"The team shares it: a pull takes note of it, nothing here writes it."`
}

// ConfigProblem is a complaint of the list of variables.
type ConfigProblem struct {
	Key      string `json:"key"`
	Sentence string `json:"sentence"`
	Where    string `json:"where,omitempty" doc:"File and line."`
}

// ConfigVariable is a variable of a revision. A value is shown of plain ones only.
type ConfigVariable struct {
	Key   string    `json:"key"`
	Kind  string    `json:"kind" enum:"plain,encrypted,sensitive"`
	Value string    `json:"value,omitempty"`
	Held  bool      `json:"held" doc:"Slipway has the value, sealed, and can write it again."`
	Since time.Time `json:"since" doc:"When it got this value."`
	By    string    `json:"by"`
}

// ConfigRevision is the whole of an environment's variables as somebody wanted them.
type ConfigRevision struct {
	ID          string           `json:"id"`
	Environment string           `json:"environment"`
	Number      int64            `json:"number"`
	Source      string           `json:"source" enum:"push,back,adopted"`
	From        int64            `json:"from,omitempty" doc:"The revision that was brought back."`
	Author      string           `json:"author"`
	Reason      string           `json:"reason"`
	State       string           `json:"state" enum:"waiting,applied,failed,replaced"`
	Why         string           `json:"why,omitempty"`
	Created     time.Time        `json:"created"`
	Written     *time.Time       `json:"written,omitempty"`
	Sentence    string           `json:"sentence" doc:"What it changed of the one before."`
	Deployments []string         `json:"deployments" doc:"Versions that are known to be built with it."`
	Variables   []ConfigVariable `json:"variables"`
}

// ConfigPage is a page of revisions, newest first, without their variables.
type ConfigPage struct {
	Items []ConfigRevision `json:"items"`
	Next  string           `json:"next,omitempty"`
}

// ConfigDiff says how two revisions differ.
type ConfigDiff struct {
	From     int64              `json:"from"`
	To       int64              `json:"to"`
	Changes  []ConfigDifference `json:"changes"`
	Sentence string             `json:"sentence"`
}

// ConfigDifference is a variable that differs. Values are shown of plain ones only.
type ConfigDifference struct {
	Key  string          `json:"key"`
	What string          `json:"what" enum:"added,changed,kind,removed"`
	Old  *ConfigVariable `json:"old,omitempty"`
	New  *ConfigVariable `json:"new,omitempty"`
}

// SetVariable gives a variable a value.
type SetVariable struct {
	Key   string `json:"key" minLength:"1" maxLength:"256"`
	Value string `json:"value" maxLength:"65536"`
	Kind  string `json:"kind,omitempty" enum:"plain,encrypted,sensitive" doc:"Left out: as it is, and sensitive for a new one (encrypted in development)."`
}

// PushConfig changes variables.
type PushConfig struct {
	Set      []SetVariable `json:"set,omitempty" maxItems:"1000"`
	Remove   []string      `json:"remove,omitempty" maxItems:"1000"`
	Reason   string        `json:"reason" minLength:"1" maxLength:"500"`
	Revision int64         `json:"revision,omitempty" minimum:"0" doc:"The newest one that was seen; 0: whatever it is."`
	Over     bool          `json:"over,omitempty" doc:"Goes over what somebody changed on the platform, and over complaints of the list of variables."`
	DryRun   bool          `json:"dry_run,omitempty"`
	Rebuild  bool          `json:"rebuild,omitempty" doc:"What production runs is built again with it. Nobody is sent there before it is released."`
}

// PullConfig takes over what the platform has.
type PullConfig struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500"`
}

// BackConfig brings a revision back.
type BackConfig struct {
	To       int64  `json:"to" minimum:"1"`
	Reason   string `json:"reason" minLength:"1" maxLength:"500"`
	Revision int64  `json:"revision,omitempty" minimum:"0"`
	DryRun   bool   `json:"dry_run,omitempty"`
	Way      string `json:"way,omitempty" enum:"auto,write,rebuild,flip" doc:"auto: to the deployment that was built with it where one is known good, else a new build. write: the variables only."`
}

// ConfigChange is what an order came to.
type ConfigChange struct {
	Done     bool               `json:"done"`
	Revision *ConfigRevision    `json:"revision,omitempty"`
	Changes  []ConfigDifference `json:"changes"`
	Problems []ConfigProblem    `json:"problems"`
	Rollback string             `json:"rollback,omitempty" doc:"Id of the rollback of production that was asked for."`
	Sentence string             `json:"sentence"`
}

// ConfigDraft is what is gathered for an environment's next revision. Nothing of it is on the platform.
type ConfigDraft struct {
	ID          string             `json:"id" doc:"Of this state of it; empty: nothing is drafted."`
	Environment string             `json:"environment"`
	Base        int64              `json:"base" doc:"Number of the newest revision when it was changed last."`
	Newest      int64              `json:"newest" doc:"Number of the newest revision now: the changes are against that."`
	Author      string             `json:"author,omitempty" doc:"Who changed it last."`
	Changed     *time.Time         `json:"changed,omitempty"`
	Keys        []string           `json:"keys" doc:"Variables that it says something of."`
	Changes     []ConfigDifference `json:"changes" doc:"What applying it changes of the newest revision."`
	Foreign     []ConfigDrift      `json:"foreign" doc:"What applying it undoes beside that: changes that somebody made on the platform."`
	Problems    []ConfigProblem    `json:"problems"`
	Sentence    string             `json:"sentence"`
}

// EditConfigDraft changes a draft.
type EditConfigDraft struct {
	Set    []SetVariable `json:"set,omitempty" maxItems:"1000"`
	Remove []string      `json:"remove,omitempty" maxItems:"1000"`
	Undo   []string      `json:"undo,omitempty" maxItems:"1000" doc:"Variables that the draft leaves alone again."`
	Seen   string        `json:"seen,omitempty" maxLength:"64" doc:"Id of the draft that was seen: another one is not changed."`
}

// ApplyConfigDraft makes a draft the next revision.
type ApplyConfigDraft struct {
	Reason   string `json:"reason" minLength:"1" maxLength:"500"`
	Seen     string `json:"seen" minLength:"1" maxLength:"64" doc:"Id of the draft that was seen: another one is not applied."`
	Revision int64  `json:"revision,omitempty" minimum:"0" doc:"The newest revision that was seen; 0: whatever it is."`
	Over     bool   `json:"over,omitempty" doc:"Goes over what somebody changed on the platform, and over complaints of the list of variables."`
	Rebuild  bool   `json:"rebuild,omitempty" doc:"What production runs is built again with it. Nobody is sent there before it is released."`
}
