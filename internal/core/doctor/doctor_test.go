//go:build !windows

package doctor

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"mcpproxy-tray/internal/core/config"
)

// patient returns a healthy one with the given configuration.
func patient(t *testing.T, cfg string) Patient {
	t.Helper()
	dir := t.TempDir()
	p := Patient{Dirs: config.Dirs{Config: dir, Data: dir, Logs: dir}, ConfigFile: filepath.Join(dir, "config.json"), Path: filepath.Join(dir, "bin")}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, p.ConfigFile, cfg, 0o600)
	return p
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestChecks(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	good := `{"listen": "127.0.0.1:0", "mcpServers": {"a": {"command": "tool"}}}`
	tests := []struct {
		name   string
		look   func(context.Context, Patient) []Finding
		config string
		spoil  func(Patient)
		want   string // part of the text; the same check finds nothing in a good one
	}{
		{"broken file", configuration, "{\n  \"mcpServers\": {,} }", nil, ":2:"},
		{"broken entry", configuration, `{"listen": "127.0.0.1:0", "mcpServers": {"a": {}}}`, nil, "a"},
		{"unknown command", commands, `{"mcpServers": {"a": {"command": "nosuch"}}}`, nil, `"nosuch"`},
		{"relative command", commands, `{"mcpServers": {"a": {"command": "/nosuch/tool"}}}`, nil, `"/nosuch/tool"`},
		{"taken port", port, `{"listen": "` + taken.Addr().String() + `"}`, nil, taken.Addr().String()},
		{"open token", permissions, good, func(p Patient) { write(t, p.Dirs.AdminToken(), "x", 0o644) }, "admin.token"},
		{"left instance file", crash, good, func(p Patient) { write(t, p.Dirs.Instance(), "{}", 0o600) }, "did not end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			well := patient(t, good)
			write(t, filepath.Join(well.Path, "tool"), "", 0o700)
			write(t, well.Dirs.Token(), "x", 0o600)
			if found := tt.look(t.Context(), well); len(found) > 0 {
				t.Errorf("found %v in a healthy one", found)
			}
			p := patient(t, tt.config)
			if tt.spoil != nil {
				tt.spoil(p)
			}
			found := tt.look(t.Context(), p)
			if len(found) != 1 || !strings.Contains(found[0].Text, tt.want) {
				t.Errorf("found %v, want one with %q", found, tt.want)
			}
		})
	}
}

func TestACheckThatHangsIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		found := run(t.Context(), Patient{}, []check{
			{"slow", func(context.Context, Patient) []Finding { <-hang; return nil }},
			{"quick", func(context.Context, Patient) []Finding { return []Finding{{Text: "ill"}} }},
		})
		close(hang)
		synctest.Wait()
		if len(found) != 2 || found[0].Check != "slow" || found[1].Text != "ill" {
			t.Errorf("found %v, want one of each check", found)
		}
	})
}
