//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"mcpproxy-tray/internal/tray/traytest"
)

// writeFile puts a file for a test and returns its path.
func writeFile(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// otherArch is the start of an ELF program for a machine that this is not.
func otherArch() string {
	const s390 = 22
	h := make([]byte, 64)
	copy(h, "\x7fELF\x02\x02\x01") // 64 bit, big endian
	h[17], h[19], h[23] = 2, s390, 1
	return string(h)
}

// TestBrokenServers is a table of entries that cannot work. Each is shown with a
// stable code, a sentence and a next step, and none disturbs the server beside it.
func TestBrokenServers(t *testing.T) {
	files := t.TempDir()
	plain := writeFile(t, filepath.Join(files, "plain"), "#!/bin/sh\n", 0o644)
	interp := writeFile(t, filepath.Join(files, "interp"), "#!/no/such/interpreter\n", 0o755)
	arch := writeFile(t, filepath.Join(files, "arch"), otherArch(), 0o755)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>Please log in to the hotel's network</html>")
	}))
	t.Cleanup(page.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()

	tests := []struct{ name, entry, state, text string }{
		{"missing", `{"command": "no-such-command-anywhere"}`, "failed", "no-such-command-anywhere"},
		{"missing-path", `{"command": "/no/such/file"}`, "failed", "/no/such/file"},
		{"not-executable", fmt.Sprintf(`{"command": %q}`, plain), "failed", "executable"},
		{"directory", fmt.Sprintf(`{"command": %q}`, files), "failed", files},
		{"interpreter", fmt.Sprintf(`{"command": %q}`, interp), "failed", "interp"},
		{"arch", fmt.Sprintf(`{"command": %q}`, arch), "failed", "arch"},
		{"cwd", `{"command": "mcpproxy-tray", "args": ["demo-server"], "cwd": "/no/such/dir"}`, "failed", "/no/such/dir"},
		{"variable", `{"command": "x", "env": {"A": "${env:MPT_NO_SUCH_VARIABLE}"}}`, "failed", "MPT_NO_SUCH_VARIABLE"},
		{"both", `{"command": "x", "url": "http://127.0.0.1:1/mcp"}`, "failed", "url"},
		{"neither", `{}`, "failed", "command"},
		{"type", `{"command": 5}`, "failed", "command"},
		{"exit", `{"command": "sh", "args": ["-c", "echo the reason >&2; exit 3"]}`, "backoff", "3"},
		{"signal", `{"command": "sh", "args": ["-c", "kill -SEGV $$"]}`, "backoff", "SIGSEGV"},
		{"silent", `{"command": "sh", "args": ["-c", "exec sleep 60"]}`, "backoff", "1s"},
		{"no-mcp", `{"command": "sh", "args": ["-c", "echo hello; cat >/dev/null"]}`, "backoff", "1s"},
		{"refused", fmt.Sprintf(`{"url": "http://%s/mcp"}`, closed.Addr()), "backoff", closed.Addr().String()},
		{"portal", fmt.Sprintf(`{"url": %q}`, page.URL+"/mcp"), "backoff", "page"},
	}
	var entries []string
	for _, tt := range tests {
		entries = append(entries, fmt.Sprintf("%q: %s", tt.name, tt.entry))
	}
	home := t.TempDir()
	writeConfig(t, home, `"demo": `+demoEntry+","+strings.Join(entries, ",\n"),
		`"quarantine": false, "start_timeout": "1s",`)
	prog := run(t, home, nil, "serve")
	demo := prog.waitState("demo", "connected")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s serverDoc
			prog.wait(tt.name+" to be "+tt.state, func() bool {
				s, _ = prog.server(tt.name)
				// One that fails fast enough is parked by then; it says the same.
				return s.State == tt.state || tt.state == "backoff" && s.Problem.Code == "MPT-CRASH-LOOP"
			})
			p := s.Problem
			if !strings.HasPrefix(p.Code, "MPT-") || !strings.Contains(p.Text+" "+p.Hint, tt.text) || p.Hint == "" {
				t.Errorf("problem %+v; want one that names %q and says what to do", p, tt.text)
			}
			if raw := regexp.MustCompile(`fork/exec|strconv|json: |dial tcp|\*|0x`).FindString(p.Text); raw != "" {
				t.Errorf("the sentence %q sounds like a program (%q)", p.Text, raw)
			}
		})
	}
	if s, _ := prog.server("demo"); s.PID != demo.PID || s.State != "connected" {
		t.Errorf("the server beside them is %s with process %d; it was %d", s.State, s.PID, demo.PID)
	}
	status, body := prog.api("GET", "/api/v1/servers/exit", "")
	if status != 200 || !strings.Contains(body, "the reason") {
		t.Errorf("the last words of the server are not shown: %d %s", status, body)
	}
}

// TestBrokenConfigDisturbsNothing writes prefixes of a valid configuration over it
// and wants the server to go on, the place of the error to be shown, and the file
// left as it is.
func TestBrokenConfigDisturbsNothing(t *testing.T) {
	home := t.TempDir()
	path := writeConfig(t, home, `"demo": `+demoEntry, `"quarantine": false,`)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	prog := run(t, home, nil, "serve")
	demo := prog.waitState("demo", "connected")
	place := regexp.MustCompile(`config\.json:\d+:\d+: `)
	for _, n := range []int{len(good) / 4, len(good) / 2, len(good) - 3} {
		writeFile(t, path, string(good[:n]), 0o600)
		prog.wait("the error to be shown", func() bool {
			_, body := prog.api("GET", "/api/v1/status", "")
			return place.MatchString(body)
		})
		if status, body := prog.api("POST", "/api/v1/servers/demo/disable", ""); status/100 == 2 {
			t.Errorf("a broken file was edited: %d %s", status, body)
		}
		if now, _ := os.ReadFile(path); string(now) != string(good[:n]) {
			t.Errorf("the broken file was changed to:\n%s", now)
		}
		writeFile(t, path, string(good), 0o600)
		prog.wait("the error to be gone", func() bool {
			_, body := prog.api("GET", "/api/v1/status", "")
			return !place.MatchString(body)
		})
	}
	if s, _ := prog.server("demo"); s.PID != demo.PID {
		t.Errorf("the server was restarted: process %d, was %d", s.PID, demo.PID)
	}
}

// TestStartWithBrokenConfig starts although the file is broken, and picks it up once it is mended.
func TestStartWithBrokenConfig(t *testing.T) {
	home := t.TempDir()
	path := writeFile(t, filepath.Join(home, "config.json"), `{"mcpServers": {"demo": `, 0o600)
	prog := run(t, home, nil, "serve", "--listen", "127.0.0.1:0")
	if _, body := prog.api("GET", "/api/v1/status", ""); !strings.Contains(body, "config.json:1:") {
		t.Errorf("status does not show the error: %s", body)
	}
	writeFile(t, path, `{"quarantine": false, "mcpServers": {"demo": `+demoEntry+`}}`, 0o600)
	prog.waitState("demo", "connected")
}

// TestBadNames loads what has a usable name and says why the rest has not.
func TestBadNames(t *testing.T) {
	for _, tt := range []struct{ what, name string }{
		{"duplicate", "demo"}, {"other case", "DEMO"}, {"empty", ""}, {"parent", "../x"}, {"slash", "a/b"}, {"backslash", `C:\x`},
		{"newline", "a\nb"}, {"bidi", "a\u202eb"}, {"NUL", "a\x00b"}, {"long", strings.Repeat("n", 5000)},
	} {
		t.Run(tt.what, func(t *testing.T) {
			home := t.TempDir()
			name, err := json.Marshal(tt.name)
			if err != nil {
				t.Fatal(err)
			}
			writeConfig(t, home, `"demo": `+demoEntry+fmt.Sprintf(`, %s: {"command": "never-started"}`, name), `"quarantine": false,`)
			prog := run(t, home, nil, "serve")
			prog.waitState("demo", "connected")
			_, list := prog.api("GET", "/api/v1/servers", "")
			if strings.Count(list, `"name"`) != 1 {
				t.Errorf("servers: %s", list)
			}
			if _, body := prog.api("GET", "/api/v1/status", ""); !strings.Contains(body, "MPT-CONFIG-REFUSED") {
				t.Errorf("status does not say that an entry was refused: %s", body)
			}
		})
	}
}

// TestPortInUse wants one line that says what to do, and the holder undisturbed.
func TestPortInUse(t *testing.T) {
	first := t.TempDir()
	writeConfig(t, first, `"demo": `+demoEntry, `"quarantine": false,`)
	prog := run(t, first, nil, "serve")
	second := t.TempDir()
	addr := strings.TrimPrefix(prog.url, "http://")
	code, stdout, stderr := cli(t, second, "serve", "--listen", addr)
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, addr+".") || !strings.Contains(stderr, `"listen"`) {
		t.Errorf("exit code %d, stdout %q, stderr:\n%s", code, stdout, stderr)
	}
	if strings.Contains(stderr, "bind:") && !strings.Contains(stderr, "level=ERROR") {
		t.Errorf("stderr shows a raw error:\n%s", stderr)
	}
	prog.waitState("demo", "connected")
}

// TestManyStartsAtOnce keeps exactly one instance; the others say so and exit 0.
func TestManyStartsAtOnce(t *testing.T) {
	home := t.TempDir()
	writeConfig(t, home, `"demo": `+demoEntry, `"quarantine": false,`)
	const starts = 12
	programs := make([]*program, starts)
	for i := range programs {
		programs[i] = launch(t, home, nil, "serve")
	}
	var stays []*program
	for _, p := range programs {
		traytest.WaitFor(t, "a start to serve or to end", func() bool {
			select {
			case <-p.ended:
				return true
			default:
				return strings.Contains(p.output.String(), "msg=serving")
			}
		})
		if strings.Contains(p.output.String(), "msg=serving") {
			stays = append(stays, p)
		}
	}
	if len(stays) != 1 {
		t.Fatalf("%d of %d stayed, want 1", len(stays), starts)
	}
	one := stays[0]
	for _, p := range programs {
		if p == one {
			continue
		}
		if code := p.cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(p.output.String(), "already running") {
			t.Errorf("a later start: exit code %d, output:\n%s", code, p.output)
		}
	}
	one.waitUp()
	one.waitState("demo", "connected")
}

// TestWithoutADesktop runs with no session bus, then with a bus but no panel, to
// which one comes later.
func TestWithoutADesktop(t *testing.T) {
	t.Run("no bus", func(t *testing.T) {
		home := t.TempDir()
		writeConfig(t, home, `"demo": `+demoEntry, `"quarantine": false,`)
		prog := run(t, home, []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + home + "/none"})
		prog.waitState("demo", "connected")
		prog.wait("one line about the tray", func() bool { return strings.Count(prog.output.String(), "no tray: ") == 1 })
	})
	t.Run("no panel", func(t *testing.T) {
		bus := traytest.Bus(t)
		home := t.TempDir()
		writeConfig(t, home, `"demo": `+demoEntry, `"quarantine": false,`)
		prog := run(t, home, []string{bus.Env()})
		prog.waitState("demo", "connected")
		prog.wait("one line about the tray", func() bool { return strings.Count(prog.output.String(), "no tray: ") == 1 })
		host := bus.Host(t)
		item := traytest.Attach(t, bus.Address).Item(t, appID)
		item.WaitEntry(t, "demo", "Disable")
		for range 3 {
			host.Restart(t)
			traytest.Attach(t, bus.Address).Item(t, appID).WaitEntry(t, "demo", "Disable")
		}
		bus.Stop() // the desktop session ends; what runs goes on
		prog.waitState("demo", "connected")
		if status, _ := prog.api("POST", "/api/v1/servers/demo/disable", ""); status != 200 {
			t.Errorf("disable after the bus went: %d", status)
		}
		prog.waitState("demo", "disabled")
	})
}

// TestReadOnlyDataDirectory starts where nothing can be written, as another user
// than root, who could write anyway.
func TestReadOnlyDataDirectory(t *testing.T) {
	home := t.TempDir()
	writeConfig(t, home, `"demo": `+demoEntry+`, "late": `+demoEntry, "")
	first := run(t, home, nil, "serve")
	if code, _, stderr := cli(t, home, "servers", "approve", "demo"); code != 0 {
		t.Fatal(stderr)
	}
	first.waitState("demo", "connected")
	first.stop()
	before := snapshotDir(t, home)
	readOnly(t, home)

	prog := launchAs(t, home, "serve")
	url := regexp.MustCompile(`url=(http://\S+)`)
	prog.wait("the program to serve", func() bool { return url.MatchString(prog.output.String()) })
	prog.url = url.FindStringSubmatch(prog.output.String())[1]
	prog.admin = strings.TrimSpace(readAll(t, filepath.Join(home, "admin.token")))
	prog.waitState("demo", "connected") // what was approved stays approved
	if _, body := prog.api("GET", "/api/v1/status", ""); !strings.Contains(body, `"problems":[{"code":"MPT-`) {
		t.Errorf("status does not say that nothing can be written: %s", body)
	}
	for _, tt := range []struct{ path, body string }{
		{"/api/v1/servers/demo/disable", ""},
		{"/api/v1/servers/late/approve", fmt.Sprintf(`{"launch_id":%q}`, launchID(t, prog, "late"))},
	} {
		status, body := prog.api("POST", tt.path, tt.body)
		var doc struct {
			Error struct{ Code, Text, Hint string }
		}
		if err := json.Unmarshal([]byte(body), &doc); err != nil || status/100 != 4 && status/100 != 5 || doc.Error.Text == "" || doc.Error.Hint == "" {
			t.Errorf("%s: %d %s; want a refusal in words", tt.path, status, body)
		}
	}
	prog.waitState("demo", "connected")
	prog.stop()
	if after := snapshotDir(t, home); after != before {
		t.Errorf("files were\n%s\nand are\n%s", before, after)
	}
}

func launchID(t *testing.T, p *program, name string) string {
	t.Helper()
	_, body := p.api("GET", "/api/v1/servers/"+name, "")
	var s server
	if err := json.Unmarshal([]byte(body), &s); err != nil || s.LaunchID == "" {
		t.Fatalf("server %s: %v %s", name, err, body)
	}
	return s.LaunchID
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// snapshotDir lists the files below dir that hold decisions, with their content.
func snapshotDir(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, name := range []string{"config.json", "token", "admin.token", "mcpproxy-tray.db"} {
		fmt.Fprintf(&b, "%s %q\n", name, readAll(t, filepath.Join(dir, name)))
	}
	return b.String()
}

// nobody is the user without rights that a read-only directory is tried with
// when the tests run as root.
const nobody = 65534

// readOnly takes away the right to write anything below home from its owner,
// and gives it back at the end so that it can be removed.
func readOnly(t *testing.T, home string) {
	t.Helper()
	change := func(dir, file os.FileMode) {
		err := filepath.Walk(home, func(path string, info os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			if os.Geteuid() == 0 {
				if err := os.Chown(path, nobody, nobody); err != nil {
					return err
				}
			}
			if info.IsDir() {
				return os.Chmod(path, dir)
			}
			return os.Chmod(path, file)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { change(0o700, 0o600) })
	change(0o555, 0o400)
	for _, parent := range []string{filepath.Dir(home), filepath.Dir(programPath(t))} {
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// launchAs starts the program as the owner of home.
func launchAs(t *testing.T, home string, args ...string) *program {
	t.Helper()
	cmd := command(t, home, nil, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return begin(t, home, cmd)
}
