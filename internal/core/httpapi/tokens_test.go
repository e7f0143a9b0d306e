package httpapi

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestTokensAreMadeOnceForTheirOwner(t *testing.T) {
	dir := t.TempDir()
	first, problems := LoadTokens(dir)
	if len(problems) > 0 || len(first.Client) != 43 || len(first.Admin) != 43 || first.Client == first.Admin {
		t.Fatalf("%d and %d characters, problems %v", len(first.Client), len(first.Admin), problems)
	}
	if second, problems := LoadTokens(dir); second != first || len(problems) > 0 {
		t.Errorf("the second start has other tokens, problems %v", problems)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	for _, text := range []string{fmt.Sprint(first), fmt.Sprintf("%+v", first), slog.AnyValue(first).Resolve().String()} {
		if strings.Contains(text, first.Admin) || strings.Contains(text, first.Client) {
			t.Errorf("the token is shown: %s", text)
		}
	}
}

func TestTokenFilesThatCannotBeUsed(t *testing.T) {
	good := strings.Repeat("k", minToken)
	for name, c := range map[string]struct {
		content string
		want    string // the token; empty means a new one
		code    string
	}{
		"kept":      {good, good, ""},
		"newline":   {good + "\r\n", good, ""},
		"empty":     {"", "", ""},
		"space":     {" \n", "", ""},
		"short":     {"secret", "", "MPT-TOKEN-UNUSABLE"},
		"two words": {good + " " + good, "", "MPT-TOKEN-UNUSABLE"},
		"binary":    {good + "\x00", "", "MPT-TOKEN-UNUSABLE"},
	} {
		path := filepath.Join(t.TempDir(), tokenFile)
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, p := loadToken(path)
		if p.Code != c.code || c.want != "" && got != c.want || len(got) < minToken || (p.Code != "") != (p.Hint != "") {
			t.Errorf("%s: %q %+v, want %q %s", name, got, p, c.want, c.code)
		}
		after, err := os.ReadFile(path)
		if err != nil || c.code != "" && string(after) != c.content || c.code == "" && strings.TrimSpace(string(after)) != got {
			t.Errorf("%s: the file now holds %q, %v", name, after, err)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, tokenFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, p := loadToken(filepath.Join(dir, tokenFile)); len(got) < minToken || p.Code != "MPT-TOKEN-UNUSABLE" {
		t.Errorf("a directory: %+v", p)
	}
	// A directory that is not there stands for one that cannot be written, for root too.
	tokens, problems := LoadTokens(filepath.Join(dir, "missing"))
	if len(tokens.Admin) < minToken || len(problems) != 2 || problems[0].Code != "MPT-TOKEN-UNSAVED" {
		t.Errorf("unwritable: %+v", problems)
	}
}
