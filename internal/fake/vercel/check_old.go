package vercel

import (
	"net/http"
	"slices"
)

// checkV1 is a check of the first generation, which integrations make.
type checkV1 struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Path       string `json:"path,omitempty"`
	Blocking   bool   `json:"blocking"`
	DetailsURL string `json:"detailsUrl,omitempty"`
	ExternalID string `json:"externalId,omitempty"`
	Again      bool   `json:"rerequestable"`
	Status     string `json:"status"`
	Conclusion string `json:"conclusion,omitempty"`
	Output     any    `json:"output,omitempty"`
	Deployment string `json:"deploymentId"`
	By         string `json:"integrationId"`
	CreatedAt  int64  `json:"createdAt"`
	UpdatedAt  int64  `json:"updatedAt"`
}

func oldCheckRoutes() []route {
	const path, right = "/deployments/{deployment}/checks", "Deployment: checks"
	return []route{
		{http.MethodGet, "1", path, right, 0, onDeployment((*call).listOldChecks)},
		{http.MethodPost, "1", path, right, 0, onDeployment((*call).createOldCheck)},
		{http.MethodGet, "1", path + "/{check}", right, 0, onOldCheck(func(_ *call, _ *deployment, k *checkV1) reply {
			return ok(k)
		})},
		{http.MethodPatch, "1", path + "/{check}", right, 0, onOldCheck((*call).editOldCheck)},
		{http.MethodPost, "1", path + "/{check}/rerequest", right, 0, onOldCheck((*call).againOldCheck)},
	}
}

func onOldCheck(do func(*call, *deployment, *checkV1) reply) func(*call) reply {
	return onDeployment(func(c *call, d *deployment) reply {
		i := slices.IndexFunc(d.checks, func(k *checkV1) bool { return k.ID == c.PathValue("check") })
		if i < 0 {
			return missing("Check", c.PathValue("check"))
		}
		return do(c, d, d.checks[i])
	})
}

func (c *call) listOldChecks(d *deployment) reply {
	list := append([]*checkV1{}, d.checks...)
	return ok(object{"checks": list})
}

func (c *call) createOldCheck(d *deployment) reply {
	k := &checkV1{}
	if bad := c.decode(k); bad != nil {
		return *bad
	}
	if k.Name == "" {
		return refuse(http.StatusBadRequest, "bad_request", "`name` is missing.")
	}
	k.ID, k.Status, k.Conclusion, k.Deployment, k.By = c.w.id("check_"), "registered", "", d.id, "oac_1"
	k.CreatedAt = c.w.stamp()
	k.UpdatedAt = k.CreatedAt
	d.checks = append(d.checks, k)
	return ok(*k)
}

func (c *call) editOldCheck(d *deployment, k *checkV1) reply {
	next := *k
	if bad := c.decode(&next); bad != nil {
		return *bad
	}
	if !slices.Contains([]string{"registered", "running", "completed"}, next.Status) {
		return refuse(http.StatusBadRequest, "bad_request", "The status is wrong.")
	}
	next.ID, next.Deployment, next.By, next.CreatedAt, next.UpdatedAt = k.ID, d.id, k.By, k.CreatedAt, c.w.stamp()
	*k = next
	return ok(*k)
}

func (c *call) againOldCheck(d *deployment, k *checkV1) reply {
	k.Status, k.Conclusion, k.UpdatedAt = "registered", "", c.w.stamp()
	c.w.emitDeployment("deployment.check-rerequested", d, c.token.user())
	return ok(object{})
}
