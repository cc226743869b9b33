package vercel

import (
	"net/http"
	"slices"
)

// bypassRoutes are the firewall's exceptions, by which a load test is let through.
func bypassRoutes() []route {
	const path, right = "/security/firewall/bypass", "Firewall"
	return []route{
		{http.MethodGet, "1", path, right, 0, (*call).listBypasses},
		{http.MethodPost, "1", path, right, 0, (*call).createBypass},
		{http.MethodDelete, "1", path, right, 0, (*call).dropBypass},
	}
}

func (c *call) listBypasses() reply {
	list := []any{}
	for _, b := range c.w.bypasses {
		list = append(list, b)
	}
	return ok(object{"result": list, "pagination": object{"Id": "", "OwnerId": TeamID}})
}

func (c *call) createBypass() reply {
	var in struct {
		Domain  string `json:"domain"`
		Source  string `json:"sourceIp"`
		TTL     int64  `json:"ttl"`
		Note    string `json:"note"`
		Project bool   `json:"projectScope"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if in.Domain == "" && !in.Project {
		return refuse(http.StatusBadRequest, "bad_request", "domain or projectScope is needed.")
	}
	b := object{"Id": c.w.id("byp_"), "OwnerId": TeamID, "ProjectId": c.query.Get("projectId"), "Domain": in.Domain,
		"Ip": in.Source, "Note": in.Note, "IsProjectRule": in.Project, "Action": "bypass", "CreatedAt": stampText(c.w.now()),
		"ActorId": UserID, "UpdatedAt": stampText(c.w.now()), "UpdatedAtHour": stampText(c.w.now())}
	if in.TTL > 0 {
		b["ExpiresAt"] = (c.w.now() + in.TTL) / 1000
	}
	c.w.bypasses = append(c.w.bypasses, b)
	return ok(object{"ok": true, "result": []any{b}, "pagination": nil})
}

func (c *call) dropBypass() reply {
	var in struct {
		Domain string `json:"domain"`
		Source string `json:"sourceIp"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	c.w.bypasses = slices.DeleteFunc(c.w.bypasses, func(b object) bool {
		return b["Domain"] == in.Domain && (in.Source == "" || b["Ip"] == in.Source)
	})
	return ok(object{"ok": true})
}
