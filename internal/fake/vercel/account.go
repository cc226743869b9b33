package vercel

import (
	"net/http"
	"slices"
	"time"
)

// The person and the team that every world has.
const (
	UserID   = "user_U1"
	UserName = "ada"
	TeamID   = "team_T1"
	TeamSlug = "acme"
)

// Token opens the API.
type Token struct {
	Secret  string
	Name    string
	User    string   // who acts by it; UserName when empty
	Lacks   []string // rights that it has not, by the names in the table of routes
	Only    []string // when not nil, the only rights that it has
	Expires time.Time
}

func (t *Token) expired(now time.Time) bool { return !t.Expires.IsZero() && now.After(t.Expires) }

func (t *Token) may(right string) bool {
	return !slices.Contains(t.Lacks, right) && (t.Only == nil || right == "" || slices.Contains(t.Only, right))
}

func (t *Token) name() string {
	if t.Name != "" {
		return t.Name
	}
	return "token"
}

func (t *Token) user() string {
	if t != nil && t.User != "" {
		return t.User
	}
	return UserName
}

// AddToken lets a token in, or changes one.
func (w *World) AddToken(t Token) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens[t.Secret] = &t
}

// DropToken has a token be known no more.
func (w *World) DropToken(secret string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tokens, secret)
}

// SetPlan changes the plan.
func (w *World) SetPlan(plan string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.o.Plan = plan
}

func accountRoutes() []route {
	return []route{
		{http.MethodGet, "2 - 1", "/user", "", 0, func(c *call) reply { return ok(object{"user": c.user()}) }},
		{http.MethodGet, "2 - 1", "/teams/{team}", "Team: read", 0, (*call).team},
		{http.MethodGet, "2 - 1", "/teams", "Team: read", 0, func(c *call) reply {
			return ok(object{"teams": []any{c.w.teamBody()},
				"pagination": object{"count": 1, "next": nil, "prev": nil}})
		}},
	}
}

func (c *call) user() object {
	return object{
		"id": UserID, "uid": UserID, "username": c.token.user(), "name": "Ada", "email": c.token.user() + "@example.com",
		"avatar": nil, "defaultTeamId": TeamID, "version": "northstar", "createdAt": 1700000000000, "softBlock": nil,
		"billing": nil, "resourceConfig": object{}, "stagingPrefix": "stage", "hasTrialAvailable": false,
		"limited": false,
	}
}

func (c *call) team() reply {
	if id := c.PathValue("team"); id != TeamID && id != TeamSlug {
		return missing("Team", id)
	}
	return ok(c.w.teamBody())
}

func (w *World) teamBody() object {
	return object{
		"id": TeamID, "slug": TeamSlug, "name": "Acme", "avatar": nil, "creatorId": UserID, "description": nil,
		"createdAt": 1700000000000, "updatedAt": 1700000000000, "stagingPrefix": "stage", "limited": false,
		"billing": object{"plan": w.o.Plan, "period": object{"start": 1, "end": 2}, "cancelation": nil, "addons": nil},
		"membership": object{"uid": UserID, "role": "OWNER", "confirmed": true, "confirmedAt": 1700000000000,
			"created": 1700000000000, "createdAt": 1700000000000, "teamId": TeamID, "teamRoles": []any{},
			"teamPermissions": []any{}},
	}
}
