package vercel

// rollingBody is the state of a rolling release as the API gives it.
func (w *World) rollingBody(r *rolling) any {
	if r == nil {
		return nil
	}
	stages := make([]any, len(r.config.Stages))
	for i := range stages {
		stages[i] = r.stageBody(i)
	}
	b := object{
		"state": r.state, "substate": nil, "advancementType": r.config.Advancement,
		"currentDeployment": sideBody(r.base), "canaryDeployment": sideBody(r.canary), "queuedDeploymentId": nil,
		"stages": stages, "activeStage": nil, "nextStage": nil, "startedAt": r.started, "updatedAt": r.updated,
	}
	if r.paused {
		b["substate"] = "PAUSED"
	}
	if r.queued != nil {
		b["queuedDeploymentId"] = r.queued.id
	}
	if r.state != "ABORTED" {
		b["activeStage"], b["currentCanaryPercentage"] = r.stageBody(r.index), r.share(w.now())
	}
	if r.state == "ACTIVE" && r.index+1 < len(r.config.Stages) {
		b["nextStage"] = r.stageBody(r.index + 1)
	}
	return b
}

func (r *rolling) stageBody(i int) object {
	s := r.config.Stages[i]
	b := object{"index": i, "isFinalStage": i == len(r.config.Stages)-1, "targetPercentage": s.Target,
		"requireApproval": s.Approval || r.config.Advancement == "manual-approval" && i < len(r.config.Stages)-1,
		"duration":        nil, "linearShift": s.Linear}
	if s.Duration != nil {
		b["duration"] = *s.Duration * 60 // seconds here
	}
	return b
}

func sideBody(d *deployment) object {
	return object{"id": d.id, "name": d.project.name, "url": d.url, "createdAt": d.created, "readyState": d.state,
		"readyStateAt": d.readyAt, "source": d.source, "target": d.target}
}
