package vercel

// variable is an environment variable.
type variable struct{}

// custom is a custom environment.
type custom struct{ id string }

func (p *project) customEnvironment(string) *custom { return nil }

func (w *World) environmentOf(*deployment) map[string]string { return map[string]string{} }
