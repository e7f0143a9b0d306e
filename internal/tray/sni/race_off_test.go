//go:build !race

package sni

// slower is how much more a test may take than a program.
const slower = 1
