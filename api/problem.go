package api

// Problem says why a request failed, after RFC 9457.
type Problem struct {
	Type     string         `json:"type" doc:"Path of a page about the reason: /problems/ and the reason."`
	Title    string         `json:"title" doc:"The kind in words."`
	Status   int            `json:"status" doc:"HTTP status."`
	Detail   string         `json:"detail" doc:"What is wrong and how to mend it, for people."`
	Command  string         `json:"command,omitempty" doc:"The detail in the words of the command line, where they differ."`
	Instance string         `json:"instance" doc:"Id of the request, also in X-Request-Id and in Slipway's log."`
	Kind     string         `json:"kind" doc:"What the caller can do about it: invalid, not_found, conflict, denied …"`
	Reason   string         `json:"reason" doc:"Stable word for the cause."`
	Remedy   string         `json:"remedy" doc:"What to do about it, or about its kind."`
	ExitCode int            `json:"exit_code" doc:"Exit code of the command line for this kind."`
	Errors   []ProblemError `json:"errors" doc:"Complaints about single places of the request."`
}

// ProblemError is a complaint about one place of a request.
type ProblemError struct {
	Location string `json:"location" doc:"E.g. body.version."`
	Message  string `json:"message"`
}
