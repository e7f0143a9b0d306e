//go:build !race

package supervisor

const lighter = 1
