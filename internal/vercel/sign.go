package vercel

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // it is the signature that Vercel makes
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// SignatureHeader is where Vercel signs what it sends.
const SignatureHeader = "X-Vercel-Signature"

// SignatureLength is how many characters a signature has.
const SignatureLength = 2 * sha1.Size

// Signature is how Vercel signs a body with a secret.
func Signature(body []byte, secret string) string {
	m := hmac.New(sha1.New, []byte(secret))
	_, _ = m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// Signed reports whether the signature is of the body, by one of the secrets: there are two while one is being
// changed. An empty secret signs nothing.
func Signed(body []byte, signature string, secrets ...string) bool {
	got, ok := []byte(strings.ToLower(signature)), false
	for _, s := range secrets {
		same := hmac.Equal([]byte(Signature(body, s)), got)
		ok = ok || same && s != ""
	}
	return ok
}

// Event is what a webhook tells.
type Event struct {
	ID      string // of the delivery: the same one may come twice
	Type    string // such as deployment.promoted
	Created time.Time
	Project string // its id
	Name    string // of the project
	User    string
	// Deployments that the event is about: the deployment's own, or where a rollback leads.
	Deployment string
	Base       string  // of a rolling release
	Canary     string  // of a rolling release
	Share      float64 // of the canary, in percent
	Variable   string  // key of an environment variable
	Flag       string  // slug of a flag
}

// Of says whether an event may be of a project, by its name or id; so it may when it names none.
func (e Event) Of(project string) bool {
	if strings.HasPrefix(project, "prj_") {
		return e.Project == "" || e.Project == project
	}
	return e.Name == "" || e.Name == project
}

// Sure says whether an event names the project, by what it is called here.
func (e Event) Sure(project string) bool { return project == e.Project || project == e.Name }

// longestID bounds what is remembered of an event.
const longestID = 128

// DecodeEvent reads a webhook's body. What is missing is empty: an event only says where to look.
func DecodeEvent(body []byte) (Event, error) {
	type id struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	var w struct {
		ID        string  `json:"id"`
		Type      string  `json:"type"`
		CreatedAt float64 `json:"createdAt"`
		Payload   struct {
			Deployment     id     `json:"deployment"`
			Project        id     `json:"project"`
			ProjectID      string `json:"projectId"`
			ProjectName    string `json:"projectName"`
			Name           string `json:"name"`
			User           id     `json:"user"`
			To             string `json:"toDeploymentId"`
			RollingRelease struct {
				Default struct {
					Base   string  `json:"baseDeploymentId"`
					Canary string  `json:"targetDeploymentId"`
					Share  float64 `json:"targetPercentage"`
				} `json:"default"`
			} `json:"rollingRelease"`
			Variable struct {
				Key string `json:"key"`
			} `json:"environmentVariable"`
			Flag struct {
				Slug string `json:"slug"`
			} `json:"flag"`
		} `json:"payload"`
	}
	if err := json.Unmarshal(body, &w); err != nil || w.ID == "" || w.Type == "" || len(w.ID) > longestID ||
		len(w.Type) > longestID {
		return Event{}, fault.Wrap(err, fault.Invalid, "vercel_event",
			"This is no event of Vercel's: id and type are needed.")
	}
	p := w.Payload
	e := Event{ID: w.ID, Type: w.Type, Created: millis(w.CreatedAt), Project: or(p.Project.ID, p.ProjectID),
		User: p.User.ID, Deployment: or(p.Deployment.ID, p.To),
		Base: p.RollingRelease.Default.Base, Canary: p.RollingRelease.Default.Canary,
		Share: p.RollingRelease.Default.Share, Variable: p.Variable.Key, Flag: p.Flag.Slug,
		Name: or(p.ProjectName, or(p.Project.Name, or(p.Deployment.Name, p.Name)))}
	return e, nil
}
