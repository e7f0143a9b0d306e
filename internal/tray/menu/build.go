package menu

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// Options is what Build needs to know beside the servers.
type Options struct {
	Style    Style
	Location *time.Location  // in which times are shown; nil means local time
	Notices  []Notice        // things the user should know about the program
	Asking   []string        // servers whose questions wait for the user
	Pending  map[string]Kind // actions that were asked for and have not shown a result yet, by server
	Picked   []string        // servers picked from a page, newest first
	CanCopy  bool            // whether there is an endpoint URL to copy

	CanPause bool                 // whether calls can be paused, and servers be enabled for a time
	Paused   bool                 // calls are refused
	Until    map[string]time.Time // when servers are switched off again, by name
	CanPaste bool                 // whether the clipboard can be read
	HasPage  bool                 // whether there is a status page to open
	HasFile  bool                 // whether there is a configuration file to open
	Notify   Notifications
	CanLogin bool          // whether the program can be started at login
	Login    bool          // it is
	Busy     map[Kind]bool // actions of no server that are under way
	Quitting bool          // the program is about to end, so that there is nothing to choose any more
}

// A Notice is something that the user should know about the program.
type Notice struct {
	Text   string
	Config bool // the configuration is to be mended, so that it is told first and a click opens it
}

// Notifications is what the user set of them.
type Notifications struct {
	Known      bool // the other fields say something
	On         bool
	QuietUntil time.Time // zero, or not past
	Muted      []string  // servers, sorted
}

// A builder fills one menu.
type builder struct {
	Options
	m     *Menu
	tally tally
}

// Build returns the menu of a snapshot. The same arguments give the same menu:
// it holds no clock, so that no text changes by itself.
func Build(s *stateview.Snapshot, o Options) *Menu {
	o.Location = cmp.Or(o.Location, time.Local)
	b := &builder{Options: o, m: Blank()}
	if o.Quitting {
		b.m.Icon, b.m.Tooltip = IconPaused, "quitting"
		b.line(header, "Quitting: the servers are being ended…")
		return b.m
	}
	attention := b.count(s)
	b.tally.paused = o.Paused
	for _, name := range o.Asking {
		b.tally.asking.add(name)
	}
	b.tally.config = slices.ContainsFunc(o.Notices, func(n Notice) bool { return n.Config })
	b.m.Icon, b.m.Tooltip = b.tally.icon(), b.tally.tooltip()
	b.line(header, b.tally.header())
	b.notices()
	if n := b.tally.asking.n; n == 1 {
		b.click(questions, "? "+cut(clean(b.tally.asking.name), 36)+" asks you something…", Action{Kind: Answer})
	} else if n > 1 {
		b.click(questions, fmt.Sprintf("? %d questions of servers wait for you…", n), Action{Kind: Answer})
	}
	if s.Count() <= MaxRows {
		b.rows(s, attention)
	} else {
		b.attention(s, attention)
		b.picked(s)
		b.pages(s)
	}
	b.program()
	return b.m
}

// notices shows what the user should know, first what is to be mended, in two lines
// each. What has no room is on the status page.
func (b *builder) notices() {
	var lines []Notice
	for _, config := range []bool{true, false} {
		for _, n := range b.Notices {
			if n.Config != config {
				continue
			}
			text := clean(n.Text)
			if config {
				text = "! " + text
			}
			parts, _ := wrap(text, 2)
			for _, text := range parts {
				lines = append(lines, Notice{text, config})
			}
		}
	}
	if len(lines) > maxNotices {
		lines = lines[:maxNotices-1]
		if text := "More is on the status page…"; b.HasPage {
			b.click(notice+maxNotices-1, text, Action{Kind: OpenPage})
		} else {
			b.line(notice+maxNotices-1, "mcpproxy-tray status says more")
		}
	}
	for i, n := range lines {
		if n.Config && b.HasFile {
			b.click(notice+ID(i), n.Text, Action{Kind: EditConfig})
		} else {
			b.line(notice+ID(i), n.Text)
		}
	}
}

// count fills the tally and returns who needs attention, longest first.
func (b *builder) count(s *stateview.Snapshot) []trouble {
	var found []trouble
	for st := range s.Servers() {
		if b.tally.add(&st) {
			found = append(found, trouble{st.Name, began(&st)})
		}
	}
	slices.SortFunc(found, func(x, y trouble) int {
		return cmp.Or(x.since.Compare(y.since), strings.Compare(x.name, y.name))
	})
	return found
}

// A trouble is a server that needs attention, and since when.
type trouble struct {
	name  string
	since time.Time
}

// rows shows all servers, first those that need attention.
func (b *builder) rows(s *stateview.Snapshot, first []trouble) {
	n := 0
	for _, t := range first {
		st, _ := s.GetServer(t.name)
		b.row(rowID(n), &st)
		n++
	}
	for st := range s.Servers() {
		if !slices.ContainsFunc(first, func(t trouble) bool { return t.name == st.Name }) {
			b.row(rowID(n), &st)
			n++
		}
	}
}

func (b *builder) attention(s *stateview.Snapshot, found []trouble) {
	if len(found) == 0 {
		return
	}
	b.line(attentionHead, "Needs attention:")
	for i, t := range found[:min(len(found), MaxAttention)] {
		st, _ := s.GetServer(t.name)
		b.row(rowID(i), &st)
	}
	if more := len(found) - MaxAttention; more > 0 {
		if text := fmt.Sprintf("… and %d more", more); b.HasPage {
			b.click(attentionMore, text+", on the status page…", Action{Kind: OpenPage})
		} else {
			b.line(attentionMore, text)
		}
	}
}

func (b *builder) picked(s *stateview.Snapshot) {
	n := 0
	for _, name := range b.Picked {
		st, ok := s.GetServer(name)
		if !ok || n == MaxPicked {
			continue
		}
		b.row(rowID(MaxAttention+n), &st)
		n++
	}
	if n > 0 {
		b.line(pickedHead, "Chosen below:")
	}
}

func (b *builder) pages(s *stateview.Snapshot) {
	b.line(allHead, fmt.Sprintf("All %d servers (choose one to manage it here):", s.Count()))
	n := 0
	var first, last string
	for st := range s.Servers() {
		page, place := n/PageSize, n%PageSize
		if page == MaxPages {
			b.line(pagesMore, fmt.Sprintf("… and %d more: mcpproxy-tray servers list", s.Count()-n))
			break
		}
		id := pages + ID(page)*pageLen
		b.click(id+1+ID(place), b.rowText(&st), Action{Kind: Pick, Server: st.Name})
		if place == 0 {
			first = st.Name
		}
		last = st.Name
		n++
		if place == PageSize-1 || n == s.Count() {
			b.parent(id, cut(clean(first), 24)+" … "+cut(clean(last), 24))
		}
	}
}

// The three ways to fill a slot: a text that cannot be clicked, the parent of a submenu, and something to click.

func (b *builder) line(id ID, text string) {
	b.m.Nodes[id-1] = Node{ID: id, Title: b.Style.escape(cut(text, maxLabel)), Visible: true}
}

func (b *builder) parent(id ID, text string) {
	b.m.Nodes[id-1] = Node{ID: id, Title: b.Style.escape(cut(text, maxLabel)), Visible: true, Enabled: true}
}

func (b *builder) click(id ID, text string, a Action) {
	b.m.Nodes[id-1] = Node{ID: id, Title: b.Style.escape(cut(text, maxLabel)), Visible: true, Enabled: true, Action: a}
}
