package vercel

type config struct{}
