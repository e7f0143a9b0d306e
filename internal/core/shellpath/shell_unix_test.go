//go:build unix

package shellpath

import (
	"slices"
	"strings"
	"testing"
)

func TestQuestion(t *testing.T) {
	const command = `/bin/sh -c 'set -f;IFS=;printf MARK:%s:MARK $PATH'`
	for shell, want := range map[string][]string{
		"/bin/bash":     {"/bin/bash", "-l", "-i", "-c", command},
		"/usr/bin/zsh":  {"/usr/bin/zsh", "-l", "-i", "-c", command},
		"/bin/sh":       {"/bin/sh", "-l", "-i", "-c", command},
		"/usr/bin/fish": {"/usr/bin/fish", "-l", "-i", "-c", command},
		"/bin/tcsh":     {"/bin/tcsh", "-i", "-c", "if ( -r ~/.login ) source ~/.login ; " + command},
		"/usr/bin/nu":   {"/usr/bin/nu", "-l", "-c", command},
		"/opt/ps/pwsh":  {"/opt/ps/pwsh", "-Login", "-NoLogo", "-Command", command},
	} {
		if got := question(shell, "MARK"); !slices.Equal(got, want) {
			t.Errorf("question(%s) = %q, want %q", shell, got, want)
		}
	}
}

func TestAnswer(t *testing.T) {
	for output, want := range map[string]string{
		"M:/bin:M":                    "/bin",
		"noise\r\nM:/a b:/c:Mnoise":   "/a b:/c",
		"+ printf M:%s:M $PATH M:/:M": "/",
		"M:$PATH:M":                   "",
		"M:rel:/abs:M":                "rel:/abs",
		"M::M":                        "",
		"M:/bin":                      "",
		"/bin:M":                      "",
		"":                            "",
	} {
		if got, ok := answer(output, "M"); got != want || ok != (want != "") {
			t.Errorf("answer(%q) = %q, %v, want %q", output, got, ok, want)
		}
	}
}

func TestMerge(t *testing.T) {
	for _, tt := range []struct{ first, second, want string }{
		{"/a:/b", "/c:/a", "/a:/b:/c"},
		{"/b", "/a:/b", "/b:/a"},
		{"", "/a", "/a"},
		{"/a:", ":/b:", "/a:/b"},
		{".:rel/bin:~/bin:/a", "../x", "/a"},
		{"/a/:/a//b/../", "/a", "/a"},
		{"", "", ""},
	} {
		if got := merge(tt.first, tt.second); got != tt.want {
			t.Errorf("merge(%q, %q) = %q, want %q", tt.first, tt.second, got, tt.want)
		}
	}
}

func TestRecordedShell(t *testing.T) {
	const table = "root:x:0:0:root:/root:/bin/bash\nbroken:x:1000\nme:x:1000:1000:Me,,,:/home/me:/usr/bin/fish\nnone:x:1001:1:::\n"
	for uid, want := range map[int]string{0: "/bin/bash", 1000: "/usr/bin/fish", 1001: "", 5: ""} {
		if got := recorded(table, uid); got != want {
			t.Errorf("recorded(%d) = %q, want %q", uid, got, want)
		}
	}
}

func TestShellOfTheUser(t *testing.T) {
	for _, shell := range []string{"", "bash", "/no/such/shell", "/etc/passwd", "/bin"} {
		r := New(Options{Environ: []string{"SHELL=" + shell}})
		if got := r.shell(); !isProgram(got) || got == shell {
			t.Errorf("SHELL=%q: shell = %q", shell, got)
		}
	}
	if got := New(Options{Environ: []string{"SHELL=/bin/sh"}}).shell(); !strings.HasSuffix(got, "/sh") {
		t.Errorf("shell = %q", got)
	}
}
