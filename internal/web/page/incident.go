package page

// incidentLead says how many incidents are open.
func incidentLead(f Frame) string {
	switch f.Open {
	case 0:
		return "No incident is open."
	case 1:
		return "One incident is open."
	}
	return count(f.Open) + " incidents are open."
}
