package menu_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray/menu"
)

// naughty returns what has broken menus, mark-up, shells, terminals and fonts, each
// alone and within words: more than 500 texts.
func naughty() []string {
	cores := []string{
		"", " ", "\t", "\n", "\r\n", "\v\f", "\x00", "\x01\x02\x03", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x7f", "\u0080\u0085\u009f",
		"\xff\xfe", "\xc3\x28", "\xed\xa0\x80", "\xf0\x9f\x98", "\u00a0", "\u2028\u2029", "\u3000", "\ufeff", "\ufffd", "\uffff", "\U0010ffff",
		"\u200b\u200c\u200d", "\u2060\u2061", "\u00ad", "\u180e", "\u034f", "\u115f\u1160", "\u3164", "\uffa0", "\u2800", "\u17b4\u17b5",
		"\u202aa\u202c", "\u202ba\u202c", "\u202dexe.txt", "\u202egpj.exe", "\u2066a\u2069", "\u2067a", "\u2068", "\u061c", "\u200e\u200f",
		"\ue000\uf8ff", "\U000e0001\U000e0041\U000e007f", "\ufe0f", "\ufe0e", "❤️", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏿", "🇩🇪🇫🇷", "1️⃣", "𝕳𝖊𝖑𝖑𝖔", "ﬁ", "ı İ ß ẞ",
		"Z̸̢̛͖͓̜̲̞a̷̛̟l̶̤̿g̵̰̈o̴͍͝", strings.Repeat("\u0301", 300), "e\u0301", "é", "ก็็็็็็็็็็็", "שלום", "مرحبا", "हिन्दी", "漢字かな交じり文", "한국어", "Ελληνικά", "русский", "аdmin",
		"_", "__", "_a", "a_", "_a_b_c", "my_server_1", "&", "&&", "&a", "a & b", "R&D", "&amp;", "&lt;", "&#x41;", "&#0;",
		"<b>bold</b>", "<i>", "</span>", "<a href=\"http://evil\">x</a>", "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "<!--", "-->", "<![CDATA[", "]]>", "<?xml?>", "<!DOCTYPE x [<!ENTITY e \"x\">]>&e;",
		"'", "\"", "`", "''", "\"\"", "' OR 1=1 --", "'; DROP TABLE servers;--", "$(touch /tmp/x)", "`id`", "${HOME}", "$HOME", "%PATH%", "!!", "; ls", "| cat", "> /dev/null", "\\", "\\\\", "\\n", "\\u0000", "\\x41",
		"%s", "%n%n%n", "%d%%", "%!s(MISSING)", "{0}", "{{.}}", "{{7*7}}", "#{1}", "${{x}}", "../../etc/passwd", "..\\..\\x", "file:///etc/passwd", "javascript:alert(1)", "C:\\CON", "NUL", "AUX", "-rf", "--help", "~", "*", "?", ".", "..", "/",
		"null", "undefined", "NaN", "nil", "true", "0", "-1", "1e309", "0x0", "99999999999999999999", "server/0/restart", "\x01server", "(no name)", "…", "●○!?", "▸", "----", "✓",
		strings.Repeat("w", 10_000), strings.Repeat("é", 61), strings.Repeat("漢", 1000), strings.Repeat("_", 200), strings.Repeat("&", 200), strings.Repeat("a ", 500), strings.Repeat("<", 100), strings.Repeat("\n", 100), strings.Repeat("👩‍👩‍👧", 50),
	}
	var all []string
	for _, c := range cores {
		all = append(all, c, "a"+c+"b", c+c)
	}
	return all
}

// TestNaughtyStrings puts each text everywhere a server or a person can, in each host's style.
func TestNaughtyStrings(t *testing.T) {
	texts := naughty()
	if len(texts) < 500 {
		t.Fatalf("%d texts, want 500", len(texts))
	}
	for _, text := range texts {
		name := text + "x" // a name is not empty
		list := stateview.NewToolList([]stateview.Tool{{Name: text}, {Name: text + "2", Held: true}})
		servers := []stateview.ServerStatus{
			with(server(name, stateview.Connected), func(s *stateview.ServerStatus) { s.Tools = list }),
			with(server(name+"q", stateview.Quarantined), func(s *stateview.ServerStatus) { setLine(s, text) }),
			with(server(name+"f", stateview.Failed), func(s *stateview.ServerStatus) {
				s.SetProblem(stateview.Problem{Code: text, Text: text, Hint: text, Action: text})
			}),
		}
		for i := range 22 { // pages, too
			servers = append(servers, server(fmt.Sprintf("%s%02d", name, i), stateview.Connected))
		}
		for _, all := range [][]stateview.ServerStatus{servers[:3], servers} {
			s := snapshot(all...)
			for style := menu.StyleDBus; style <= menu.StyleDarwin; style++ {
				o := everything(true)
				o.Style, o.Notices, o.Picked, o.Notify.Muted = style, []menu.Notice{{Text: text}, {Text: text, Config: true}}, []string{name}, []string{name}
				checkMenu(t, text, style, menu.Build(s, o))
			}
		}
	}
}

// checkMenu fails if a label could blank a menu, be too wide or be read as something else.
func checkMenu(t *testing.T, text string, style menu.Style, m *menu.Menu) {
	t.Helper()
	limit := 60
	if style != menu.StyleDarwin {
		limit = 120 // each rune may be doubled
	}
	for _, n := range m.Nodes {
		slot, _ := n.ID.Slot()
		switch {
		case !utf8.ValidString(n.Title), strings.ContainsFunc(n.Title, forbidden), utf8.RuneCountInString(n.Title) > limit:
			t.Errorf("%.40q, style %d, %v: bad label %q", text, style, n.ID, n.Title)
		case n.Visible && !slot.Separator && strings.TrimSpace(n.Title) == "" && !isNotice(n.ID):
			t.Errorf("%.40q, style %d: %v is blank", text, style, n.ID)
		case style == menu.StyleDBus && strings.Contains(strings.ReplaceAll(n.Title, "__", ""), "_"):
			t.Errorf("%.40q: %v has a mnemonic: %q", text, n.ID, n.Title)
		case style == menu.StyleWindows && strings.Contains(strings.ReplaceAll(n.Title, "&&", ""), "&"):
			t.Errorf("%.40q: %v has a mnemonic: %q", text, n.ID, n.Title)
		}
	}
	if !utf8.ValidString(m.Tooltip) || strings.ContainsAny(m.Tooltip, "<>&") || strings.ContainsFunc(m.Tooltip, forbidden) {
		t.Errorf("%.40q: bad tooltip %q", text, m.Tooltip)
	}
}

// isNotice reports whether a slot shows a line of the program's own, which is never blank.
func isNotice(id menu.ID) bool { return strings.HasPrefix(id.String(), "notice/") }
