// Package desk is where people and machines are served, whatever door they came
// through: the HTTP API and the dashboard call the same functions with the same
// actor and get the same wire types. It is the one place where a permission is
// checked and a denial recorded, and the one place that turns what the store holds
// into what the API says. It changes nothing itself: commands go to the engine.
package desk
