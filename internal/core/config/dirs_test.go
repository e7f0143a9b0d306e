package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/adrg/xdg"
)

func TestDirsInOneFolder(t *testing.T) {
	home := filepath.Join(t.TempDir(), "portable")
	t.Setenv(homeVariable, home)
	d, err := FindDirs()
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		d.ConfigFile():      "config.json",
		d.Database():        "mcpproxy-tray.db",
		d.ApprovalsLog():    "approvals.log",
		d.Token():           "token",
		d.AdminToken():      "admin.token",
		d.Instance():        "instance.json",
		d.AppLog():          "logs/app.log",
		d.ServerLog("demo"): "logs/servers/demo.log",
	} {
		if want = filepath.Join(home, filepath.FromSlash(want)); got != want {
			t.Errorf("path %s, want %s", got, want)
		}
	}
	if _, err := os.Stat(home); !os.IsNotExist(err) {
		t.Errorf("FindDirs created something: %v", err)
	}
	if err := errors.Join(d.Make(), d.Make()); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{d.Config, d.Logs, filepath.Dir(d.ServerLog("x"))} {
		if info, err := os.Stat(dir); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
}

func TestDirsOfThePlatform(t *testing.T) {
	base := t.TempDir()
	t.Cleanup(xdg.Reload)
	t.Setenv(homeVariable, "")
	for _, v := range []string{"CONFIG", "DATA", "STATE"} {
		t.Setenv("XDG_"+v+"_HOME", filepath.Join(base, v))
	}
	xdg.Reload()
	d, err := FindDirs()
	want := Dirs{filepath.Join(base, "CONFIG", "mcpproxy-tray"), filepath.Join(base, "DATA", "mcpproxy-tray"), filepath.Join(base, "STATE", "mcpproxy-tray", "logs")}
	if err != nil || d != want {
		t.Errorf("FindDirs = %v, %v, want %v", d, err, want)
	}
}

func TestDirsCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	t.Setenv(homeVariable, filepath.Join(file, "below"))
	d, err := FindDirs()
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "Make", d.Make(), ErrReadOnly)
}

// hostileNames must all be refused, whatever form they come in.
var hostileNames = []string{
	"", ".", "..", "../x", "..\\x", "a/b", "/etc/passwd", `C:\x`, `\\server\share`, "a\\b", "/", `\`, "./a", "a/", "..//..",
	" a", "a ", " ", "   ", "\t", "a\tb", "\n", "a\nb", "a\r\nb", "a\x00b", "\x00", "\x1b[31mred", "a\x07", "a\x7f", "a\u0085b",
	"\u00a0", "a\u00a0b", "\u2003x", "x\u3000y", "\u1680", "\u2028", "a\u2028b", "a\u2029b", // spaces and line separators
	"\u200b", "a\u200bb", "\u200c", "a\u200db", "\ufeffa", "a\ufeff", "\u2060", "a\u00adb", // zero width
	"a\u202eb", "\u202d", "\u202a", "\u2066a\u2069", "\u200ex", "\u200f", "\u061c", // bidi
	"\U000e0041", "a\U000e0001", "a\ufe0f", "a\U000e0100", // tags, variation selectors
	"\u3164", "a\u115fb", "\uffa0", "\u2800", "\u034f", // drawn as nothing
	"\u0301a", "\u0488", // begins with a combining mark
	"\ufffd", "a\ufffdb", "\uffff", "\ue000", "\U0010ffff", // no characters
	strings.Repeat("x", 65), strings.Repeat("ä", 65), strings.Repeat("x", 1<<20),
}

// oddNames are strange but allowed; their log files must be safe too.
var oddNames = []string{
	"CON", "con", "aux", "nul", "COM1", "lpt9", "com0", "NUL.txt", "con.json", "...", "a.", "a..b", ".hidden", "-rf", "--help", "~", "~root",
	"$HOME", "${env:HOME}", "`id`", "$(id)", "a;b", "a|b", "a&b", "a>b", "*", "?", "a:b", "a*b", `"`, `a"b`, "'", "%s%n", "%APPDATA%", "<b>x</b>", "&amp;", "_a_b",
	"Robert'); DROP TABLE servers;--", "null", "true", "undefined", "NaN", "0", "1e400", "constructor", "__proto__", "toString", "hasOwnProperty",
	"größe", "GRÖSSE", "naïve", "日本語", "한국어", "العربية", "עברית", "ไทย", "😀", "👍🏽", "é", "e\u0301", "İstanbul", "ıI", "ſ", "K", "ﬁ", "ǅ",
	"server__tool", "a b", strings.Repeat("x", 64), strings.Repeat("😀", 64), "x-0123456789ab", "con-0123456789ab", "con ", "desktop.ini", "thumbs.db",
}

// hidden reports whether a text holds a character that cannot be seen.
func hidden(s string) bool {
	return strings.IndexFunc(strings.ReplaceAll(s, "\ufffd", ""), unprintable) >= 0
}

func TestHostileNames(t *testing.T) {
	if len(hostileNames) < 60 {
		t.Errorf("only %d hostile names", len(hostileNames))
	}
	for _, name := range hostileNames {
		quotedName := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\x00", `\u0000`, "\x1b", `\u001b`, "\x07", `\u0007`).Replace(name)
		for form, text := range map[string]string{
			"map":  `{"mcpServers": {"first": {"command": "x"}, "` + quotedName + `": {"command": "x"}, "last": {"command": "x"}}}`,
			"list": `{"mcpServers": [{"name": "first", "command": "x"}, {"name": "` + quotedName + `", "command": "x"}, {"name": "last", "command": "x"}]}`,
		} {
			cfg, err := Parse([]byte(text))
			if err != nil {
				t.Errorf("%.40q as %s: %v", name, form, err)
				continue
			}
			if len(cfg.Servers) != 2 || len(cfg.Refused) != 1 {
				t.Errorf("%.40q as %s: servers %v, refused %v", name, form, cfg.Servers, cfg.Refused)
				continue
			}
			e := cfg.Refused[0]
			if e.Line != 1 || e.Column == 0 || e.Hint == "" || hidden(e.Text) || hidden(e.Server) || len(e.Text) > 1000 {
				t.Errorf("%.40q as %s: refused with %.200q", name, form, e)
			}
		}
	}
	if cfg := mustParse(t, []byte(`{"mcpServers": {"a\ud800": {"command": "x"}}}`)); len(cfg.Refused) != 1 {
		t.Errorf("a lone surrogate in a name was accepted: %v", cfg.Servers)
	}
}

func TestLogNamesAreSafeAndDistinct(t *testing.T) {
	safe := regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}\.log$`)
	device := regexp.MustCompile(`^(con|prn|aux|nul|com\d|lpt\d)\.`)
	owner := map[string]string{}
	names := append(append([]string{"demo", "Demo", "DEMO", "my server"}, hostileNames...), oddNames...)
	for _, n := range names { // names made to hit the derived name of another
		names = append(names, strings.TrimSuffix(logName(n), ".log"))
	}
	for _, name := range names {
		file := logName(name)
		if !safe.MatchString(file) || device.MatchString(file) {
			t.Errorf("logName(%.40q) = %q", name, file)
		}
		if other, ok := owner[file]; ok && other != name {
			t.Errorf("%.40q and %.40q share %q", name, other, file)
		}
		owner[file] = name
	}
	for name, want := range map[string]string{"github": "github.log", "file_system-2": "file_system-2.log"} {
		if got := logName(name); got != want {
			t.Errorf("logName(%q) = %q, want %q", name, got, want)
		}
	}
	if got := logName("My Server"); !strings.HasPrefix(got, "my-server-") {
		t.Errorf(`logName("My Server") = %q is not readable`, got)
	}
}

func TestDuplicateNames(t *testing.T) {
	for _, c := range []struct{ first, second string }{
		{"a", "a"}, {"github", "GitHub"}, {"größe", "GRÖßE"}, {"k", "\u212a"}, {"s", "ſ"}, {"ǆ", "ǅ"}, {"a", `\u0061`},
		{"é", "e\u0301"}, {"É", "e\u0301"}, {"a\u0323\u0307", "a\u0307\u0323"}, {"가", "\u1100\u1161"}, {"Å", "\u212b"}, {"Ω", "\u2126"}, {"ΐ", "\u03b9\u0308\u0301"},
	} {
		for form, text := range map[string]string{
			"map":  `{"mcpServers": {"` + c.first + `": {"command": "1"}, "` + c.second + `": {"command": "2"}}}`,
			"list": `{"mcpServers": [{"name": "` + c.first + `", "command": "1"}, {"name": "` + c.second + `", "command": "2"}]}`,
		} {
			cfg := mustParse(t, []byte(text))
			if len(cfg.Servers) != 1 || cfg.Servers[0].Command != "1" || len(cfg.Refused) != 1 || !strings.Contains(cfg.Refused[0].Text, "only the first one counts") {
				t.Errorf("%q, %q as %s: servers %v, refused %v", c.first, c.second, form, cfg.Servers, cfg.Refused)
			}
		}
	}
	if cfg := mustParse(t, []byte(`{"mcpServers": {"e": {"command": "1"}, "é": {"command": "2"}, "ss": {"command": "1"}, "ß": {"command": "1"}, "fi": {"command": "1"}, "ﬁ": {"command": "1"}}}`)); len(cfg.Servers) != 6 {
		t.Errorf("servers %v, refused %v: only case and composition are folded", cfg.Servers, cfg.Refused)
	}
}
