package menu

import (
	"fmt"
	"strings"
)

// Format writes a menu as text, for golden files and people: the icon and the
// tooltip, then a line per visible slot. A text that cannot be clicked stands
// in parentheses, an action in brackets behind its label.
func Format(m *Menu) string {
	var b strings.Builder
	fmt.Fprintf(&b, "icon: %v\ntooltip: %s\n", m.Icon, m.Tooltip)
	for _, n := range m.Nodes {
		s := skeleton[n.ID-1]
		indent := ""
		if s.Parent != 0 {
			if !m.At(s.Parent).Visible {
				continue
			}
			indent = "    "
		}
		switch {
		case !n.Visible:
		case s.Separator:
			b.WriteString("----\n")
		case !n.Enabled:
			fmt.Fprintf(&b, "%s(%s)\n", indent, n.Title)
		case n.Action.IsZero():
			fmt.Fprintf(&b, "%s%s ▸\n", indent, n.Title)
		default:
			mark := ""
			if n.Checked {
				mark = "✓ "
			}
			fmt.Fprintf(&b, "%s%s%s [%s]\n", indent, mark, n.Title, n.Action)
		}
	}
	return b.String()
}

// String returns the action in words: kind, server and fingerprint.
func (a Action) String() string {
	text := a.Kind.String()
	if a.Server != "" {
		text += fmt.Sprintf(" %q", a.Server)
	}
	if a.LaunchID != "" {
		text += " " + a.LaunchID
	}
	return text
}
