package vercel

import (
	"maps"
	"net/http"
	"slices"
)

func (c *call) getSchema(g *config) reply {
	if g.schema == nil {
		return ok(object{})
	}
	return ok(g.schema)
}

func (c *call) putSchema(g *config) reply {
	var in struct {
		Definition object `json:"definition"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	g.schema = in.Definition
	return c.getSchema(g)
}

func (c *call) dropSchema(g *config) reply {
	g.schema = nil
	return empty(http.StatusNoContent)
}

func (c *call) createReadToken(g *config) reply {
	var in struct {
		Label string `json:"label"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	t := c.w.newReadToken(g, in.Label)
	return created(object{"id": t.id, "token": t.token})
}

func (g *config) tokenBody(t readToken) object {
	return object{"id": t.id, "label": t.label, "edgeConfigId": g.id, "createdAt": t.created, "token": t.token,
		"partialToken": t.token[:4]}
}

func (c *call) listReadTokens(g *config) reply {
	list := []any{}
	for _, t := range g.tokens {
		list = append(list, g.tokenBody(t))
	}
	return ok(list)
}

func (c *call) getReadToken(g *config) reply {
	for _, t := range g.tokens {
		if t.token == c.PathValue("token") || t.id == c.PathValue("token") {
			return ok(g.tokenBody(t))
		}
	}
	return missing("Token", c.PathValue("token"))
}

func (c *call) dropReadTokens(g *config) reply {
	var in struct {
		Tokens []string `json:"tokens"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	g.tokens = slices.DeleteFunc(g.tokens, func(t readToken) bool {
		return slices.Contains(in.Tokens, t.token) || slices.Contains(in.Tokens, t.id)
	})
	return empty(http.StatusNoContent)
}

func (c *call) listBackups(g *config) reply {
	list := []any{}
	for _, b := range reversed(g.backups) {
		list = append(list, object{"id": b.id, "lastModified": b.at, "metadata": object{"itemsCount": len(b.items)}})
	}
	return ok(object{"backups": list, "pagination": object{"hasNext": false}})
}

func (c *call) backup(g *config) *backup {
	for i := range g.backups {
		if g.backups[i].id == c.PathValue("backup") {
			return &g.backups[i]
		}
	}
	return nil
}

func (c *call) getBackup(g *config) reply {
	b := c.backup(g)
	if b == nil {
		return missing("Backup", c.PathValue("backup"))
	}
	return ok(object{"id": b.id, "lastModified": b.at, "metadata": object{"itemsCount": len(b.items)},
		"user":   object{"id": UserID, "username": UserName, "email": UserName + "@example.com"},
		"backup": object{"digest": b.digest, "items": b.items, "slug": g.slug, "updatedAt": b.at}})
}

func (c *call) restoreBackup(g *config) reply {
	b := c.backup(g)
	switch {
	case b == nil:
		return missing("Backup", c.PathValue("backup"))
	case !c.w.spend(g):
		return refuse(http.StatusTooManyRequests, "rate_limited", "The writes of the plan are used up.")
	}
	was, from := g.digest, b.id
	g.items = maps.Clone(b.items)
	c.w.keepVersion(g)
	return ok(object{"status": "ok", "digest": g.digest, "previousDigest": was, "restoredFrom": from})
}
