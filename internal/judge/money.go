package judge

// setEnough says at which wealth errors alone decide, and a little more: without any, one in 100 would really be taken
// back wrongly at the limit of what is tolerated; two fifths more cost two requests of a hundred.
func (j *Judge) setEnough() {
	if j.pi[0] > 0 {
		j.errors.enough = 1.4 / float64(j.s.Alpha*j.pi[0])
	}
}

// stakeDurations gives what was lent back to durations, when the first ones are judged: until then it was bet on
// errors, because gross ones are to be seen in the first seconds. Where durations are never measured it stays there.
// Moving money is fair: how much it is depends on what was seen before only.
func (j *Judge) stakeDurations() {
	j.staked = true
	own := j.pi[0]
	part := float64(own * j.errors.give(lent))
	j.pi[0] = own - part
	j.pi[1] += float64(part * weightRanks)
	j.pi[2] += float64(part * (1 - weightRanks))
	j.setEnough()
}
