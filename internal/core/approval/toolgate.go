package approval

import "time"

// A ToolID is a tool as an approval names it: by its name and ToolHash. A tool whose
// definition has no hash has an empty one.
type ToolID struct{ Name, Hash string }

// A ToolRecord is a person's yes to one definition of one tool of a server.
type ToolRecord struct {
	Server string
	ToolID
	Definition string // that was approved, so that a change of it can be shown
	At         time.Time
	By         string // who said yes, e.g. "user"
}

// A FirstList says that the first list of tools of a launch was taken as approved
// with the launch. It happens once for each launch.
type FirstList struct {
	Server   string
	LaunchID string
	At       time.Time
}

// HeldTools decides which tools of a list are withheld from clients, given the
// definitions that were approved for that server: held[i] is of list[i]. With
// quarantine off none is. There is no other way out than a record of exactly that
// name and hash; a tool without a hash is always held.
func HeldTools(quarantine bool, approved map[ToolID]bool, list []ToolID) []bool {
	held := make([]bool, len(list))
	for i, id := range list {
		held[i] = quarantine && (id.Hash == "" || !approved[id])
	}
	return held
}

// TakesFirst reports whether the next list of a server's tools counts as approved with
// its launch: that was approved by somebody who did not ask to look at the tools first,
// and no list was taken so before. approvals and taken are of that server.
func TakesFirst(quarantine bool, launchID string, approvals []Record, taken []FirstList) bool {
	if !quarantine || launchID == "" {
		return false
	}
	for _, f := range taken {
		if f.LaunchID == launchID {
			return false
		}
	}
	known := false
	for _, r := range approvals {
		if r.LaunchID != launchID {
			continue
		}
		if r.Review {
			return false
		}
		known = true
	}
	return known
}
