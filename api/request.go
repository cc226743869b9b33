package api

// StartRelease asks for a release.
type StartRelease struct {
	Version     string   `json:"version,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._+-]*$" doc:"E.g. v2 or 1.4.0. On a platform the build's own when left out."`
	Commit      string   `json:"commit,omitempty" maxLength:"64" doc:"Commit that was built. On a platform it is enough: its build is found, or made."`
	Deployment  string   `json:"deployment_url,omitempty" maxLength:"512" doc:"Where it answers, e.g. http://127.0.0.1:3002; on a platform also its id there."`
	BuildIDs    []string `json:"build_ids,omitempty" maxItems:"8" doc:"The application's own ids: NEXT_DEPLOYMENT_ID."`
	Note        string   `json:"note,omitempty" maxLength:"2000" doc:"Deployment notes."`
	Flags       []string `json:"flags,omitempty" maxItems:"64" doc:"Feature flags that belong to the release."`
	Scheduled   string   `json:"scheduled,omitempty" doc:"RFC 3339: not into production before this."`
	Unscheduled string   `json:"unscheduled_reason,omitempty" maxLength:"500" doc:"Why it goes out now."`
	Urgent      bool     `json:"urgent,omitempty" doc:"Goes through freezes; needs unscheduled_reason and release:skip."`
}

// ReleaseAction is a command to a release.
type ReleaseAction struct {
	Reason   string  `json:"reason,omitempty" maxLength:"1000"`
	Step     string  `json:"step,omitempty" maxLength:"64" doc:"skip, sign: id of the step that is meant."`
	Share    float64 `json:"share,omitempty" minimum:"0" maximum:"100" doc:"share: percent of visitors."`
	Passed   bool    `json:"passed,omitempty" doc:"sign: the verdict."`
	Revision int64   `json:"revision,omitempty" doc:"Refused when it changed since; 0 does not compare."`
}

// Decision is a person's decision on an approval request.
type Decision struct {
	Hash   string `json:"hash" minLength:"1" maxLength:"64" doc:"Hash of what was shown."`
	Reason string `json:"reason,omitempty" maxLength:"1000" doc:"Needed for a rejection."`
}

// ReportCheck reports an item of a version's checklist.
type ReportCheck struct {
	Version  string   `json:"version" minLength:"1" maxLength:"64"`
	Commit   string   `json:"commit,omitempty" maxLength:"64"`
	Name     string   `json:"name" minLength:"1" maxLength:"64" pattern:"^[a-z][a-z0-9_]*$"`
	Status   string   `json:"status" enum:"running,passed,failed,not_applicable"`
	Summary  string   `json:"summary,omitempty" maxLength:"2000"`
	URL      string   `json:"url,omitempty" maxLength:"1000"`
	Coverage *float64 `json:"coverage,omitempty" minimum:"0" maximum:"100"`
}

// RequestRollback asks for a rollback.
type RequestRollback struct {
	Environment string `json:"environment,omitempty" maxLength:"64" doc:"production when empty."`
	Reason      string `json:"reason" minLength:"1" maxLength:"1000"`
	To          string `json:"to,omitempty" maxLength:"64" doc:"Deployment id; the last known good one when empty."`
}

// RollbackAction is a command to a rollback.
type RollbackAction struct {
	Reason   string `json:"reason,omitempty" maxLength:"1000"`
	To       string `json:"to,omitempty" maxLength:"64" doc:"retarget: deployment id."`
	Revision int64  `json:"revision,omitempty"`
}

// ReportIssue is a problem that a person reports.
type ReportIssue struct {
	Environment string `json:"environment,omitempty" maxLength:"64"`
	Title       string `json:"title" minLength:"1" maxLength:"200"`
	Detail      string `json:"detail,omitempty" maxLength:"4000"`
	Critical    bool   `json:"critical,omitempty" doc:"Asks for a rollback, or takes a running canary back."`
	Security    bool   `json:"security,omitempty" doc:"A vulnerability."`
}

// ResolveIncident closes an incident.
type ResolveIncident struct {
	Resolution string `json:"resolution" minLength:"1" maxLength:"4000"`
}

// NewDeployment records a deployment, as a push to a branch makes one.
type NewDeployment struct {
	Version     string   `json:"version" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._+-]*$"`
	Commit      string   `json:"commit,omitempty" maxLength:"64"`
	URL         string   `json:"url" minLength:"1" maxLength:"512"`
	Branch      string   `json:"branch,omitempty" maxLength:"200" doc:"Decides the environment by the strategy's mapping."`
	Environment string   `json:"environment,omitempty" maxLength:"64" doc:"Instead of branch."`
	BuildIDs    []string `json:"build_ids,omitempty" maxItems:"8"`
	Preview     bool     `json:"preview,omitempty" doc:"A pull request's deployment."`
}

// NewUser makes a user.
type NewUser struct {
	Name     string   `json:"name" minLength:"2" maxLength:"64" pattern:"^[a-z0-9][a-z0-9._@-]*$"`
	Title    string   `json:"title,omitempty" maxLength:"100"`
	Password string   `json:"password" minLength:"12" maxLength:"256"`
	Roles    []string `json:"roles" maxItems:"16"`
}

// ChangeUser changes a user; absent fields stay.
type ChangeUser struct {
	Title    *string   `json:"title,omitempty" maxLength:"100"`
	Password *string   `json:"password,omitempty" minLength:"12" maxLength:"256"`
	Current  *string   `json:"current_password,omitempty" maxLength:"256" doc:"Asked for when one changes one's own."`
	Roles    *[]string `json:"roles,omitempty"`
	Disabled *bool     `json:"disabled,omitempty"`
}

// NewToken makes a token.
type NewToken struct {
	Name   string   `json:"name" minLength:"1" maxLength:"64"`
	Scopes []string `json:"scopes" minItems:"1" maxItems:"256" doc:"E.g. release:start@staging."`
	Days   int      `json:"days,omitempty" minimum:"0" maximum:"3660" doc:"Until it expires; 90 when 0."`
}

// Me is who the caller is.
type Me struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Roles       []string `json:"roles"`
	Permissions []string `json:"permissions"`
}

// ReleasePage is one page of releases.
type ReleasePage struct {
	Items []Release `json:"items"`
	Next  string    `json:"next" doc:"Cursor of the next page; empty on the last."`
}

// EventPage is one page of the log, newest first.
type EventPage struct {
	Items []Event `json:"items"`
	Next  string  `json:"next"`
}

// IncidentPage is one page of incidents.
type IncidentPage struct {
	Items []Incident `json:"items"`
	Next  string     `json:"next"`
}

// RollbackPage is one page of rollbacks.
type RollbackPage struct {
	Items []Rollback `json:"items"`
	Next  string     `json:"next"`
}
