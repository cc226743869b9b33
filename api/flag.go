package api

import (
	"encoding/json"
	"time"
)

// Flag is a feature flag with what it does in each environment that the caller may see.
type Flag struct {
	Key          string        `json:"key"`
	Kind         string        `json:"kind" enum:"boolean,string,number,object"`
	Description  string        `json:"description"`
	Owner        string        `json:"owner" doc:"A role or a person: who decides how it is rolled out."`
	Tags         []string      `json:"tags"`
	Variants     []FlagVariant `json:"variants"`
	Client       bool          `json:"client" doc:"Public keys, as in a browser, may evaluate it."`
	Permanent    bool          `json:"permanent" doc:"It is never stale."`
	Expires      *time.Time    `json:"expires,omitempty" doc:"After this day its code should be gone."`
	Bucketing    int           `json:"bucketing" doc:"Version of flagd's fractional operator: 2 or 3."`
	Created      time.Time     `json:"created"`
	CreatedBy    string        `json:"created_by"`
	Updated      time.Time     `json:"updated"`
	Archived     *time.Time    `json:"archived,omitempty"`
	Sentence     string        `json:"sentence" doc:"Who sees what, in words."`
	Stale        string        `json:"stale" doc:"Why its code may go; empty when it is in use."`
	Revision     int64         `json:"revision" doc:"Of the flag itself; send it back to change what you saw."`
	Environments []FlagConfig  `json:"environments"`
	Synced       []FlagSynced  `json:"synced" doc:"How it stands at the platform's own flags; where one flag is asked for."`
	Actions      []Action      `json:"actions"`
}

// FlagVariant is one of the values of a flag.
type FlagVariant struct {
	Name        string          `json:"name"`
	Value       json.RawMessage `json:"value"`
	Description string          `json:"description,omitempty"`
}

// FlagConfig is what a flag does in one environment.
type FlagConfig struct {
	Flag        string             `json:"flag"`
	Environment string             `json:"environment"`
	On          bool               `json:"on"`
	Off         string             `json:"off" doc:"Variant served while it is off; empty: the program's own fallback."`
	Reason      string             `json:"reason" doc:"Why it was switched last."`
	Since       *time.Time         `json:"since,omitempty" doc:"When it was switched last."`
	Needs       []FlagPrerequisite `json:"needs"`
	Rules       []FlagRule         `json:"rules"`
	Default     FlagServe          `json:"default"`
	Targeting   json.RawMessage    `json:"targeting,omitempty" doc:"A rule in flagd's language in place of rules."`
	Ramp        string             `json:"ramp" doc:"Id of the release that raises its share; empty when none does."`
	Sentence    string             `json:"sentence" doc:"Who sees what here, in words."`
	Share       float64            `json:"share" doc:"Percent that get the split's first variant where no rule serves; -1: none."`
	Revision    int64              `json:"revision" doc:"Rises with every change; send it back to change what you saw."`
	Updated     *time.Time         `json:"updated,omitempty"`
	By          string             `json:"by"`
	Evaluated   *time.Time         `json:"evaluated,omitempty" doc:"When it was evaluated last, as far as is known."`
}

// FlagPrerequisite is another flag that must serve one of the variants.
type FlagPrerequisite struct {
	Flag     string   `json:"flag"`
	Variants []string `json:"variants"`
}

// FlagRule serves users for whom all conditions hold.
type FlagRule struct {
	ID          string          `json:"id,omitempty" doc:"Kept when rules move; made when it is empty."`
	Description string          `json:"description,omitempty"`
	If          []FlagCondition `json:"if"`
	Serve       FlagServe       `json:"serve"`
}

// FlagCondition asks one thing of a user.
type FlagCondition struct {
	Attribute string `json:"attribute,omitempty" doc:"targetingKey, or a path with dots."`
	Op        string `json:"op,omitempty" doc:"equals, starts_with, ends_with, contains, less, at_most, more, at_least, …"`
	Values    []any  `json:"values,omitempty" doc:"One of them suffices."`
	Segment   string `json:"segment,omitempty" doc:"Key of a segment, instead of attribute, operator and values."`
	Not       bool   `json:"not,omitempty"`
}

// FlagServe is one variant or a split of several.
type FlagServe struct {
	Variant string        `json:"variant,omitempty"`
	Split   []FlagPortion `json:"split,omitempty"`
	By      string        `json:"by,omitempty" doc:"Attribute that is bucketed; empty: targetingKey."`
	Salt    string        `json:"salt,omitempty" doc:"Of the buckets; empty: the flag's key."`
}

// FlagPortion is a variant's part of a split.
type FlagPortion struct {
	Variant string `json:"variant"`
	Weight  int    `json:"weight"`
}

// FlagPage is a page of flags.
type FlagPage struct {
	Items    []Flag `json:"items"`
	Next     string `json:"next,omitempty"`
	Sentence string `json:"sentence,omitempty" doc:"How many there are in all, how many ramp and how many could go."`

	Published []PublishedFlags `json:"published,omitempty" doc:"What of them stands where a platform serves visitors."`
	Synced    []SyncedFlags    `json:"synced,omitempty" doc:"How they stand at the platform's own system of flags."`
}

// CreateFlag makes a flag. A boolean flag needs no variants: it gets on and off.
type CreateFlag struct {
	Key         string        `json:"key" minLength:"1" maxLength:"128"`
	Kind        string        `json:"kind,omitempty" enum:"boolean,string,number,object" default:"boolean"`
	Description string        `json:"description,omitempty" maxLength:"2000"`
	Owner       string        `json:"owner,omitempty" maxLength:"128"`
	Tags        []string      `json:"tags,omitempty" maxItems:"20"`
	Variants    []FlagVariant `json:"variants,omitempty" maxItems:"100"`
	Client      bool          `json:"client,omitempty"`
	Permanent   bool          `json:"permanent,omitempty"`
	Expires     *time.Time    `json:"expires,omitempty"`
	Bucketing   int           `json:"bucketing,omitempty" enum:"2,3" default:"2"`
}

// ChangeFlag changes what a flag is; what is left out stays.
type ChangeFlag struct {
	Description *string       `json:"description,omitempty" maxLength:"2000"`
	Owner       *string       `json:"owner,omitempty" maxLength:"128"`
	Tags        []string      `json:"tags,omitempty" maxItems:"20"`
	Variants    []FlagVariant `json:"variants,omitempty" maxItems:"100"`
	Client      *bool         `json:"client,omitempty"`
	Permanent   *bool         `json:"permanent,omitempty"`
	Expires     *time.Time    `json:"expires,omitempty"`
	Bucketing   int           `json:"bucketing,omitempty" enum:"2,3" doc:"Changing it assigns everybody anew."`
	Revision    int64         `json:"revision,omitempty"`
}

// PutFlagConfig says what a flag does in one environment, as a whole.
type PutFlagConfig struct {
	On        bool               `json:"on"`
	Off       string             `json:"off,omitempty"`
	Needs     []FlagPrerequisite `json:"needs,omitempty" maxItems:"20"`
	Rules     []FlagRule         `json:"rules,omitempty" maxItems:"200"`
	Default   FlagServe          `json:"default"`
	Targeting json.RawMessage    `json:"targeting,omitempty"`
	Revision  int64              `json:"revision,omitempty" doc:"Of what you saw; 0 overwrites whatever is there."`
	Reason    string             `json:"reason,omitempty" maxLength:"1000"`
}

// ArchiveFlag takes a flag out of use, or brings it back.
type ArchiveFlag struct {
	Reason string `json:"reason,omitempty" maxLength:"1000"`
}

// SwitchFlag turns a flag on or off in one environment.
type SwitchFlag struct {
	Reason   string `json:"reason,omitempty" maxLength:"1000" doc:"Needed to turn it off where people depend on it."`
	Revision int64  `json:"revision,omitempty"`
}

// RolloutFlag sets the share of users, whom no rule serves, that get a variant.
type RolloutFlag struct {
	Percent  float64 `json:"percent" minimum:"0" maximum:"100"`
	Variant  string  `json:"variant,omitempty" doc:"Empty: on, or the first."`
	Against  string  `json:"against,omitempty" doc:"What the others get; empty: off, or the last."`
	Reason   string  `json:"reason,omitempty" maxLength:"1000"`
	Revision int64   `json:"revision,omitempty"`
}

// RampFlag starts a guarded ramp: the share rises step by step, watched like a canary.
type RampFlag struct {
	Variant     string    `json:"variant,omitempty" doc:"Whose share rises. Empty: on, or the first."`
	Against     string    `json:"against,omitempty" doc:"What the others get. Empty: off, or the last."`
	Steps       []float64 `json:"steps,omitempty" maxItems:"20" doc:"Percent, rising; empty: the strategy's."`
	BakeSeconds float64   `json:"bake_seconds,omitempty" doc:"At each share; 0: the strategy's."`
	Reason      string    `json:"reason,omitempty" maxLength:"2000" doc:"Why. Needed when somebody turned the flag off and said why."`
	Revision    int64     `json:"revision,omitempty" doc:"Of what was seen: refused when it is another. 0: whatever is there."`
	With        string    `json:"with,omitempty" maxLength:"128" doc:"Release that it belongs to: taken back with it."`
}

// TryFlag evaluates a configuration, saved or not, for sample users.
type TryFlag struct {
	Config   *PutFlagConfig   `json:"config,omitempty" doc:"Left out: the one in force."`
	Contexts []map[string]any `json:"contexts" minItems:"1" maxItems:"1000"`
}

// FlagTrial is what sample users get.
type FlagTrial struct {
	Items []FlagResult `json:"items" doc:"One for each context, in their order."`
	// Nanos is what its rules cost.
	Nanos float64 `json:"nanoseconds" doc:"What one evaluation of the configuration takes on this node, measured with these users: the fastest of several rounds. 0: there was nothing to measure."`
}

// FlagResult is one evaluation with its reason.
type FlagResult struct {
	Variant  string          `json:"variant"`
	Value    json.RawMessage `json:"value,omitempty"`
	Reason   string          `json:"reason"`
	Error    string          `json:"error,omitempty"`
	Rule     string          `json:"rule" doc:"Id of the rule that served it; empty: the default."`
	Sentence string          `json:"sentence"`
}

// FlagRevision is one change of a flag's configuration in an environment.
type FlagRevision struct {
	Revision int64     `json:"revision"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Reason   string    `json:"reason"`
	Sentence string    `json:"sentence" doc:"What changed, in words."`
	Changes  []Change  `json:"changes"`
}

// Change is one difference between two documents.
type Change struct {
	Path   string          `json:"path"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	Words  string          `json:"words" doc:"The change in words."`
}

// FlagHistory is a page of revisions, newest first.
type FlagHistory struct {
	Items []FlagRevision `json:"items"`
	Next  string         `json:"next,omitempty"`
}

// RevertFlag brings back the configuration of an earlier revision of a flag, or what an earlier one of a segment said,
// as a new one.
type RevertFlag struct {
	To       int64  `json:"to" minimum:"1"`
	Reason   string `json:"reason,omitempty" maxLength:"1000"`
	Revision int64  `json:"revision,omitempty"`
}

// PromoteFlag copies a flag's configuration from one environment to another.
type PromoteFlag struct {
	From     string `json:"from"`
	To       string `json:"to"`
	DryRun   bool   `json:"dry_run,omitempty" doc:"Only say what would change."`
	Reason   string `json:"reason,omitempty" maxLength:"1000"`
	Revision int64  `json:"revision,omitempty" doc:"Of the target's configuration that you saw."`
}

// FlagChange is what a change did or would do.
type FlagChange struct {
	Done     bool       `json:"done" doc:"False for a dry run, and while a draft waits for approval."`
	Draft    string     `json:"draft" doc:"Id of the draft that waits for approval; empty when none is needed."`
	Approval string     `json:"approval" doc:"Id of the open approval request."`
	Sentence string     `json:"sentence"`
	Changes  []Change   `json:"changes"`
	Missing  []string   `json:"missing" doc:"Segments and flags that the target lacks."`
	Config   FlagConfig `json:"config"`
}

// Segment is a named group of users in one environment.
type Segment struct {
	Key         string            `json:"key"`
	Environment string            `json:"environment"`
	Description string            `json:"description"`
	Any         [][]FlagCondition `json:"any"`
	By          string            `json:"by"`
	Listed      int               `json:"listed" doc:"How many are named as members."`
	Excluded    []string          `json:"excluded"`
	Uses        []string          `json:"uses" doc:"Keys of the flags that ask for it here."`
	Sentence    string            `json:"sentence"`
	Revision    int64             `json:"revision"`
	Updated     time.Time         `json:"updated"`
	UpdatedBy   string            `json:"updated_by"`
	Draft       string            `json:"draft" doc:"Id of the draft of this change, which waits; empty when it is made."`
	Approval    string            `json:"approval" doc:"Id of the open approval request."`
}

// PutSegment makes or changes a segment.
type PutSegment struct {
	Description string            `json:"description,omitempty" maxLength:"2000"`
	Any         [][]FlagCondition `json:"any,omitempty" maxItems:"100"`
	By          string            `json:"by,omitempty"`
	Excluded    []string          `json:"excluded,omitempty" maxItems:"10000"`
	Revision    int64             `json:"revision,omitempty"`
	Reason      string            `json:"reason,omitempty" maxLength:"1000"`
}

// SegmentMembers adds and removes named members.
type SegmentMembers struct {
	Add     []string `json:"add,omitempty" maxItems:"100000"`
	Remove  []string `json:"remove,omitempty" maxItems:"100000"`
	Replace bool     `json:"replace,omitempty" doc:"The list becomes exactly what is added."`
	Reason  string   `json:"reason,omitempty" maxLength:"1000"`
}

// MemberPage is a page of the users that a segment names, in their order.
type MemberPage struct {
	Items []string `json:"items"`
	Next  string   `json:"next,omitempty"`
}

// FlagKey lets programs evaluate the flags of one environment.
type FlagKey struct {
	ID          string     `json:"id"`
	Environment string     `json:"environment"`
	Kind        string     `json:"kind" enum:"server,public" doc:"A public one sees no rules."`
	Name        string     `json:"name"`
	Origins     []string   `json:"origins" doc:"Pages that may use a public key; empty: any."`
	Secret      string     `json:"secret,omitempty" doc:"Shown once, when it is made."`
	Created     time.Time  `json:"created"`
	CreatedBy   string     `json:"created_by"`
	Revoked     *time.Time `json:"revoked,omitempty"`
	Used        *time.Time `json:"used,omitempty" doc:"When it was used last, to a minute or so."`
}

// CreateFlagKey makes a key.
type CreateFlagKey struct {
	Environment string   `json:"environment"`
	Kind        string   `json:"kind" enum:"server,public"`
	Name        string   `json:"name" minLength:"1" maxLength:"128"`
	Origins     []string `json:"origins,omitempty" maxItems:"50"`
}

// FlagDraft is a change that waits for approval or for its time.
type FlagDraft struct {
	ID          string     `json:"id"`
	Flag        string     `json:"flag" doc:"Key of the flag; empty for a segment."`
	Segment     string     `json:"segment"`
	Environment string     `json:"environment"`
	State       string     `json:"state" enum:"waiting,scheduled,applied,refused,discarded,failed"`
	At          *time.Time `json:"at,omitempty" doc:"When a scheduled change is made."`
	Author      string     `json:"author"`
	Reason      string     `json:"reason"`
	Sentence    string     `json:"sentence"`
	Changes     []Change   `json:"changes"`
	Approval    string     `json:"approval"`
	Created     time.Time  `json:"created"`

	AfterRelease string `json:"after_release" doc:"Id of the release that must succeed in the environment first."`
	Why          string `json:"why" doc:"Why it came to nothing."`
}

// FlagDraftPage is a page of drafts, newest first.
type FlagDraftPage struct {
	Items []FlagDraft `json:"items"`
	Next  string      `json:"next,omitempty"`
}

// DiscardDraft takes a draft back.
type DiscardDraft struct {
	Reason string `json:"reason,omitempty" maxLength:"1000"`
}

// ScheduleFlag has one change made later: on, config or rollout, at a time or after a release.
type ScheduleFlag struct {
	At           *time.Time     `json:"at,omitempty"`
	AfterRelease string         `json:"after_release,omitempty" maxLength:"64" doc:"Id of a release."`
	On           *bool          `json:"on,omitempty"`
	Config       *PutFlagConfig `json:"config,omitempty" doc:"It is made for the present revision, and fails on any other."`
	Rollout      *RolloutFlag   `json:"rollout,omitempty"`
	Reason       string         `json:"reason,omitempty" maxLength:"1000"`
	Revision     int64          `json:"revision,omitempty" doc:"It must still be this when the time comes; 0: any."`
}

// FlagUsage is what was seen of a flag in an environment.
type FlagUsage struct {
	Flag        string         `json:"flag"`
	Environment string         `json:"environment"`
	Last        *time.Time     `json:"last,omitempty" doc:"When it was evaluated last."`
	Variants    []VariantUsage `json:"variants"`
	Points      []UsagePoint   `json:"points" doc:"Oldest first, in equal steps."`
	StepSeconds float64        `json:"step_seconds"`
	Sentence    string         `json:"sentence"`
}

// VariantUsage sums what was seen of a variant.
type VariantUsage struct {
	Variant     string `json:"variant"`
	Evaluations int64  `json:"evaluations"`
	Exposures   int64  `json:"exposures" doc:"Users who were shown it, as programs report."`
	Errors      int64  `json:"errors" doc:"Failures under it, as programs report."`
}

// UsagePoint is a step of time.
type UsagePoint struct {
	At       time.Time        `json:"at"`
	Variants map[string]int64 `json:"variants" doc:"Evaluations by variant."`
}

// ReportFlagUsage is what a program that evaluates flags by itself counted, sent to /flags/v1/usage. It names no user.
type ReportFlagUsage struct {
	Items []FlagCount `json:"items" maxItems:"1000"`
}

// FlagCount is how often a variant was served, shown, and seen to fail since the report before.
type FlagCount struct {
	Flag        string `json:"flag"`
	Variant     string `json:"variant,omitempty" doc:"Empty: the program's own fallback."`
	Evaluations int64  `json:"evaluations,omitempty"`
	Exposures   int64  `json:"exposures,omitempty"`
	Errors      int64  `json:"errors,omitempty"`
}

// SyncedFlags is how an environment's flags stand at the system of flags that the platform has.
type SyncedFlags struct {
	Environment string            `json:"environment"`
	As          string            `json:"as" doc:"What it is called there."`
	Follows     bool              `json:"follows" doc:"They are written by themselves, as the strategy says."`
	Generation  int64             `json:"generation" doc:"Of the flags here that were compared last."`
	Same        int               `json:"same" doc:"How many decide alike."`
	Behind      int               `json:"behind" doc:"How many are to be written still, those of others included."`
	Unsaid      []string          `json:"unsaid" doc:"Flags that cannot be said alike there."`
	Stuck       []string          `json:"stuck" doc:"Those of them that stand there all the same, as they were."`
	Foreign     []string          `json:"foreign" doc:"Flags that somebody else changed or made there: they stay."`
	Hands       map[string]string `json:"hands" doc:"Who did, by flag, where Vercel says it."`
	Written     *time.Time        `json:"written,omitempty" doc:"When one was written last."`
	Seen        *time.Time        `json:"seen,omitempty" doc:"When they were read back last."`
	Trouble     bool              `json:"trouble" doc:"Something decides otherwise there, and does not change by itself."`
	Since       *time.Time        `json:"since,omitempty"`
	Sentence    string            `json:"sentence"`
	Command     string            `json:"command,omitempty" doc:"What to run on the command line next, where something is to be done."`
}

// FlagSynced is how one flag of an environment stands at the platform's own system of flags, such as Vercel Flags.
type FlagSynced struct {
	Environment string     `json:"environment"`
	As          string     `json:"as" doc:"What the environment is called there."`
	Follows     bool       `json:"follows" doc:"It is written by itself, as the strategy says."`
	State       string     `json:"state" enum:"unknown,same,behind,writing,changed,stuck,unsaid,absent" doc:"changed: by another hand there. stuck: it cannot be said there as it is here and stands as it was. unsaid: likewise, and it is not there. absent: nothing there and the program's own fallback here, which is the same."`
	Revision    int64      `json:"revision" doc:"Of the flag there that decides as here; 0: none."`
	By          string     `json:"by" doc:"Who changed it there, where Vercel says it."`
	Written     *time.Time `json:"written,omitempty" doc:"When flags of the environment were written last."`
	Seen        *time.Time `json:"seen,omitempty" doc:"When they were read back last."`
	Trouble     bool       `json:"trouble" doc:"It decides otherwise there, or nobody knows, and that does not change by itself."`
	Sentence    string     `json:"sentence"`
	Command     string     `json:"command,omitempty" doc:"What to run on the command line next, where something is to be done."`
}

// PublishedFlags is what of an environment's flags stands where a platform serves visitors, such as in Vercel's Global
// Config.
type PublishedFlags struct {
	Environment string     `json:"environment"`
	Key         string     `json:"key" doc:"Under which they stand there."`
	Generation  int64      `json:"generation" doc:"That stands there, as it was read back; 0: none yet."`
	Newest      int64      `json:"newest" doc:"Generation of the flags here. It may be higher where nothing differs in effect."`
	Digest      string     `json:"digest"`
	Bytes       int        `json:"bytes" doc:"Size of the newest document."`
	Written     *time.Time `json:"written,omitempty" doc:"When they were written last."`
	Seen        *time.Time `json:"seen,omitempty" doc:"When they were read back last."`
	Next        *time.Time `json:"next,omitempty" doc:"When changes that wait are written."`
	WritesLeft  int        `json:"writes_left" doc:"Of the period's budget, for changes that turn nothing off."`
	Trouble     bool       `json:"trouble" doc:"What stands there is not the newest, and does not become it by itself."`
	Since       *time.Time `json:"since,omitempty" doc:"Since when there is trouble."`
	Sentence    string     `json:"sentence"`
}
