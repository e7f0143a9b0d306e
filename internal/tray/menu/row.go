package menu

import (
	"cmp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"mcpproxy-tray/internal/stateview"
)

// persistent is how many tries in vain make a server that is down need attention.
const persistent = 3

// The marks stand in the default fonts of the panels.
var marks = [stateview.NumStates]string{
	stateview.Disabled:     "○",
	stateview.Quarantined:  "?",
	stateview.Connecting:   "…",
	stateview.Connected:    "●",
	stateview.Backoff:      "…",
	stateview.AuthRequired: "!",
	stateview.Failed:       "!",
	stateview.Stopping:     "…",
}

var pendingWords = [numKinds]string{Enable: "enabling", Disable: "disabling", Restart: "restarting", Approve: "approving", EnableHour: "enabling"}

// began returns when a server got into what the menu says of it.
func began(st *stateview.ServerStatus) time.Time {
	if found := st.Problem().Since; (st.Retrying() || st.State.Down()) && !found.IsZero() {
		return found
	}
	return st.Since
}

// mark returns the sign of what a server does.
func mark(st *stateview.ServerStatus) string {
	switch {
	case int(st.State) >= len(marks):
		return "…"
	case st.Retrying():
		return marks[stateview.Backoff]
	}
	return marks[st.State]
}

// rowText returns a server's line: "● github · connected · 12 tools". A long name is cut, never the rest.
func (b *builder) rowText(st *stateview.ServerStatus) string {
	sign, text := mark(st), st.Words()
	var room [160]byte
	tail := append(room[:0], " · "...)
	if k, ok := b.Pending[st.Name]; ok && pendingWords[k] != "" {
		sign = "…"
		tail = append(tail, pendingWords[k]...)
	} else {
		tail = append(tail, text...)
		if end := b.Until[st.Name]; st.Enabled && !end.IsZero() {
			tail = append(append(tail, " · on until "...), b.clock(end)...)
		} else if st.State == stateview.Connected {
			tail = appendTools(append(tail, " · "...), st.Tools)
		}
	}
	name := cmp.Or(clean(st.Name), "(no name)")
	return sign + " " + cut(name, maxLabel-utf8.RuneCount(tail)-2) + string(tail)
}

func appendTools(text []byte, l stateview.ToolList) []byte {
	text = strconv.AppendInt(text, int64(l.Len()), 10)
	text = append(text, " tool"...)
	if l.Len() != 1 {
		text = append(text, 's')
	}
	if l.Held() > 0 {
		text = strconv.AppendInt(append(text, ", "...), int64(l.Held()), 10)
		text = append(text, " held"...)
	}
	return text
}

// row fills a server's row and its submenu.
func (b *builder) row(id ID, st *stateview.ServerStatus) {
	b.parent(id, b.rowText(st))
	text := st.Words()
	if t := began(st); !t.IsZero() {
		text += " since " + t.In(b.Location).Format("15:04:05, Jan 2")
	}
	b.line(id+rowState, text)
	shown := b.detail(id, st)
	switch {
	case st.State == stateview.Quarantined:
		b.approve(id, st, shown)
	case st.Tools.Held() > 0 && b.HasPage:
		b.click(id+rowApprove, "Review…", Action{Kind: Review, Server: st.Name})
	}
	if st.State == stateview.Connected {
		b.line(id+rowTools, string(appendTools(nil, st.Tools)))
	}
	b.time(id, st)
	if st.Enabled {
		b.click(id+rowSwitch, "Disable", Action{Kind: Disable, Server: st.Name})
	} else {
		b.click(id+rowSwitch, "Enable", Action{Kind: Enable, Server: st.Name})
	}
	if st.Enabled && st.State != stateview.Quarantined && st.State != stateview.Stopping {
		b.click(id+rowRestart, "Restart", Action{Kind: Restart, Server: st.Name})
	}
	b.click(id+rowLog, "Open log", Action{Kind: OpenLog, Server: st.Name})
	if b.CanCopy {
		b.click(id+rowCopy, "Copy URL", Action{Kind: CopyURL, Server: st.Name})
	}
	if _, muted := slices.BinarySearch(b.Notify.Muted, st.Name); muted {
		b.click(id+rowMute, "Unmute notifications", Action{Kind: Unmute, Server: st.Name})
	} else if b.Notify.Known {
		b.click(id+rowMute, "Mute notifications", Action{Kind: Mute, Server: st.Name})
	}
}

// time offers to switch a server on for a time, or to leave it on.
func (b *builder) time(id ID, st *stateview.ServerStatus) {
	end, timed := b.Until[st.Name]
	switch {
	case !st.Enabled && b.CanPause:
		b.click(id+rowTime, "Enable for one hour", Action{Kind: EnableHour, Server: st.Name})
	case st.Enabled && timed:
		b.click(id+rowTime, "Keep it on after "+b.clock(end), Action{Kind: Enable, Server: st.Name})
	}
}

// clock returns a time of the day. It is for times less than a day away.
func (b *builder) clock(t time.Time) string { return t.In(b.Location).Format("15:04") }

// detail shows why a server does not work, or what an unapproved one would do.
// It reports whether there was room for all of it.
func (b *builder) detail(id ID, st *stateview.ServerStatus) bool {
	problem := st.Problem()
	text := problem.Text
	if problem.Hint != "" {
		text += " " + problem.Hint
	}
	if st.State == stateview.Quarantined {
		text = "Would run: " + st.Launch().Line
		if st.Transport == stateview.HTTP || st.Transport == stateview.SSE {
			text = "Would contact: " + st.Launch().Line
		}
	}
	lines, whole := wrap(clean(text), 2)
	for i, l := range lines {
		b.line(id+rowDetail1+ID(i), l)
	}
	return whole
}

// approve offers to approve exactly what is shown; what has no room, or no
// fingerprint, cannot be approved here, only looked at.
func (b *builder) approve(id ID, st *stateview.ServerStatus, shown bool) {
	launch := st.Launch()
	if !shown || launch.Line == "" || launch.ID == "" {
		if b.HasPage {
			b.click(id+rowApprove, "Review…", Action{Kind: Review, Server: st.Name})
			return
		}
		b.line(id+rowApprove, "To approve it: mcpproxy-tray servers approve")
		return
	}
	b.click(id+rowApprove, "Approve…", Action{Kind: Approve, Server: st.Name, LaunchID: launch.ID})
}
