//go:build race

package ui_test

// slower is how much more a test may take than a program.
const slower = 20
