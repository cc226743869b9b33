package vercel

type flagStore struct{}
