package guard

import (
	"fmt"
	"os"
)

// guardVariable is how a guard tells the app who it is. The app removes it from
// its environment, so nothing it starts has it.
const guardVariable = "MCPPROXY_TRAY_GUARD"

// An invitation is the value of guardVariable.
type invitation struct {
	guard    int
	run      uint32
	restarts int
}

func (in invitation) String() string {
	return fmt.Sprintf("%d.%06x.%d", in.guard, in.run, in.restarts)
}

func parseInvitation(s string) (invitation, bool) {
	var in invitation
	n, err := fmt.Sscanf(s, "%d.%x.%d", &in.guard, &in.run, &in.restarts)
	return in, n == 3 && err == nil && in.String() == s
}

// Notes are lines that the app leaves in a pipe. The guard reads them when the
// app has ended, so neither ever waits for the other.
const (
	noteApart = "apart" // and the session that is the user's
	noteEnd   = "end"   // and the exit code: it was no crash
)

func (t *Tree) note(kind string, n int) {
	fmt.Fprintf(t.notes, "%s %d\n", kind, n) // without a guard, or after its end, nobody reads it
}

// parseNotes returns what an app has left.
func parseNotes(text string) (apart []int, ended bool) {
	for len(text) > 0 {
		var kind string
		var n int
		line := text
		for i, c := range text {
			if c == '\n' {
				line = text[:i]
				break
			}
		}
		text = text[min(len(line)+1, len(text)):]
		if _, err := fmt.Sscanf(line, "%s %d", &kind, &n); err != nil {
			continue
		}
		switch kind {
		case noteApart:
			apart = append(apart, n)
		case noteEnd:
			ended = true
		}
	}
	return apart, ended
}

// finish is what every app does last: with a guard it finds nothing to do,
// without one nobody else would do it.
func (t *Tree) finish(code int) int {
	if err := t.KillAll(0); err != nil {
		fmt.Fprintln(os.Stderr, "mcpproxy-tray: "+err.Error())
	}
	t.note(noteEnd, code)
	return code
}
