package story

const childVariable = "SLIPWAY_STORY_CHILD"

func child() int { return 1 }
