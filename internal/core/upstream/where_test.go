package upstream

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/config"
)

// program writes something that can be started, as far as a look-up can tell.
func program(tb testing.TB, path string) string {
	tb.Helper()
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestNotFoundSaysWhereTheProgramIs(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	program(t, filepath.Join(home, ".nvm/versions/node/v9.11.2/bin/mpt-npx"))
	newest := program(t, filepath.Join(home, ".nvm/versions/node/v22.1.0/bin/mpt-npx"))
	dirs := []string{filepath.Join(home, "bin"), filepath.Join(t.TempDir(), "none"), "relative"}
	c := testConnector()
	_, err := c.Connect(t.Context(), config.Server{Name: "x", Command: "mpt-npx", Transport: "stdio",
		Env: map[string]string{"PATH": strings.Join(dirs, string(filepath.ListSeparator))}})
	p := wantProblem(t, err, "MPT-CMD-NOT-FOUND", "config")
	want := "It is not on the PATH, but there is " + newest + ": write that. Looked in ~" + string(filepath.Separator) + "bin, " + dirs[1] + "."
	if !strings.HasSuffix(p.Hint, want) {
		t.Errorf("hint = %q, want …%q", p.Hint, want)
	}
}

func TestLookedIn(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("USERPROFILE", filepath.FromSlash("/home/me"))
	many := strings.Split(strings.Repeat("/x/y ", 3)+"/1 /2 /3 /4 /5 /6 /7 /8 /9", " ")
	for _, tt := range []struct {
		dirs []string
		want string
	}{
		{nil, "The PATH is empty."},
		{[]string{"/usr/bin", "/bin", "/usr/bin"}, "Looked in /usr/bin, /bin."},
		{[]string{"/home/me/bin", "/home/meg/bin"}, "Looked in ~/bin, /home/meg/bin."},
		{many, "Looked in /x/y, /1, /2, /3, /4, /5, /6, /7 and 2 more."},
		{[]string{"/a\u202e\nb"}, "Looked in /a b."},
	} {
		for i, dir := range tt.dirs {
			tt.dirs[i] = filepath.FromSlash(dir)
		}
		if got := filepath.ToSlash(lookedIn(tt.dirs)); got != tt.want {
			t.Errorf("lookedIn(%q) = %q, want %q", tt.dirs, got, tt.want)
		}
	}
}

func TestKnownPlaces(t *testing.T) {
	env := func(name string) string { return "/" + name }
	for goos, wants := range map[string][]string{
		"linux":   {"/h|.nvm/versions/node/*/bin", "/h|.volta/bin", "/h|.asdf/shims", "/h|.local/share/mise/shims", "/|snap/bin", "/|home/linuxbrew/.linuxbrew/bin", "/h|.npm-global/bin"},
		"darwin":  {"/|opt/homebrew/bin", "/|usr/local/bin", "/h|.bun/bin", "/h|.deno/bin", "/h|.pyenv/shims"},
		"windows": {"/APPDATA|npm", "/h|scoop/shims", "/ProgramData|chocolatey/bin", "/ProgramFiles|nodejs", "/LOCALAPPDATA|Programs/Python/Python*"},
	} {
		var got []string
		for _, p := range knownPlaces(goos, "/h", env) {
			got = append(got, p.root+"|"+p.pattern)
		}
		for _, want := range wants {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %s is not searched", goos, want)
			}
		}
	}
	if len(knownPlaces("windows", "", func(string) string { return "" })) > 2 {
		t.Error("places below a directory that is not known are searched")
	}
}

func TestCompareVersions(t *testing.T) {
	in := []string{"v22.10.0", "v9.11.2", "v22.9.1", "v8", "system"}
	slices.SortFunc(in, compareVersions)
	if want := []string{"system", "v8", "v9.11.2", "v22.9.1", "v22.10.0"}; !slices.Equal(in, want) {
		t.Errorf("order = %q, want %q", in, want)
	}
}
