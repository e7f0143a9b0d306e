package menu

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLabel is the most runes of a label, before escaping: panels do not cut, and
// a menu wider than the screen cannot be used.
const maxLabel = 60

// A Style is how a host reads mnemonics in labels.
type Style uint8

// The styles.
const (
	StyleDBus    Style = iota // "__" is an underscore, "_" marks a mnemonic: GTK, KDE, LXQt
	StyleGNOME                // the extension drops one underscore, once
	StyleWindows              // "&&" is an ampersand
	StyleDarwin               // no mnemonics
)

// StyleFor returns the style for an operating system (as runtime.GOOS) and a
// desktop (as XDG_CURRENT_DESKTOP).
func StyleFor(goos, desktop string) Style {
	switch goos {
	case "windows":
		return StyleWindows
	case "darwin":
		return StyleDarwin
	}
	for token := range strings.SplitSeq(strings.ToLower(desktop), ":") {
		if token == "gnome" || token == "unity" {
			return StyleGNOME
		}
	}
	return StyleDBus
}

// escape makes a cleaned label show as it is.
func (s Style) escape(label string) string {
	switch s {
	case StyleDBus:
		return strings.ReplaceAll(label, "_", "__")
	case StyleWindows:
		return strings.ReplaceAll(label, "&", "&&")
	case StyleGNOME:
		// The extension replaces /_([^_])/ by $1, without the g flag: only the
		// first underscore with another character behind it vanishes.
		for i := 0; i+1 < len(label); i++ {
			if label[i] == '_' && label[i+1] != '_' {
				return label[:i] + "_" + label[i:]
			}
		}
	}
	return label
}

// clean makes untrusted text safe to show on one line: valid UTF-8, no control
// characters, and a visible mark for what would be invisible or change the
// direction, so that two different names never look the same for lack of it.
func clean(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	marks := 0
	for _, r := range s {
		if unicode.In(r, unicode.Mn, unicode.Me) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case marks > 2 || r == '\uFE0F' || r == '\uFE0E': // towers of accents; emoji style
		case unicode.IsSpace(r) || unicode.IsControl(r):
			b.WriteByte(' ')
		case r == utf8.RuneError || invisible(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// invisible reports whether a rune shows as nothing: format characters (bidi
// controls and zero-widths among them), private and unassigned ones, fillers.
func invisible(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0:
		return true
	}
	return !unicode.IsGraphic(r) || r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0000
}

// cut shortens a cleaned text to at most n runes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	count, end := 0, 0 // end is where n-1 runes are over
	for i := range s {
		if count == n-1 {
			end = i
		}
		count++
	}
	if count <= n {
		return s
	}
	return strings.TrimRight(s[:end], " ") + "…"
}

// wrap breaks a cleaned text into lines of at most maxLabel runes, between words
// where possible. whole is false if the lines do not hold all of it.
func wrap(s string, lines int) (out []string, whole bool) {
	rest := []rune(s)
	for len(rest) > maxLabel && len(out) < lines-1 {
		end, skip := maxLabel, 0
		for i := maxLabel; i > maxLabel/2; i-- {
			if rest[i] == ' ' {
				end, skip = i, 1
				break
			}
		}
		out = append(out, string(rest[:end]))
		rest = rest[end+skip:]
	}
	if len(rest) > 0 {
		out = append(out, cut(string(rest), maxLabel))
	}
	return out, len(rest) <= maxLabel
}

// Label returns untrusted text as the menu would show it, unescaped: cleaned and
// cut. Everything that shows a server's name uses it.
func Label(s string) string { return cut(clean(s), maxLabel) }
