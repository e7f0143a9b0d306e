package main

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// Colours of a terminal, ECMA-48 8.3.117 (SGR). All are equally long, so that the
// columns of a table stay below each other.
const (
	green   = "\x1b[32m"
	yellow  = "\x1b[33m"
	red     = "\x1b[31m"
	neutral = "\x1b[39m"
)

// stateColours are those of the states; any other state is plain.
var stateColours = map[string]string{
	"connected":  green,
	"connecting": yellow, "backoff": yellow, "stopping": yellow,
	"quarantined": yellow, "auth_required": red, "failed": red,
}

// painter returns what colours a cell of a table that is printed to out: nothing but on
// a terminal that has colours, unless the user wants none (no-color.org).
func painter(out io.Writer) func(colour, text string) string {
	if os.Getenv("NO_COLOR") != "" || !obeys(out) {
		return func(_, text string) string { return text }
	}
	return func(colour, text string) string {
		if colour == "" {
			colour = neutral
		}
		return colour + text + neutral
	}
}

// obeys reports whether out is a terminal that understands control sequences.
func obeys(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" && runtime.GOOS != "windows"
}
