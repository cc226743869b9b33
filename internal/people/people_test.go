package people

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

const password = "seven tame otters sing"

func testRoles() []access.Role {
	return []access.Role{
		{Name: "qa", Grants: []access.Grant{{Permission: access.SignCheck, Environment: "staging"}}},
		{Name: "hr", Grants: []access.Grant{{Permission: access.ManageUsers, Environment: "*"}}},
		{Name: "devops", Grants: []access.Grant{
			{Permission: access.StartRelease, Environment: "*"}, {Permission: access.ReportCheck, Environment: "*"},
		}},
	}
}

func open(t *testing.T) *People {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "slipway.db"))
}

func openAt(t *testing.T, path string) *People {
	t.Helper()
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return New(Options{DB: db, Write: db.Write, Roles: testRoles, App: "shop"})
}

// add makes a user and returns them as an actor.
func add(t *testing.T, p *People, name string, roles ...string) access.Actor {
	t.Helper()
	u, err := p.CreateUser(t.Context(), access.System("test"), api.NewUser{Name: name, Password: password, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := p.DB.User(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return p.actor(kept)
}

func wantFault(t *testing.T, err error, kind fault.Kind, reason string) {
	t.Helper()
	if fault.KindOf(err) != kind || fault.ReasonOf(err) != reason {
		t.Errorf("got %v (%s), want %s %s", err, fault.ReasonOf(err), kind, reason)
	}
}

// kinds returns the kinds of all events, oldest first.
func kinds(t *testing.T, p *People) string {
	t.Helper()
	events, err := p.DB.Events(t.Context(), store.EventFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		out = append(out, e.Kind)
		if strings.Contains(string(e.Data)+e.Sentence, "otters") || strings.Contains(string(e.Data), "argon2") {
			t.Errorf("event %d holds a password: %s %s", e.Seq, e.Sentence, e.Data)
		}
	}
	return strings.Join(out, " ")
}

// each runs a test on every engine: what two people do at once depends on it.
func each(t *testing.T, f func(*testing.T, *People)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f(t, New(Options{DB: db, Write: db.Write, Roles: testRoles, App: "shop"}))
	})
}

func TestSetupHappensOnce(t *testing.T) { each(t, testSetupHappensOnce) }

func testSetupHappensOnce(t *testing.T, p *People) {
	ctx := t.Context()
	first, fresh, err := p.SetupSecret(ctx)
	if err != nil || !fresh || len(first) < 40 {
		t.Fatal(first, fresh, err)
	}
	second, _, err := p.SetupSecret(ctx) // a restart: the link before is dead
	if err != nil {
		t.Fatal(err)
	}
	in := api.NewUser{Name: "ada", Title: "Ada", Password: password, Roles: []string{"qa"}}
	for _, wrong := range []string{"", "x", first} {
		_, err := p.Setup(ctx, wrong, in)
		wantFault(t, err, fault.Unknown, "setup_link_wrong")
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for _, name := range []string{"ada", "bob", "eve"} {
		wg.Go(func() {
			in := in
			in.Name = name
			u, err := p.Setup(ctx, second, in)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				good++
				if len(u.Roles) != 1 || u.Roles[0] != "admin" {
					t.Errorf("first user has %v", u.Roles)
				}
			} else {
				wantFault(t, err, fault.Unknown, "setup_link_wrong")
			}
		})
	}
	wg.Wait()
	if good != 1 {
		t.Errorf("%d administrators were set up", good)
	}
	if s, fresh, err := p.SetupSecret(ctx); s != "" || fresh || err != nil {
		t.Error("a set-up link after set-up", s, fresh, err)
	}
	if pending, err := p.SetupPending(ctx); pending || err != nil {
		t.Error("still pending", err)
	}
}

func TestLoginMakesAFreshSessionAndSaysNothingAboutNames(t *testing.T) {
	p := open(t)
	ctx := t.Context()
	ada := add(t, p, "ada", "qa")
	s, err := p.Login(ctx, "ADA", password, "192.0.2.1", "curl")
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.Login(ctx, "ada", password, "192.0.2.1", "curl")
	if err != nil || again.Cookie == s.Cookie || again.CSRF == s.CSRF || s.CSRF == "" || s.CSRF == s.Cookie {
		t.Error("two logins share something", err)
	}
	back, err := p.FromCookie(ctx, s.Cookie)
	if err != nil || back.Actor.ID != ada.ID || !back.Actor.May(access.SignCheck, "staging") ||
		back.Actor.May(access.SignCheck, "production") {
		t.Errorf("%+v %v", back.Actor, err)
	}
	c := s.HTTPCookie(true)
	if !c.HttpOnly || !c.Secure || c.Path != "/" || c.SameSite != 2 || c.Name != "slipway_session" {
		t.Errorf("cookie %v", c)
	}
	if kept, err := p.DB.Session(ctx, s.Cookie); err == nil {
		t.Errorf("the cookie itself is kept: %+v", kept)
	}
	_, unknown := p.Login(ctx, "nobody", password, "192.0.2.2", "")
	_, wrong := p.Login(ctx, "ada", "not the password", "192.0.2.2", "")
	wantFault(t, wrong, fault.Unknown, "login_refused")
	if unknown == nil || unknown.Error() != wrong.Error() {
		t.Errorf("%v and %v can be told apart", unknown, wrong)
	}
	if err := p.Logout(ctx, s.Cookie); err != nil {
		t.Fatal(err)
	}
	_, err = p.FromCookie(ctx, s.Cookie)
	wantFault(t, err, fault.Unknown, "session_ended")
	for _, bad := range []string{"", "x", strings.Repeat("x", 10_000), "' OR 1=1 --"} {
		_, err = p.FromCookie(ctx, bad)
		wantFault(t, err, fault.Unknown, "session_ended")
	}
	if got := kinds(t, p); got != "user.created session.started session.started session.ended" {
		t.Error(got)
	}
}

// An unknown name must take as long as a known one; a missing hash would be a
// hundred times faster.
func TestLoginTakesAsLongForUnknownNames(t *testing.T) {
	p := open(t)
	add(t, p, "ada")
	took := func(name string) time.Duration {
		start := time.Now()
		_, _ = p.Login(t.Context(), name, "not the password", "", "")
		return time.Since(start)
	}
	took("ada")
	known, unknown := min(took("ada"), took("ada")), min(took("x1"), took("x2"))
	if unknown < known/8 || known < unknown/8 {
		t.Errorf("known %s, unknown %s", known, unknown)
	}
}

func TestWrongPasswordsMakeTheNextTryWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slipway.db")
	p := openAt(t, path)
	ctx := t.Context()
	add(t, p, "ada")
	for range nameFree {
		_, err := p.Login(ctx, "ada", "not the password", "192.0.2.1", "")
		wantFault(t, err, fault.Unknown, "login_refused")
	}
	_, err := p.Login(ctx, "Ada ", password, "203.0.113.9", "") // also the right one, also from elsewhere
	wantFault(t, err, fault.Limited, "login_throttled")
	var w interface {
		error
		RetryAfter() time.Duration
	}
	if !errors.As(err, &w) || w.RetryAfter() < time.Second || w.RetryAfter() > nameLimit {
		t.Error("how long?", err)
	}
	restarted := openAt(t, path)
	_, err = restarted.Login(ctx, "ada", password, "203.0.113.9", "")
	wantFault(t, err, fault.Limited, "login_throttled")
	if got := kinds(t, p); !strings.HasSuffix(got, "session.throttled") {
		t.Error(got)
	}
	if _, err := p.DB.PruneFailures(ctx, time.Now().Add(window)); err != nil {
		t.Fatal(err)
	}
	if _, err = p.Login(ctx, "ada", password, "203.0.113.9", ""); err != nil {
		t.Error("after the window:", err)
	}
}

func TestAnAddressThatTriesManyNamesMustWait(t *testing.T) {
	p := open(t)
	ctx := t.Context()
	now := time.Now()
	for range clientFree {
		if err := p.DB.AddFailure(ctx, clientThrottle("2001:db8::1"), now); err != nil {
			t.Fatal(err)
		}
	}
	_, err := p.Login(ctx, "anybody", "x", "2001:db8::ffff", "") // the same /64
	wantFault(t, err, fault.Limited, "login_throttled")
	_, err = p.Login(ctx, "anybody", "x", "2001:db8:1::1", "")
	wantFault(t, err, fault.Unknown, "login_refused")
}

func TestWaitGrowsAndIsBounded(t *testing.T) {
	p := open(t)
	now := time.Now()
	last := time.Duration(0)
	for n := 1; n <= nameFree+30; n++ {
		if err := p.DB.AddFailure(t.Context(), "k", now); err != nil {
			t.Fatal(err)
		}
		err := p.wait(t.Context(), "k", nameFree, nameLimit, now)
		if n < nameFree {
			if err != nil {
				t.Errorf("try %d waits", n)
			}
			continue
		}
		var w interface {
			error
			RetryAfter() time.Duration
		}
		if !errors.As(err, &w) || w.RetryAfter() < last || w.RetryAfter() > nameLimit {
			t.Fatalf("try %d: %v after %s", n, err, last)
		}
		last = w.RetryAfter()
	}
	if last != nameLimit {
		t.Error("the wait ends at", last)
	}
}

func TestSessionsEnd(t *testing.T) {
	p := open(t)
	ctx := t.Context()
	add(t, p, "root", "admin")
	ada := add(t, p, "ada", "qa")
	now := time.Now()
	for name, s := range map[string]store.Session{
		"absolute": {Created: now.Add(-8 * 24 * time.Hour), Expires: now.Add(-time.Second), LastSeen: now},
		"idle": {Created: now.Add(-24 * time.Hour), Expires: now.Add(time.Hour),
			LastSeen: now.Add(-sessionIdle - time.Minute)},
	} {
		s.Hash, s.User, s.CSRF = credential.Hash(name), ada.User, "csrf"
		if err := p.DB.InsertSession(ctx, s); err != nil {
			t.Fatal(err)
		}
		_, err := p.FromCookie(ctx, name)
		wantFault(t, err, fault.Unknown, "session_ended")
	}
	other := "another long password"
	disabled, roles := true, []string{"devops"}
	for name, change := range map[string]api.ChangeUser{
		"password": {Password: &other}, "roles": {Roles: &roles}, "disabled": {Disabled: &disabled},
	} {
		in := "session of " + name
		if err := p.DB.InsertSession(ctx, store.Session{
			Hash: credential.Hash(in), User: ada.User, CSRF: "c", Created: now, Expires: now.Add(time.Hour), LastSeen: now,
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.ChangeUser(ctx, access.System("test"), "ada", change); err != nil {
			t.Fatal(err)
		}
		if _, err := p.DB.Session(ctx, credential.Hash(in)); !fault.Is(err, fault.NotFound) {
			t.Errorf("a session outlived a change of %s", name)
		}
	}
	_, err := p.Login(ctx, "ada", other, "", "")
	wantFault(t, err, fault.Unknown, "login_refused") // disabled
}

func TestOwnPasswordNeedsThePresentOneAndKeepsThisSession(t *testing.T) {
	p := open(t)
	ctx := t.Context()
	add(t, p, "root", "admin")
	ada := add(t, p, "ada", "qa")
	here, err := p.Login(ctx, "ada", password, "", "")
	if err != nil {
		t.Fatal(err)
	}
	there, err := p.Login(ctx, "ada", password, "", "")
	if err != nil {
		t.Fatal(err)
	}
	fresh, wrong, right := "a quite different one", "not the password", password
	_, err = p.ChangeUser(ctx, ada, ada.User, api.ChangeUser{Password: &fresh})
	wantFault(t, err, fault.Invalid, "current_password_missing")
	_, err = p.ChangeUser(ctx, ada, ada.User, api.ChangeUser{Password: &fresh, Current: &wrong})
	wantFault(t, err, fault.Denied, "current_password_wrong")
	if _, err = p.ChangeUser(WithSession(ctx, here.Cookie), ada, ada.User,
		api.ChangeUser{Password: &fresh, Current: &right}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.FromCookie(ctx, here.Cookie); err != nil {
		t.Error("this session ended:", err)
	}
	if _, err := p.FromCookie(ctx, there.Cookie); err == nil {
		t.Error("the other session goes on")
	}
	if _, err := p.Login(ctx, "ada", fresh, "", ""); err != nil {
		t.Error(err)
	}
	token := ada
	token.ID = "token:ada/ci"
	_, err = p.ChangeUser(ctx, token, ada.User, api.ChangeUser{Password: &fresh, Current: &fresh})
	wantFault(t, err, fault.Denied, "permission_missing") // a token is not its owner
}

// req: RO-15
func TestNobodyGivesOrTakesMoreThanTheyHave(t *testing.T) {
	p := open(t)
	ctx := t.Context()
	add(t, p, "root", "admin")
	hr := add(t, p, "hans", "hr")
	qa := add(t, p, "quinn", "qa")
	_, err := p.CreateUser(ctx, hr, api.NewUser{Name: "mallory", Password: password, Roles: []string{"admin"}})
	wantFault(t, err, fault.Denied, "role_wider")
	admin := []string{"admin"}
	_, err = p.ChangeUser(ctx, hr, hr.User, api.ChangeUser{Roles: &admin})
	wantFault(t, err, fault.Denied, "role_wider")
	fresh := "taken over by hans"
	_, err = p.ChangeUser(ctx, hr, "root", api.ChangeUser{Password: &fresh})
	wantFault(t, err, fault.Denied, "role_wider")
	_, err = p.ChangeUser(ctx, qa, "hans", api.ChangeUser{Title: &fresh})
	wantFault(t, err, fault.Denied, "permission_missing")
	_, err = p.CreateUser(ctx, access.System("test"), api.NewUser{Name: "x1", Password: password, Roles: []string{"king"}})
	wantFault(t, err, fault.Invalid, "role_unknown")
	_, err = p.CreateUser(ctx, access.System("test"), api.NewUser{Name: "QUINN", Password: password})
	wantFault(t, err, fault.Invalid, "name_malformed")
	_, err = p.CreateUser(ctx, access.System("test"), api.NewUser{Name: "quinn", Password: password})
	wantFault(t, err, fault.Conflict, "name_taken")
	_, err = p.CreateUser(ctx, access.System("test"), api.NewUser{Name: "x2", Title: "a\x1b[2Jb", Password: password})
	wantFault(t, err, fault.Invalid, "title_malformed")
	_, err = p.CreateUser(ctx, access.System("test"), api.NewUser{Name: "x3", Password: "password1234"})
	wantFault(t, err, fault.Invalid, "password_common")
}

func TestTheLastAdministratorStays(t *testing.T) { each(t, testTheLastAdministratorStays) }

func testTheLastAdministratorStays(t *testing.T, p *People) {
	ctx := t.Context()
	a, b := add(t, p, "a1", "admin"), add(t, p, "b1", "admin")
	none, disabled := []string{}, true
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { _, errs[0] = p.ChangeUser(ctx, a, "b1", api.ChangeUser{Roles: &none}) })
	wg.Go(func() { _, errs[1] = p.ChangeUser(ctx, b, "a1", api.ChangeUser{Disabled: &disabled}) })
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("two administrators removed each other: %v", errs)
	}
	wantFault(t, errors.Join(errs...), fault.Refused, "last_admin")
	users, err := p.DB.Users(ctx)
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, u := range users {
		if !u.Disabled && len(u.Roles) == 1 {
			left++
		}
	}
	if left != 1 {
		t.Errorf("%d administrators are left", left)
	}
}

// Sentences name people by the titles that they give themselves: nobody can be named as another one or a machine is.
func TestNobodyIsNamedAsAnother(t *testing.T) { each(t, testNobodyIsNamedAsAnother) }

func testNobodyIsNamedAsAnother(t *testing.T, p *People) {
	add(t, p, "ada")
	eve := add(t, p, "eve")
	for title, want := range map[string]string{
		"Slipway's guard": "title_of_machines", "SLIPWAY’s guard": "title_of_machines", "ada (token ci)": "title_of_machines",
		"main （acme/shop, 42）": "title_of_machines", "Token ci": "title_of_machines", "ad\u200ba": "title_malformed",
		"ad\u00ada": "title_malformed", "ada\u3164": "title_malformed", "ada\u00a0": "title_malformed", "ada": "name_taken",
		" Ada ": "name_taken",
	} {
		_, err := p.ChangeUser(t.Context(), eve, eve.User, api.ChangeUser{Title: &title})
		if got := fault.ReasonOf(err); got != want {
			t.Errorf("eve may be named %q: %s, want %s", title, got, want)
		}
	}
	for _, title := range []string{"Eve Müller-O’Hara, QA", "عائشة", "伊娃", "eve", ""} {
		if _, err := p.ChangeUser(t.Context(), eve, eve.User, api.ChangeUser{Title: &title}); err != nil {
			t.Errorf("eve may not be named %q: %v", title, err)
		}
	}
	grace := "grace"
	if _, err := p.ChangeUser(t.Context(), eve, eve.User, api.ChangeUser{Title: &grace}); err != nil {
		t.Fatal(err)
	}
	_, err := p.CreateUser(t.Context(), access.System("test"), api.NewUser{Name: grace, Password: password})
	wantFault(t, err, fault.Conflict, "name_taken")
}
