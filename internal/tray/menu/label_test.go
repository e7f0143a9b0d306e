package menu

import (
	"slices"
	"strings"
	"testing"
)

// shown is what a host of each style makes of an escaped label, written from
// what the hosts do and not from escape.
func shown(s Style, label string) string {
	switch s {
	case StyleDBus:
		return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(label, "__", "\x00"), "_", ""), "\x00", "_")
	case StyleGNOME:
		for i := range len(label) - 1 {
			if label[i] == '_' && label[i+1] != '_' {
				return label[:i] + label[i+1:]
			}
		}
	case StyleWindows:
		return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(label, "&&", "\x00"), "&", ""), "\x00", "&")
	}
	return label
}

func TestEscapedLabelsShowAsTheyAre(t *testing.T) {
	for _, label := range []string{"plain", "my_server", "a_b_c", "__init__", "_", "a_", "_a", "a___b_", "R&D", "&&", "a & _b", "é_ü"} {
		for s := StyleDBus; s <= StyleDarwin; s++ {
			if got := shown(s, s.escape(label)); got != label {
				t.Errorf("style %d shows %q (escaped %q), want %q", s, got, s.escape(label), label)
			}
		}
	}
}

func TestStyleFor(t *testing.T) {
	for _, c := range []struct {
		goos, desktop string
		want          Style
	}{
		{"linux", "", StyleDBus}, {"linux", "XFCE", StyleDBus}, {"linux", "ubuntu:GNOME", StyleGNOME}, {"freebsd", "KDE", StyleDBus},
		{"windows", "GNOME", StyleWindows}, {"darwin", "", StyleDarwin}, {"linux", "GNOME-Flashback:Unity", StyleGNOME},
	} {
		if got := StyleFor(c.goos, c.desktop); got != c.want {
			t.Errorf("StyleFor(%q, %q) = %d, want %d", c.goos, c.desktop, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		lines []string
		whole bool
	}{
		{"", nil, true},
		{"short", []string{"short"}, true},
		{strings.Repeat("a", 60), []string{strings.Repeat("a", 60)}, true},
		{strings.Repeat("a", 61), []string{strings.Repeat("a", 60), "a"}, true},
		{strings.Repeat("abcd ", 20) + "end", []string{strings.TrimSpace(strings.Repeat("abcd ", 12)), strings.Repeat("abcd ", 8) + "end"}, true},
		{strings.Repeat("é", 121), []string{strings.Repeat("é", 60), strings.Repeat("é", 59) + "…"}, false},
	} {
		lines, whole := wrap(c.text, 2)
		if !slices.Equal(lines, c.lines) || whole != c.whole {
			t.Errorf("wrap(%q) = %q, %v, want %q, %v", c.text, lines, whole, c.lines, c.whole)
		}
	}
}

func TestSlotNames(t *testing.T) {
	seen := map[string]bool{}
	for i, s := range Skeleton() {
		if s.ID != ID(i+1) || s.Parent >= s.ID {
			t.Errorf("slot %d: %+v", i, s)
		}
		if !s.Separator && seen[s.ID.String()] {
			t.Errorf("two slots are named %s", s.ID)
		}
		seen[s.ID.String()] = true
	}
	if got := (rowID(3) + rowRestart).String(); got != "server/3/restart" {
		t.Errorf("a row's restart is named %s", got)
	}
}
