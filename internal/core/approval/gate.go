package approval

import (
	"slices"
	"time"
)

// A Record is a person's yes to one launch of one server.
type Record struct {
	Server   string
	LaunchID string // the Fingerprint that was displayed
	At       time.Time
	By       string // who said yes, e.g. "user"
	Review   bool   // the first list of tools is not approved with the launch: it shall be looked at
}

// A Verdict is what the launch gate says. The zero value is New: held.
type Verdict uint8

// The verdicts of the launch gate. Only Open lets a server start.
const (
	New     Verdict = iota // nobody ever approved this server
	Changed                // approved, but not for this launch
	Open                   // approved for exactly this launch, or the gate is off
)

// Gate decides whether a server with this launch may be started or contacted,
// given the approvals of that server. With quarantine off the gate is open for
// everything. There is no other way to open it than a record of exactly launchID.
func Gate(quarantine bool, launchID string, approvals []Record) Verdict {
	exact := func(r Record) bool { return launchID != "" && r.LaunchID == launchID }
	switch {
	case !quarantine || slices.ContainsFunc(approvals, exact):
		return Open
	case len(approvals) > 0:
		return Changed
	}
	return New
}
