package api

import (
	"encoding/json"
	"time"
)

// FlagFile is flags as code: what flags are, what they do in environments, and the segments that they ask for.
type FlagFile struct {
	Flags    []FlagEntry    `json:"flags" maxItems:"5000"`
	Segments []SegmentEntry `json:"segments,omitempty" maxItems:"1000"`
}

// FlagEntry is a flag in a file. What is left out is as in a new flag; environments that are left out stay as they are.
type FlagEntry struct {
	Key          string                 `json:"key" minLength:"1" maxLength:"128"`
	Kind         string                 `json:"kind,omitempty" enum:"boolean,string,number,object" default:"boolean"`
	Description  string                 `json:"description,omitempty" maxLength:"2000"`
	Owner        string                 `json:"owner,omitempty" maxLength:"128"`
	Tags         []string               `json:"tags,omitempty" maxItems:"20"`
	Variants     []FlagVariant          `json:"variants,omitempty" maxItems:"100"`
	Client       bool                   `json:"client,omitempty"`
	Permanent    bool                   `json:"permanent,omitempty"`
	Expires      *time.Time             `json:"expires,omitempty"`
	Bucketing    int                    `json:"bucketing,omitempty" enum:"2,3" default:"2"`
	Environments map[string]ConfigEntry `json:"environments,omitempty"`
}

// ConfigEntry is what a flag does in an environment, in a file.
type ConfigEntry struct {
	On        *bool              `json:"on,omitempty" doc:"Left out: whether it is on stays, so that no file undoes a kill switch."`
	Off       string             `json:"off,omitempty"`
	Needs     []FlagPrerequisite `json:"needs,omitempty" maxItems:"20"`
	Rules     []FlagRule         `json:"rules,omitempty" maxItems:"200"`
	Default   FlagServe          `json:"default"`
	Targeting json.RawMessage    `json:"targeting,omitempty"`
}

// SegmentEntry is a segment in a file.
type SegmentEntry struct {
	Key          string                 `json:"key" minLength:"1" maxLength:"128"`
	Environments map[string]SegmentSpec `json:"environments"`
}

// SegmentSpec is a segment of an environment in a file.
type SegmentSpec struct {
	Description string            `json:"description,omitempty" maxLength:"2000"`
	Any         [][]FlagCondition `json:"any,omitempty" maxItems:"100"`
	By          string            `json:"by,omitempty"`
	Excluded    []string          `json:"excluded,omitempty" maxItems:"10000"`
	Members     *[]string         `json:"members,omitempty" doc:"Left out: who is named stays as it is."`
}

// FlagExport is all of one or more environments in one of two forms.
type FlagExport struct {
	File     *FlagFile       `json:"file,omitempty" doc:"What apply takes. Who is named in segments is not in it."`
	Document json.RawMessage `json:"document,omitempty" doc:"One environment in flagd's definition format."`
}

// ApplyFlags makes what there is as a file says.
type ApplyFlags struct {
	File         FlagFile `json:"file"`
	Environments []string `json:"environments,omitempty" maxItems:"64" doc:"Only what the file says of these."`
	Prune        bool     `json:"prune,omitempty" doc:"Archive the flags that are not in the file."`
	DryRun       bool     `json:"dry_run,omitempty" doc:"Only say what would change: the drift between file and server."`
	TurnOn       bool     `json:"turn_on,omitempty" doc:"Turn on too what somebody turned off and said why; asks for a reason. Without it such a file is refused as a whole."`
	Reason       string   `json:"reason,omitempty" maxLength:"1000"`
}

// FlagPlan is what a file changes, in the order in which it is done.
type FlagPlan struct {
	Done     bool       `json:"done" doc:"False for a dry run, and when something could not be done."`
	Drift    bool       `json:"drift" doc:"Whether anything differs from the file."`
	Sentence string     `json:"sentence"`
	Steps    []FlagStep `json:"steps"`
}

// FlagStep is one part of a plan.
type FlagStep struct {
	What        string   `json:"what" enum:"create,change,restore,archive,unchanged"`
	Flag        string   `json:"flag"`
	Segment     string   `json:"segment"`
	Environment string   `json:"environment" doc:"Empty for what a flag is everywhere."`
	Sentence    string   `json:"sentence"`
	Changes     []Change `json:"changes"`
	TurnsOn     bool     `json:"turns_on" doc:"It turns on what somebody turned off and said why: that asks for turn_on."`
	Done        bool     `json:"done"`
	Draft       string   `json:"draft" doc:"Id of the draft that waits for approval."`
	Approval    string   `json:"approval"`
	Problem     string   `json:"problem" doc:"Why it could not be done; what follows was not tried."`
}

// Name says what the step is about.
func (s FlagStep) Name() string {
	name := s.Flag
	if s.Segment != "" {
		name = "segment " + s.Segment
	}
	if s.Environment != "" {
		name += " in " + s.Environment
	}
	return name
}

// ImportFlags brings in the flags of another system.
type ImportFlags struct {
	Source       string            `json:"source,omitempty" doc:"Guessed when it is left out: launchdarkly, unleash, growthbook, flagsmith, vercel or flagd."`
	Live         bool              `json:"live,omitempty" doc:"Ask the project of the strategy by Vercel's API, in the place of an export."`
	Export       json.RawMessage   `json:"export,omitempty" doc:"What that system exports, as JSON."`
	Environment  string            `json:"environment,omitempty" doc:"Of an export of one environment that names none."`
	Environments map[string]string `json:"environments,omitempty" doc:"Their environments, and what they are called here."`
	Only         bool              `json:"only,omitempty" doc:"Leave out environments that are not named."`
	DryRun       bool              `json:"dry_run,omitempty"`
	TurnOn       bool              `json:"turn_on,omitempty" doc:"As for a file that is applied."`
	Reason       string            `json:"reason,omitempty" maxLength:"1000"`
}

// FlagImport is what an import does, and what did not map.
type FlagImport struct {
	Plan     FlagPlan       `json:"plan"`
	Sentence string         `json:"sentence"`
	Remarks  []ImportRemark `json:"remarks"`
}

// SyncFlags writes flags of an environment, one way, to the system of flags that the platform has.
type SyncFlags struct {
	Environment string     `json:"environment" minLength:"1" maxLength:"64"`
	As          string     `json:"as,omitempty" maxLength:"64" doc:"What the environment is called there. Left out: as target.vercel.sync_flags says, else as here."`
	Splits      bool       `json:"splits,omitempty" doc:"Percentages too: the same shares, with other users in them."`
	Shared      bool       `json:"shared,omitempty" doc:"Values of variants too that all environments of the platform share: they change for all. Needs the right to edit flags in every environment."`
	DryRun      bool       `json:"dry_run,omitempty" doc:"Only the plan."`
	Shown       *SyncShown `json:"shown,omitempty" doc:"The plan that was looked at: what anybody changed since then is not written."`
}

// SyncShown is what a plan was made of.
type SyncShown struct {
	Generation int64            `json:"generation" doc:"Of the plan."`
	Revisions  map[string]int64 `json:"revisions" doc:"Of each flag of the plan that is to be written."`
}

// FlagSync is what is to be done so that flags decide there as they do here, or what came of it.
type FlagSync struct {
	Environment string     `json:"environment"`
	As          string     `json:"as" doc:"What it is called there."`
	Generation  int64      `json:"generation" doc:"Of the flags here."`
	Sentence    string     `json:"sentence"`
	Writes      int        `json:"writes" doc:"How many flags are to be written."`
	Steps       []SyncStep `json:"steps"`
	Failed      bool       `json:"failed" doc:"Something that was to be written is not."`
}

// SyncStep is what is to be done about one flag.
type SyncStep struct {
	Flag     string   `json:"flag"`
	Action   string   `json:"action" doc:"create, change, same, unsaid (it cannot be said alike there), absent (the program's fallback is served, and it is not there), or theirs (it is only there, and stays)."`
	Revision int64    `json:"revision" doc:"Of the flag there, 0 where it is not."`
	Differs  []string `json:"differs" doc:"What a change changes there."`
	Stands   string   `json:"stands" doc:"What it does there now."`
	Static   bool     `json:"static" doc:"One variant for everybody is written, since its rules make no difference."`
	Assumes  []string `json:"assumes" doc:"What is taken for granted of attributes."`
	Notes    []string `json:"notes" doc:"What is otherwise there all the same."`
	Why      string   `json:"why" doc:"Why it cannot be said alike."`
	Remedy   string   `json:"remedy"`
	Command  string   `json:"command,omitempty" doc:"That does it on the command line."`
	Done     bool     `json:"done" doc:"It was written."`
	Problem  string   `json:"problem" doc:"Why it was not written."`
}

// ImportRemark is one thing that is not as it was there.
type ImportRemark struct {
	Flag        string `json:"flag"`
	Segment     string `json:"segment"`
	Environment string `json:"environment"`
	What        string `json:"what" doc:"What the export says."`
	Done        string `json:"done" doc:"What was made of it."`
	Lost        bool   `json:"lost" doc:"Users would get something else: it came in switched off."`
}
