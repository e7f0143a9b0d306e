//go:build unix

package upstream

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/guard"
)

// TestRealChildHasThisEnvironmentAndNoMore starts a program the way servers are
// started and reads what it has.
func TestRealChildHasThisEnvironmentAndNoMore(t *testing.T) {
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value) // restores it afterwards
		os.Unsetenv(name)
	}
	for _, name := range dangerous {
		t.Setenv(name, "dangerous")
	}
	bundle := t.TempDir()
	home := t.TempDir()
	for name, value := range map[string]string{
		"APPDIR": bundle, "APPIMAGE": bundle + "/x.AppImage", "XDG_DATA_DIRS": bundle + "/usr/share:/usr/share", "XDG_CONFIG_DIRS": bundle + "/etc",
		"SSL_CERT_FILE": bundle + "/certs.pem", "HOME": home, "LANG": "C.UTF-8", "LC_TIME": "de_DE", "HTTPS_PROXY": "http://proxy:1",
		"SECRET": "s", "PWD": "/elsewhere", "OLDPWD": "/", "SHLVL": "3", "_": "x",
	} {
		t.Setenv(name, value)
	}
	c := testConnector()
	c.Path = func(context.Context) string { return bundle + "/usr/bin:/usr/bin:/bin" }
	srv := config.Server{Name: "env", Command: "env", Env: map[string]string{
		"NODE_OPTIONS": "--own", "FROM": "${env:SECRET} ${env:LD_PRELOAD}", "EXTRA": "${env:PATH}:/x"}}
	srv, err := srv.Expand(c.lookupEnv(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := c.command(t.Context(), srv, srv)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	tree := guard.New()
	if err := tree.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := tree.Stop(cmd.Process, 0); err != nil {
		t.Error(err)
	}
	got := slices.Sorted(strings.Lines(out.String()))
	for i := range got {
		got[i] = strings.TrimSuffix(got[i], "\n")
		if strings.HasPrefix(got[i], guard.Variable+"=") && got[i] != guard.Variable+"=dangerous" {
			got[i] = guard.Variable + "=MARK"
		}
	}
	want := []string{
		"EXTRA=/usr/bin:/bin:/x", "FROM=s dangerous", "HOME=" + home, "HTTPS_PROXY=http://proxy:1", "LANG=C.UTF-8", "LC_TIME=de_DE",
		guard.Variable + "=MARK", "NODE_OPTIONS=--own", "PATH=/usr/bin:/bin", "PWD=" + home, "XDG_DATA_DIRS=/usr/share",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the child has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPathOfAnEntry(t *testing.T) {
	c := testConnector()
	c.Path = func(context.Context) string { return "/shell/bin" }
	for _, tt := range []struct {
		name, command, program string
		env                    map[string]string
		want                   string
	}{
		{"the shell's", "npx", "/shell/bin/npx", nil, "/shell/bin"},
		{"the entry's", "npx", "/own/npx", map[string]string{"PATH": "/own"}, "/own"},
		{"more than the shell's", "npx", "/own/npx", map[string]string{"PATH": "/own:${env:PATH}"}, "/own:/shell/bin"},
		{"a full path brings its neighbours", "/opt/node/bin/npx", "/opt/node/bin/npx", nil, "/opt/node/bin:/shell/bin"},
		{"neighbours that are there", "/shell/bin/npx", "/shell/bin/npx", nil, "/shell/bin"},
		{"an empty one", "npx", "npx", map[string]string{"PATH": ""}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, err := config.Server{Command: tt.command, Env: tt.env}.Expand(c.lookupEnv(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			if got := childPath(c.searchPath(t.Context(), srv), tt.command, tt.program); got != tt.want {
				t.Errorf("PATH = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBundles(t *testing.T) {
	for _, tt := range []struct{ env, want []string }{
		{[]string{"APPDIR=/tmp/.mount_x/", "APPIMAGE=/home/me/x.AppImage"}, []string{"/tmp/.mount_x"}},
		{[]string{"SNAP=/snap/x/1", "SNAP_NAME=x"}, []string{"/snap/x/1"}},
		{[]string{"APPDIR=/home/me/app", "SNAP=/snap/x/1"}, nil}, // somebody's own
		{[]string{"APPDIR=/", "APPIMAGE=x", "SNAP=rel", "SNAP_NAME=x"}, nil},
	} {
		if got := bundles(tt.env); !slices.Equal(got, tt.want) {
			t.Errorf("bundles(%q) = %q, want %q", tt.env, got, tt.want)
		}
	}
	for _, tt := range []struct {
		value, want string
		left        bool
	}{
		{"/b/bin:/usr/bin:/b", "/usr/bin", true},
		{"/b/cert.pem", "", false},
		{"/bin:/bb", "/bin:/bb", true},
		{"plain text:", "plain text:", true},
		{"", "", true},
	} {
		if got, left := withoutBundles(tt.value, []string{"/b"}); got != tt.want || left != tt.left {
			t.Errorf("withoutBundles(%q) = %q, %v, want %q, %v", tt.value, got, left, tt.want, tt.left)
		}
	}
}
