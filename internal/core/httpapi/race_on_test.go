//go:build race

package httpapi

// slower is by what factor the race detector may slow a measured time.
const slower = 20
