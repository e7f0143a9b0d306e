package notify

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// cleanEnough says what every text must be, whatever a server is called.
func cleanEnough(s string, limit int) bool {
	bad := strings.ContainsAny(s, "$`") || strings.Contains(s, `"@`) || strings.Contains(s, "]]>") || strings.HasPrefix(s, "-")
	return !bad && utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit &&
		strings.IndexFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) < 0
}

var naughty = []string{
	"-e", "--help", "$(touch /tmp/x)", "`id`", `"@; calc`, "]]><x/>", "a\x00b", "\x1b[2J", "\u202egpj.exe", "\u200b\u200d", "\xc3\x28",
	"line\nbreak\r\n", "<img src=x>", "&amp;", strings.Repeat("long ", 100), "", " ", "e\u0301", "💥", "\u2066x\u2069", "\ufeffx", "\U000e0041x",
}

func TestEveryNoteIsClean(t *testing.T) {
	s := DefaultSettings()
	for _, name := range naughty {
		for _, names := range [][]string{{name}, {name, name}, {name, name, name}, {name, name, name, name}} {
			var notes []Note
			var all [numKinds][]string
			for k := range numKinds {
				notes = append(notes, groupNote(k, names, s))
				all[k] = names
				var one [numKinds][]string
				one[k] = names
				notes = append(notes, summaryNote("t", one, s))
			}
			notes = append(notes, recoveredNote("t", names, names), recoveredNote("t", names, nil), summaryNote("t", all, s))
			for _, n := range notes {
				body := strings.ReplaceAll(n.Body, "\n", " ") // only the summary's own
				if n.Title == "" || !cleanEnough(n.Title, maxText) || !cleanEnough(body, 500) || strings.HasPrefix(n.Title, " ") {
					t.Errorf("%q: %+v", name, n)
				}
			}
		}
	}
}
