package menu

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"mcpproxy-tray/internal/stateview"
)

// A tally counts what the header, the tooltip and the icon say.
type tally struct {
	paused                    bool // calls are refused
	config                    bool // the configuration is to be mended
	total, enabled, connected int
	failed, signIn, approval  count
	review                    count // connected, with tools that wait for approval
	down                      count // retrying for a while
	asking                    count // questions to the user
}

// A count is how many servers there are of a kind, and the name of one.
type count struct {
	n    int
	name string
}

func (c *count) add(name string) {
	c.n++
	c.name = name
}

// add counts a server and reports whether it needs attention.
func (t *tally) add(st *stateview.ServerStatus) bool {
	t.total++
	if !st.Enabled {
		return false
	}
	t.enabled++
	switch {
	case st.State == stateview.Connected:
		if t.connected++; st.Tools.Held() == 0 {
			return false
		}
		t.review.add(st.Name)
	case st.State == stateview.Failed:
		t.failed.add(st.Name)
	case st.State == stateview.AuthRequired:
		t.signIn.add(st.Name)
	case st.State == stateview.Quarantined:
		t.approval.add(st.Name)
	case st.Retrying() && st.Attempt >= persistent:
		t.down.add(st.Name)
	default:
		return false
	}
	return true
}

// icon returns the worst of all. Disabled servers count for nothing, and
// quarantined ones are never an error. While calls are paused nothing else
// matters: no server is of use to anybody.
func (t *tally) icon() Icon {
	switch {
	case t.paused:
		return IconPaused
	case t.failed.n > 0:
		return IconError
	case t.config, t.signIn.n+t.approval.n+t.review.n+t.down.n+t.asking.n > 0:
		return IconAttention
	case t.enabled == 0:
		return IconPaused
	}
	return IconNormal
}

// connectedText says how many of the servers that are switched on are connected.
func (t *tally) connectedText() string {
	switch {
	case t.total == 0:
		return "no servers configured"
	case t.enabled == 0:
		return "all servers are disabled"
	}
	return strconv.Itoa(t.connected) + " of " + strconv.Itoa(t.enabled) + " connected"
}

func (t *tally) begin() string {
	if t.paused {
		return "calls are paused · " + t.connectedText()
	}
	return t.connectedText()
}

// header returns the menu's first line: "3 of 5 connected · 1 needs approval".
func (t *tally) header() string {
	text := t.begin()
	text = strings.ToUpper(text[:1]) + text[1:]
	if t.config {
		text += " · configuration error"
	}
	plain, all := text, 0
	for _, p := range []struct {
		count
		one, many string
	}{
		{t.asking, "question", "questions"},
		{t.failed, "failed", "failed"},
		{t.signIn, "needs sign-in", "need sign-in"},
		{t.approval, "needs approval", "need approval"},
		{t.review, "has tools to review", "have tools to review"},
		{t.down, "down", "down"},
	} {
		if p.n == 0 {
			continue
		}
		text += fmt.Sprintf(" · %d %s", p.n, plural(p.n, p.one, p.many))
		all += p.n
	}
	if utf8.RuneCountInString(text) > maxLabel {
		return fmt.Sprintf("%s · %d need attention", plain, all)
	}
	return text
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// tooltip returns "12 of 14 connected · linear needs sign-in": the worst only, by name if it is one.
func (t *tally) tooltip() string {
	text := t.begin()
	if t.config {
		return text + " · the configuration has an error"
	}
	for _, p := range []struct {
		count
		one, many string
	}{
		{t.asking, "asks you something", "questions wait for you"},
		{t.failed, "failed", "servers failed"},
		{t.signIn, "needs sign-in", "servers need sign-in"},
		{t.approval, "needs approval", "servers need approval"},
		{t.review, "has tools to review", "servers have tools to review"},
		{t.down, "is down", "servers are down"},
	} {
		if p.n == 1 {
			return text + " · " + cut(noMarkup.Replace(clean(p.name)), 40) + " " + p.one
		}
		if p.n > 1 {
			return fmt.Sprintf("%s · %d %s", text, p.n, p.many)
		}
	}
	return text
}

// Plasma reads tooltips as rich text, others do not: no escape suits both.
var noMarkup = strings.NewReplacer("<", "‹", ">", "›", "&", "+")
