// Package judge holds the statistics of Slipway: what a comparison of two
// versions is worth.
//
// It compares a canary with the stable version over the same minutes and answers
// with one of four verdicts: better or equal, worse, not enough evidence, broken
// measurement. It never treats missing data as zero or as a pass. Its functions
// are pure: the same counts give the same verdict, so that a verdict can be
// recomputed from stored evidence.
package judge
