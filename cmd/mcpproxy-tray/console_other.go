//go:build !windows

package main

// attachConsole is for Windows, where programs with windows start without one.
func attachConsole() {}
