package api

// FlagReport is what a program evaluated by itself since its last report. It is sent to POST /flags/v1/usage, outside
// of /api/v1, with a flag key that names the environment.
type FlagReport struct {
	ID    string       `json:"id,omitempty" maxLength:"64" doc:"Made by the program: the same report counts once."`
	Usage []FlagCounts `json:"usage" maxItems:"10000"`
}

// FlagCounts is what was seen of a flag's variant since the last report.
type FlagCounts struct {
	Flag        string `json:"flag"`
	Variant     string `json:"variant" doc:"Empty: the program's own fallback."`
	Evaluations int64  `json:"evaluations,omitempty"`
	Exposures   int64  `json:"exposures,omitempty" doc:"Users who were shown it."`
	Errors      int64  `json:"errors,omitempty" doc:"Failures under it."`
}
