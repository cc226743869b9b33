package api

import "time"

// Login asks for a session.
type Login struct {
	Name     string `json:"name" minLength:"1" maxLength:"64"`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
}

// Setup makes the first administrator with the secret of the one-time set-up link.
type Setup struct {
	Secret   string `json:"secret" minLength:"1" maxLength:"128"`
	Name     string `json:"name" minLength:"2" maxLength:"64" pattern:"^[a-z0-9][a-z0-9._@-]*$"`
	Title    string `json:"title,omitempty" maxLength:"100"`
	Password string `json:"password" minLength:"12" maxLength:"256"`
}

// Session is a person's time between signing in and out. Its secret is in the
// cookie slipway_session, never in a body.
type Session struct {
	User    string    `json:"user" doc:"Name of the user."`
	CSRF    string    `json:"csrf" doc:"Value for X-CSRF-Token on requests that change something and carry the cookie."`
	Expires time.Time `json:"expires"`
}
