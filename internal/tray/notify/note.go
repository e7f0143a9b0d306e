package notify

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Note is one notification. Its texts are safe for every desktop.
type Note struct {
	Tag       string // a later note of the same tag replaces this one
	Title     string
	Body      string   // may be empty
	Category  string   // of the freedesktop specification, e.g. "network.disconnected"; may be empty
	Urgent    bool     // needs the user, so it stays until it is seen
	Transient bool     // of no use once it was seen
	Server    string   // that Actions are about, by its name as configured; empty if it is none or several
	Actions   []Action // what can be asked for with it, in this order

	withdrawn bool // there is nothing to show: the last one of this tag goes
	update    bool // only in place of one of this tag that is still there
}

// A kind is what a group of servers is told about.
type kind uint8

const (
	kindDown kind = iota
	kindUnstable
	kindApprove
	kindSignIn
	kindNetwork // down, as there is no network
	kindCrash
	kindReview // tools, of a server that is connected
	numKinds
)

var categories = [numKinds]string{
	kindDown: "network.disconnected", kindUnstable: "network.error", kindNetwork: "network.disconnected",
	kindApprove: vendor + "approval", kindSignIn: vendor + "sign-in", kindCrash: vendor + "crash", kindReview: vendor + "review",
}

// vendor begins the categories that the specification has no word for.
const vendor = "x-mcpproxy-tray."

const appName = "mcpproxy-tray" // also the name of its desktop entry

const (
	maxName   = 28  // runes of a server's name: three fit into a title
	maxNamed  = 3   // servers named in a list
	maxListed = 9   // servers named in a summary of several lists
	maxText   = 120 // runes of a title
	maxBody   = 300 // runes
)

// groupNote words what happened to servers, of which there is at least one.
func groupNote(k kind, names []string, s Settings) Note {
	n := Note{Category: categories[k], Urgent: k == kindApprove || k == kindSignIn || k == kindCrash || k == kindReview}
	n.offer(k, names)
	who, one := list(names), len(names) == 1
	switch k {
	case kindDown:
		n.Title, n.Body = who+" disconnected", "The tray menu says why."
	case kindUnstable:
		n.Title = who + plural(one, " is", " are") + " unstable"
		n.Body = fmt.Sprintf("%s disconnected %d times within %s. No more about it for %s.",
			plural(one, "It", "Each"), s.FlapDowns, spell(s.FlapWindow), spell(s.FlapMute))
	case kindApprove:
		n.Title = who + plural(one, " waits", " wait") + " for your approval"
		n.Body = "Nothing of it runs before that. The tray menu shows what it would start."
	case kindSignIn:
		n.Title = who + plural(one, " needs", " need") + " you to sign in"
		n.Body = "The tray menu shows how."
	case kindReview:
		n.Title = who + plural(one, " has", " have") + " tools to review"
		n.Body = "New or changed tools are held back until you approve them. The tray menu shows where."
	case kindNetwork:
		if len(names) > maxNamed {
			who = fmt.Sprintf("%d remote servers", len(names))
		}
		n.Title = "Network is gone: " + who + plural(one, " waits", " wait") + " for it"
		n.Body = "Everything else goes on. " + plural(one, "It is", "They are") + " connected again when it is back."
	case kindCrash:
		n.Title = who + plural(one, " keeps crashing and was stopped", " keep crashing")
		n.Body = plural(one, "", "They were stopped. ") + "The tray menu says why, and starts " + plural(one, "it", "them") + " again."
	}
	return n
}

// unstableNetworkNote words that the network comes and goes.
func unstableNetworkNote(s Settings) Note {
	return Note{Tag: "network", Title: "The network is unstable", Category: categories[kindUnstable], Actions: []Action{Click},
		Body: fmt.Sprintf("It was gone %d times within %s. No more about it for %s.", s.FlapDowns, spell(s.FlapWindow), spell(s.FlapMute))}
}

// recoveredNote words that servers are back while others of the same note are not.
func recoveredNote(tag string, back, down []string) Note {
	n := Note{Tag: tag, Title: list(back) + " reconnected", Category: "network.connected", Transient: true, Actions: []Action{Click}}
	if len(back) == 1 {
		n.Server = back[0]
	}
	if len(down) > 0 {
		n.Transient = false
		n.Body = "Still disconnected: " + list(down) + "."
	}
	return n
}

// add has a note about reconnected servers say who needs the user.
func (n *Note) add(names [numKinds][]string) {
	for _, k := range []kind{kindApprove, kindSignIn, kindReview} {
		if len(names[k]) > 0 {
			n.Body = strings.TrimSpace(n.Body + "\n" + summaryLabels[k] + list(names[k]) + ".")
			n.Transient, n.Urgent = false, true
		}
	}
}

var summaryLabels = [numKinds]string{
	kindDown: "Not connected: ", kindUnstable: "Unstable: ", kindApprove: "Waiting for approval: ", kindSignIn: "Sign-in needed: ",
	kindNetwork: "Waiting for the network: ", kindCrash: "Keep crashing: ", kindReview: "Tools to review: ",
}

// summaryNote words what is wrong after a silence; at least one group has names.
func summaryNote(tag string, names [numKinds][]string, s Settings) Note {
	var lines []string
	var note Note
	total := 0
	for _, n := range names {
		total += len(n)
	}
	for k := range numKinds {
		if len(names[k]) == 0 {
			continue
		}
		who := list(names[k])
		if total > maxListed && len(names[k]) > 1 {
			who = fmt.Sprintf("%d servers", len(names[k]))
		}
		lines = append(lines, summaryLabels[k]+who+".")
		note = groupNote(k, names[k], s)
	}
	switch {
	case len(lines) == 1 && len(names[kindDown]) > 0: // it need not have been connected before
		note.Title = list(names[kindDown]) + plural(total == 1, " is", " are") + " not connected"
	case len(lines) > 1:
		note = Note{Title: fmt.Sprintf("%d servers need attention", total), Body: strings.Join(lines, "\n"), Category: vendor + "summary", Urgent: true,
			Actions: []Action{Click}}
	}
	note.Tag = tag
	return note
}

// list names up to three servers, or says how many there are.
func list(names []string) string {
	if len(names) > maxNamed {
		return fmt.Sprintf("%d servers", len(names))
	}
	shown := make([]string, len(names))
	for i, name := range names {
		if shown[i] = clean(name, maxName); shown[i] == "" {
			shown[i] = "a server"
		}
	}
	if n := len(shown); n > 1 {
		return strings.Join(shown[:n-1], ", ") + " and " + shown[n-1]
	}
	return shown[0]
}

func plural(one bool, singular, other string) string {
	if one {
		return singular
	}
	return other
}

// spell writes a delay for people: "10 minutes", or "1m30s" where that is not exact.
func spell(d time.Duration) string {
	switch m := int(d.Minutes()); {
	case d%time.Minute != 0 || m == 0:
		return d.String()
	case m == 1:
		return "a minute"
	default:
		return fmt.Sprintf("%d minutes", m)
	}
}

// clean makes text safe for every desktop: valid, visible, one line, at most
// limit runes. Windows' fallback runs what stands in `$(…)` or between backticks
// and lets `"@` and `]]>` end its script's text; other fallbacks take a first "-"
// for an option. The same filter everywhere, so that it is the same everywhere.
func clean(text string, limit int) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "") {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case r == '$', r == '`', !unicode.IsGraphic(r):
			continue
		}
		b.WriteRune(r)
	}
	s := b.String()
	for strings.Contains(s, "]]>") || strings.Contains(s, `"@`) { // taking one out may make another
		s = strings.NewReplacer(`"@`, "", "]]>", "").Replace(s)
	}
	s = strings.TrimSpace(strings.TrimLeft(s, " -"))
	if utf8.RuneCountInString(s) > limit {
		s = strings.TrimSpace(string([]rune(s)[:limit-1])) + "…"
	}
	return s
}
