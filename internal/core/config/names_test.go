package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// written are names that break programs, by what they are made to break.
var written = []string{
	// shells
	"; rm -rf /", "&& reboot", "| cat /etc/passwd", "`reboot`", "$(reboot)", "$((1+1))", "${IFS}", ">out", "<in", "2>&1", "!history", "a;b", "a\\;b", "~root", "-rf", "--",
	"--version", "-", "*", "?", "[a-z]", "{a,b}", "#!sh", "'; DROP TABLE s;--", "\" OR \"1\"=\"1", "' OR 1=1 -- 1", "1;SELECT 1", "admin'--", "') UNION SELECT 1--", "%' --", "\\'; --", "NULL;",
	// markup and templates
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "\"><b>", "'><i>", "</title>", "<!--", "-->", "<![CDATA[x]]>", "<?php ?>", "<%= 7*7 %>", "{{7*7}}", "${7*7}", "#{7*7}", "{%x%}", "[[x]]",
	"&lt;b&gt;", "&#60;", "&amp;amp;", "javascript:alert(1)", "data:text/html,x", "vbscript:x", "<a href=x>", "*bold*", "_under_", "__x__", "[link](x)", "![x](y)", "# head", "> quote", "| a | b |", "```", "~~x~~", "<xml/>", "<!DOCTYPE x>", "<!ENTITY x SYSTEM 'y'>",
	// formats, spreadsheets, headers, queries
	"%s", "%n", "%x%x%x", "%d%%", "%08x", "%(name)s", "%1$s", "{0}", "{}", "{name!r}", "=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", "=HYPERLINK(\"x\")", "a,b", "a;b,c", "\"a\",\"b\"", "a=b", "a&b=c", "?a=b", "#a", "a%20b", "%00", "%0a", "%2e%2e%2f", "%252e", "%c0%ae", "*)(uid=*", "(|(a=b))", "a:b", "host:80", "user@host", "x@y:z",
	// JSON and its relatives
	"{", "}", "[", "]", "\"", "'", "\":\"", "\",\"", "}}}}", "]]", "//", "/*", "*/", "// x", "/* x */", "\\", "\\\\", "\\u0000", "\\n", "null", "true", "false", "NaN", "Infinity", "-0", "0", "00", "1", "-1", "1.0", "1e3", "1e400", "0x10", "0b1", "0o7", "1_000", "1,000", "9007199254740993", "½", "①", "٣", "１２",
	// words with a meaning somewhere
	"undefined", "None", "nil", "NIL", "void", "this", "self", "constructor", "__proto__", "prototype", "toString", "hasOwnProperty", "valueOf", "__defineGetter__", "length", "name", "mcpServers", "$schema", "listen", "default", "all", "none", "root", "admin", "demo", "app", "logs", "server", "servers", "token", "undef", "yes", "no", "on", "off", "y", "n", "~", "<<", "!!binary", "&anchor", "*alias", "---", "...",
	// places
	"../x", "..\\x", "../../etc/passwd", "..\\..\\windows\\win.ini", "....//x", "..././x", "..;/x", "%2e%2e/x", "/etc/passwd", "/dev/null", "/proc/self/environ", "//server/share", "\\\\server\\share", "\\\\?\\C:\\x", "\\\\.\\pipe\\x", "C:", "C:x", "C:\\x", "C:/x", "c:\\con\\con", "file:///etc/passwd", "file.log", "x.log", "app.log", "x.log.gz", ".log", "..log", ".", "..", "...", "....", "./x", "x/", "x/.", "x/..", "/", "\\", "~/x", "~user", "$HOME", "%APPDATA%", "%SystemRoot%", "${env:HOME}", "${keyring:a/b}", "a/b", "a\\b", "a\u2215b", "a\u2044b", "a\uff0fb", "a\u29f8b", "\u2025", "\uff0e\uff0e", "x:y", "x::$DATA", "x:$I30", "x|y", "x\"y", "x<y", "x>y", "x?y", "x*y", "x.", "x..", "x ", " x", "x .", "x. ",
	// looks
	"İ", "ı", "ſ", "ß", "ẞ", "K", "Å", "Ω", "ǅ", "ﬁ", "ﬃ", "ŉ", "ΐ", "Σ", "ς", "ᾼ", "ゔ", "か\u3099", "e\u0301", "é", "a\u0323\u0307", "a\u0307\u0323", "가", "\u1100\u1161", "क्ष", "ไทย", "नमस्ते", "العربية", "עברית", "日本語", "한국어", "Ελληνικά", "кириллица", "раураl", "ａｂｃ", "𝓪𝓫𝓬", "𝟘𝟙", "ⓐⓑ", "ʇsǝʇ", "T\u0336e\u0336", "Z\u0351\u036b\u0343\u036aa\u033e\u0349l", "😀", "👍🏽", "👩\u200d👩\u200d👧", "🇩🇪", "🏴\U000e0067\U000e007f", "1\ufe0f\u20e3", "☺", "❤\ufe0f", "\u00ad", "co\u00adop", "𐐷", "\U0001f9ff", "\u1680", "\u180e", "\ufffe", "\ufffc", "￼", "\u0f0b", "\u00b7", "·",
}

// naughty returns the strings above, those of dirs_test.go, and some made by rule.
func naughty() []string {
	list := append(append(append([]string{}, written...), hostileNames...), oddNames...)
	for r := rune(0); r <= 0x9f; r++ { // control characters within a name
		if r < 0x20 || r >= 0x7f {
			list = append(list, "a"+string(r)+"b")
		}
	}
	for _, block := range [][2]rune{{0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0xfe00, 0xfe0f}, {0xfff9, 0xfffb}} {
		for r := block[0]; r <= block[1]; r++ { // blanks, marks of direction, joiners, selectors
			list = append(list, "a"+string(r)+"b")
		}
	}
	for _, device := range []string{"con", "prn", "aux", "nul", "com1", "com9", "com\u00b9", "lpt1", "lpt\u00b2", "conin$", "conout$", "clock$"} {
		for _, form := range []string{"%s", "%s.txt", "%s.log", "%s:", "%s .x", "a.%s"} {
			list = append(list, fmt.Sprintf(form, device), strings.ToUpper(fmt.Sprintf(form, device)))
		}
	}
	for n := 60; n < 70; n++ { // around the longest name
		list = append(list, strings.Repeat("n", n), strings.Repeat("ü", n), strings.Repeat("😀", n))
	}
	return append(list, "a\xffb", "\xc0\xaf", "a\xed\xa0\x80b", "\xe2\x82", strings.Repeat("../", 1000), strings.Repeat("n", 1<<20))
}

// TestNaughtyNames gives each to a server between two others, in both forms of
// the file. It is taken as it is or refused with a reason; the others load.
func TestNaughtyNames(t *testing.T) {
	seen, refused := map[string]bool{}, 0
	for _, name := range naughty() {
		if seen[name] || !utf8.ValidString(name) { // a file with such bytes is refused whole
			continue
		}
		seen[name] = true
		key, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		for form, text := range map[string]string{
			"map":  `{"mcpServers": {"first one": {"command": "x"}, ` + string(key) + `: {"command": "y"}, "last one": {"command": "x"}}}`,
			"list": `{"mcpServers": [{"name": "first one", "command": "x"}, {"name": ` + string(key) + `, "command": "y"}, {"name": "last one", "command": "x"}]}`,
		} {
			what := fmt.Sprintf("%.40q as %s", name, form)
			cfg, err := Parse([]byte(text))
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			if _, ok := cfg.Server("last one"); !ok || len(cfg.Servers)+len(cfg.Refused) != 3 {
				t.Errorf("%s: servers %d, refused %v", what, len(cfg.Servers), cfg.Refused)
			}
			if srv, ok := cfg.Server(name); ok {
				if srv.Command != "y" || srv.Err != nil || strings.IndexFunc(name, invisible) >= 0 || strings.ContainsAny(name, `/\`) {
					t.Errorf("%s: taken as %v", what, srv)
				}
				continue
			}
			refused++
			if len(cfg.Refused) == 1 {
				wantRefusal(t, what, cfg.Refused[0])
			}
		}
	}
	t.Logf("%d names, %d taken, %d refused", len(seen), len(seen)-refused/2, refused/2)
	if len(seen) < 515 {
		t.Errorf("only %d names", len(seen))
	}
}

// TestNaughtyLogs writes the log of each of them, refused ones too: all files are in the folder, each its own.
func TestNaughtyLogs(t *testing.T) {
	base := t.TempDir()
	d := Dirs{Config: base, Data: base, Logs: filepath.Join(base, "logs")}
	if err := d.Make(); err != nil {
		t.Fatal(err)
	}
	owner := map[string]string{}
	for _, name := range naughty() {
		path := d.ServerLog(name)
		if filepath.Dir(path) != filepath.Join(base, "logs", "servers") {
			t.Fatalf("%.40q logs to %s", name, path)
		}
		if other, taken := owner[path]; taken && other != name {
			t.Errorf("%.40q and %.40q share %s", name, other, path)
		}
		owner[path] = name
		write(t, path, []byte("x"))
	}
	files := 0
	err := filepath.WalkDir(base, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
			if owner[path] == "" && path != d.ServerLog("") {
				t.Errorf("a file outside: %s", path)
			}
		}
		return err
	})
	if err != nil || files != len(owner) {
		t.Errorf("%d files for %d logs, %v", files, len(owner), err)
	}
}
