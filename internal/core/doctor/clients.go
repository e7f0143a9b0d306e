package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mcpproxy-tray/internal/core/clients"
	"mcpproxy-tray/internal/core/config"
)

// A started server is what several of us start or contact.
type started struct {
	ours  string // its name here; empty if it is not here
	other []clients.Server
}

// duplicates finds servers that AI clients start beside us, or beside each other.
func duplicates(_ context.Context, x *exam) []Finding {
	home, ok := x.variable("HOME")
	if profile, windows := x.variable("USERPROFILE"); !ok && windows {
		home, ok = profile, true
	}
	if !ok {
		return nil
	}
	all := map[string]*started{}
	at := func(key string) *started {
		if all[key] == nil {
			all[key] = &started{}
		}
		return all[key]
	}
	for _, s := range x.servers() {
		if full, err := s.Expand(x.variable); err == nil {
			at(clients.Launch(append([]string{full.Command}, full.Args...), full.URL)).ours = s.Name
		}
	}
	for _, s := range clients.Servers(home, x.variable) {
		if !x.isUs(s) {
			entry := at(clients.Launch(s.Command, s.URL))
			entry.other = append(entry.other, s)
		}
	}
	var found []Finding
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if f, ok := all[key].finding(); ok {
			found = append(found, f)
		}
	}
	return found
}

// isUs reports whether an entry is our own: our endpoint, or the bridge to it.
func (x *exam) isUs(s clients.Server) bool {
	addresses := []string{x.Running, x.Listen}
	if x.err == nil {
		addresses = append(addresses, x.cfg.Listen)
	} else {
		addresses = append(addresses, config.Fallback().Listen)
	}
	return s.Ours(x.Self, addresses)
}

func (s started) finding() (Finding, bool) {
	var who, files []string
	for _, o := range s.other {
		if !slices.Contains(who, o.Client) {
			who = append(who, o.Client)
		}
		if !slices.Contains(files, o.File) {
			files = append(files, o.File)
		}
	}
	names := strings.Join(who, " and ")
	switch {
	case len(who) == 0 || s.ours == "" && len(who) == 1:
		return Finding{}, false
	case s.ours == "":
		return Finding{Text: fmt.Sprintf("%s each have the server %q.", names, s.other[0].Name), Why: "Each runs a copy of its own, unwatched.",
			Hint: "Add it here with mcpproxy-tray servers add, and take it out of " + strings.Join(files, " and ") + ".", Minor: true}, true
	}
	return Finding{Text: fmt.Sprintf("The server %q is also in the configuration of %s.", s.ours, names),
		Why:  "It runs twice, and that copy is neither watched nor bound to what you approved.",
		Hint: "Take it out of " + strings.Join(files, " and ") + ".", Minor: true}, true
}
