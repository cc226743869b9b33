package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// Seen is what a point comes to on a real account.
type Seen string

// What a point comes to.
const (
	Holds   Seen = "holds"
	Differs Seen = "differs"
	NotSeen Seen = "not_seen"
)

// Point is something that Slipway takes for granted of Vercel, and that was only ever tried against a fake.
type Point struct {
	ID    string `json:"id"`
	State Seen   `json:"state"`
	Taken string `json:"taken"` // what is taken for granted
	Found string `json:"found"`
	Then  string `json:"then,omitempty"` // what it means where it differs
}

// LiveOptions are what is verified, and with whose consent.
type LiveOptions struct {
	Options
	// Sure asks whether something that is more than reading may be done.
	Sure func(what string) bool
	// Signed returns how the running Slipway found deliveries of drains signed: packed, unpacked, or empty for none yet.
	Signed func(context.Context) (string, error)
	Wait   time.Duration // for a delivery; 20 s
}

// Differ is nil where no point differs.
func Differ(points []Point) error {
	for _, p := range points {
		if p.State == Differs {
			return fault.New(fault.Refused, "vercel_differs", "Vercel is not as Slipway takes it to be. First: %s %s", p.Found,
				p.Then)
		}
	}
	return nil
}

type live struct {
	o       LiveOptions
	project api.Project
	points  []Point
}

// Live looks at a real account for each point. What costs something is asked for first.
func Live(ctx context.Context, o LiveOptions) ([]Point, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == 0 {
		o.Wait = 20 * time.Second
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	p, err := o.Client.Project(ctx, o.Project)
	if err != nil {
		return nil, err
	}
	l := &live{o: o, project: p}
	l.said()
	l.credential(ctx)
	l.limits(ctx)
	l.dimension(ctx)
	l.doors(ctx)
	l.pinned(ctx)
	l.forced(ctx)
	l.config(ctx)
	l.signature(ctx)
	l.add("release", NotSeen, "Promotion, rollback and rolling releases move as the command line of Vercel was seen to do",
		"Only a release can show it: watch the first one.", "")
	return l.points, nil
}

func (l *live) add(id string, state Seen, taken, found, then string) {
	if state != Differs {
		then = ""
	}
	l.points = append(l.points, Point{id, state, taken, found, then})
}

// failed adds a point that could not be seen.
func (l *live) failed(id, taken string, err error) bool {
	if err != nil {
		l.add(id, NotSeen, taken, fault.MessageOf(err), "")
	}
	return err != nil
}

// said looks at what a project says.
func (l *live) said() {
	const taken = "A project says whether builds reach production by themselves (autoAssignCustomDomains)"
	if l.project.AutoAssign == nil {
		l.add("auto_assign", Differs, taken, "It does not.", "Slipway takes production to be pinned.")
	} else {
		l.add("auto_assign", Holds, taken, fmt.Sprintf("It says %t.", *l.project.AutoAssign), "")
	}
	const rights = "A project lists what the token may do (permissions, with deploymentPromote)"
	switch _, promotes := l.project.Permissions["deploymentPromote"]; {
	case promotes:
		l.add("permissions", Holds, rights, "It does.", "")
	case l.project.Permissions == nil:
		l.add("permissions", Differs, rights, "It lists none.",
			"`check --target` can't tell which rights to change something are missing.")
	default:
		l.add("permissions", NotSeen, rights, fmt.Sprintf("It lists %d others; the token may not promote, or it is called "+
			"otherwise.", len(l.project.Permissions)), "")
	}
}

func (l *live) credential(ctx context.Context) {
	const taken = "The token tells when it expires (GET /v5/user/tokens/current)"
	if _, err := l.o.Client.Credential(ctx); err != nil {
		l.add("token", Differs, taken, fault.MessageOf(err), "An end of the token is not announced.")
		return
	}
	l.add("token", Holds, taken, "It does.", "")
}

func (l *live) limits(ctx context.Context) {
	const taken = "Answers say how many calls are left (X-RateLimit-Limit, -Remaining)"
	limit, left, err := l.o.Client.Limited(ctx, l.project.ID)
	switch {
	case l.failed("limits", taken, err):
	case limit < 0 || left < 0:
		l.add("limits", Differs, taken, "They do not.", "Slipway learns of a limit only when Vercel refuses a call.")
	default:
		l.add("limits", Holds, taken, fmt.Sprintf("%d of %d are left for reading deployments.", left, limit), "")
	}
}

// dimension looks for the name by which requests are told apart by deployment.
func (l *live) dimension(ctx context.Context) {
	const taken = "vercel.request.count can be asked for by deployment_id"
	raw, err := l.o.Client.MetricSchema(ctx, "vercel.request.count")
	if l.failed("dimension", taken, err) {
		return
	}
	names := dimensions(raw)
	switch {
	case slices.Contains(names, "deployment_id"):
		l.add("dimension", Holds, taken, "It can.", "")
	case len(names) == 0:
		l.add("dimension", NotSeen, taken, "The answer names no dimensions that Slipway can read.", "")
	default:
		l.add("dimension", Differs, taken, "Its dimensions are "+strings.Join(names, ", ")+".",
			"Numbers of Vercel's observability are not compared.")
	}
}

// dimensions reads names out of a metric's schema, which comes as an object or in a list.
func dimensions(raw json.RawMessage) []string {
	type metric struct {
		Dimensions []struct {
			Name string `json:"name"`
		} `json:"dimensions"`
	}
	var list []metric
	if json.Unmarshal(raw, &list) != nil {
		var one metric
		if json.Unmarshal(raw, &one) != nil {
			return nil
		}
		list = append(list, one)
	}
	var names []string
	for _, m := range list {
		for _, d := range m.Dimensions {
			names = append(names, d.Name)
		}
	}
	return names
}

// get asks a deployment or a domain for a page.
func (l *live) get(ctx context.Context, host, path string, header map[string]string) (*http.Response, []byte, error) {
	scheme := "https://"
	if l.o.Client.Plain() {
		scheme = "http://"
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+host+path, nil)
	if err != nil {
		return nil, nil, fault.Wrap(err, fault.Unavailable, "address", "%s is no address.", host)
	}
	for k, v := range header {
		q.Header.Set(k, v)
	}
	client := *l.o.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a, err := client.Do(q)
	if err != nil {
		return nil, nil, fault.Wrap(err, fault.Unavailable, "no_answer", "%s does not answer.", host)
	}
	defer func() { _ = a.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if err != nil {
		return nil, nil, fault.Wrap(err, fault.Unavailable, "no_answer", "%s does not answer whole.", host)
	}
	return a, body, nil
}

func document() map[string]string {
	return map[string]string{"Accept": "text/html", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
}

// domain is where visitors come in.
func (l *live) domain() string {
	return or(l.o.Domain, append(slices.Clone(l.project.Domains), l.project.Address)[0])
}

// doors asks production's own address without and with the bypass, and reads who answered.
func (l *live) doors(ctx context.Context) {
	const opens = "The header x-vercel-protection-bypass opens a protected deployment, and nothing else does"
	const who = "A page names the deployment that made it (data-dpl-id)"
	if l.project.Address == "" {
		l.add("bypass", NotSeen, opens, "Nothing is in production.", "")
		return
	}
	shut, body, err := l.get(ctx, l.project.Address, "/", document())
	if l.failed("bypass", opens, err) {
		return
	}
	secrets := l.o.secrets(l.o.Names.Bypass)
	closed := shut.StatusCode == http.StatusUnauthorized || shut.StatusCode == http.StatusForbidden ||
		shut.StatusCode >= 300 && shut.StatusCode < 400 && strings.Contains(shut.Header.Get("Location"), "vercel.com/")
	switch {
	case !closed:
		l.add("bypass", NotSeen, opens, fmt.Sprintf("The deployment is not protected (HTTP %d).", shut.StatusCode), "")
	case len(secrets) == 0:
		l.add("bypass", NotSeen, opens, l.o.Names.Bypass+" is not set here.", "")
	default:
		h := document()
		h["X-Vercel-Protection-Bypass"] = secrets[len(secrets)-1]
		open, page, err := l.get(ctx, l.project.Address, "/", h)
		if l.failed("bypass", opens, err) {
			return
		}
		body = page
		state, found := Holds, fmt.Sprintf("HTTP %d without, %d with it.", shut.StatusCode, open.StatusCode)
		if open.StatusCode == http.StatusUnauthorized || open.StatusCode == http.StatusForbidden {
			state = Differs
		}
		l.add("bypass", state, opens, found, "Smoke tests and canary: proxy do not reach protected deployments.")
	}
	switch {
	case bytes.Contains(body, []byte(`data-dpl-id="`+l.project.Production+`"`)):
		l.add("identity", Holds, who, "It names "+l.project.Production+".", "")
	case bytes.Contains(body, []byte("data-dpl-id=")):
		l.add("identity", Differs, who, "It names another than "+l.project.Production+".",
			"Open pages are pinned to the wrong build: look at deploymentId in next.config and at prebuilt deployments.")
	default:
		l.add("identity", NotSeen, who, "The page names none: is it made by Next.js, with Skew Protection on?", "")
	}
}

// pinned asks for a part of a page of a deployment that is none.
func (l *live) pinned(ctx context.Context) {
	const taken = "A request of a page of a deployment that is no more gets 404 (skew protection)"
	if l.project.MaxAge == 0 || l.project.Production == "" {
		l.add("skew", NotSeen, taken, "Skew protection is off.", "")
		return
	}
	a, _, err := l.get(ctx, l.domain(), "/_next/static/slipway-check.js", map[string]string{
		"X-Deployment-Id": "dpl_slipwayisnothere", "Sec-Fetch-Dest": "script"})
	if l.failed("skew", taken, err) {
		return
	}
	state := Holds
	if a.StatusCode != http.StatusNotFound {
		state = Differs
	}
	l.add("skew", state, taken, fmt.Sprintf("HTTP %d.", a.StatusCode),
		"Pages of a build that was taken back behave otherwise.")
}

// forced looks at a rolling release that goes on: by which cookie it assigns, and how a canary's answers are marked.
func (l *live) forced(ctx context.Context) {
	const taken = "?vcrrForceCanary and ?vcrrForceStable assign a visitor, by a cookie whose name begins with _vcrr"
	const header = "Answers of the canary are marked by a header of their own (canaryResponseHeader)"
	r, err := l.o.Client.RollingRelease(ctx, l.project.ID)
	if l.failed("force", taken, err) {
		return
	}
	if !r.Live() {
		l.add("force", NotSeen, taken, "No rolling release goes on: run this again during one.", "")
		l.add("canary_header", NotSeen, header, "No rolling release goes on: run this again during one.", "")
		return
	}
	stable, _, err := l.get(ctx, l.domain(), "/?vcrrForceStable=true", document())
	if l.failed("force", taken, err) {
		return
	}
	canary, _, err := l.get(ctx, l.domain(), "/?vcrrForceCanary=true", document())
	if l.failed("force", taken, err) {
		return
	}
	named := slices.ContainsFunc(canary.Cookies(), func(k *http.Cookie) bool {
		return strings.HasPrefix(k.Name, "_vcrr") && strings.Contains(k.Value, r.Canary)
	})
	state, found := Holds, "They do."
	if !named {
		var names []string
		for _, k := range canary.Cookies() {
			names = append(names, k.Name)
		}
		state, found = Differs, fmt.Sprintf("The cookies are %s.", or(strings.Join(names, ", "), "none"))
	}
	l.add("force", state, taken, found, "Smoke tests of a canary by its domain may reach the stable version.")
	var marks []string
	for name := range canary.Header {
		if stable.Header.Get(name) == "" {
			marks = append(marks, name)
		}
	}
	slices.Sort(marks)
	if len(marks) == 0 {
		l.add("canary_header", NotSeen, header,
			"The answers have the same headers: it is off, or both came from one build.", "")
		return
	}
	l.add("canary_header", Holds, header, "Only the canary has "+strings.Join(marks, ", ")+".", "")
}

// checkKey is the item that is written to the Global Config, and taken away again.
const checkKey = "slipway-check"

// config writes an item to the Global Config and reads it where visitors' requests do.
func (l *live) config(ctx context.Context) {
	const taken = "What is written to the Global Config is read at once by who asks for nothing older"
	c := l.o.Client
	if l.o.Config == "" || !c.CanRead(ctx) {
		l.add("config", NotSeen, taken, "No Global Config is named, or "+l.o.Names.Read+" is not set here.", "")
		return
	}
	var t onvercel.Table
	err := c.ReadItem(ctx, l.o.Config, onvercel.TableKey, time.Time{}, &t)
	if err != nil && !fault.Is(err, fault.NotFound) {
		l.add("config", Differs, taken, fault.MessageOf(err), "A share is confirmed by the API only.")
		return
	}
	if l.o.Sure == nil || !l.o.Sure("Write to the Global Config and take it away again: 2 of the day's 480 writes") {
		l.add("config", NotSeen, taken, "Reading works. It would take two writes, which were not allowed.", "")
		return
	}
	want := fmt.Sprint(l.o.Now().UnixNano())
	begun := time.Now()
	since := l.o.Now()
	if err := c.PutItems(ctx, l.o.Config, api.Item{Operation: "upsert", Key: checkKey, Value: want}); err != nil {
		l.failed("config", taken, err)
		return
	}
	got := ""
	err = c.ReadItem(ctx, l.o.Config, checkKey, since, &got)
	took := time.Since(begun)
	dropped := c.PutItems(context.WithoutCancel(ctx), l.o.Config, api.Item{Operation: "delete", Key: checkKey})
	found := fmt.Sprintf("It was there after %d ms.", took.Milliseconds())
	state := Holds
	if err != nil || got != want {
		state, found = Differs, fmt.Sprintf("It was not there after %d ms.", took.Milliseconds())
	}
	if dropped != nil {
		found += " The item " + checkKey + " is still there: " + fault.MessageOf(dropped)
	}
	l.add("config", state, taken, found, "A share is confirmed some seconds later.")
}

// signature asks the running Slipway how deliveries were signed, and has one made where none came yet.
func (l *live) signature(ctx context.Context) {
	const taken = "A drain signs the body as it is sent, packed"
	if l.o.Signed == nil {
		l.add("signature", NotSeen, taken, "No Slipway was asked: name it with --url, and log in.", "")
		return
	}
	how, err := l.o.Signed(ctx)
	if l.failed("signature", taken, err) {
		return
	}
	secrets := l.o.secrets(l.o.Names.Drain)
	if how == "" && len(secrets) > 0 && l.o.Slipway != "" && l.o.Sure != nil &&
		l.o.Sure("Have Vercel send a delivery that is made up to "+l.o.Slipway) {
		w := l.o.wantedDrains()[0]
		if err := l.o.Client.TestDrain(ctx, w.order(l.o.Options, l.project.ID, secrets[len(secrets)-1])); err != nil {
			l.failed("signature", taken, err)
			return
		}
		how = l.await(ctx)
	}
	switch how {
	case "packed":
		l.add("signature", Holds, taken, "So it came to Slipway.", "")
	case "unpacked":
		l.add("signature", Differs, taken, "It signs what it packed. Slipway takes either.", "Nothing: both are taken.")
	default:
		l.add("signature", NotSeen, taken, "No delivery has come to Slipway yet with a right signature.", "")
	}
}

// await waits until a delivery has come.
func (l *live) await(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, l.o.Wait)
	defer cancel()
	t := time.NewTicker(250 * time.Millisecond)
	defer t.Stop()
	for {
		if how, err := l.o.Signed(ctx); err == nil && how != "" {
			return how
		}
		select {
		case <-ctx.Done():
			return ""
		case <-t.C:
		}
	}
}
