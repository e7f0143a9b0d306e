//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An example is a command of a console block with what a terminal shows of it: lines,
// "…" for what differs, then "^C" if it is interrupted or "[exit code N]".
type example struct {
	command     string
	output      []string
	code        int
	interrupted bool
}

func consoleExamples(t *testing.T, text string) (all []example) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimRight(line, "\n ")
			command, isCommand := strings.CutPrefix(line, "$ ")
			switch {
			case isCommand:
				all = append(all, example{command: command})
				continue
			case len(all) == 0:
				t.Fatalf("output before the first command: %q", line)
			}
			e := &all[len(all)-1]
			if line == "^C" {
				e.interrupted = true
			} else if _, err := fmt.Sscanf(line, "[exit code %d]", &e.code); err != nil {
				e.output = append(e.output, line)
			}
		}
	}
	return all
}

// matches reports whether a terminal shows what the document says.
func (e example) matches(shown string) bool {
	var pattern strings.Builder
	for i, line := range e.output {
		switch {
		case line == "…": // any lines
			pattern.WriteString(`(?:.*\n)*`)
			continue
		case e.interrupted && i == len(e.output)-1:
			line += "…"
		}
		parts := strings.Split(line, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, ".*") + ` *\n`)
	}
	return regexp.MustCompile(`^(?:` + pattern.String() + `)$`).MatchString(shown)
}

// TestCommandLineExamples runs every example of docs/cli.md, in order, as its user would:
// beside an instance that has the demo server.
func TestCommandLineExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".config/mcpproxy-tray"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeConfig(t, filepath.Join(home, ".config/mcpproxy-tray"), `"demo": `+demoEntry, "")
	shell := func(line string) *exec.Cmd {
		cmd := exec.Command("bash", "-c", line)
		cmd.Dir = home
		cmd.Env = []string{"HOME=" + home, "XDG_RUNTIME_DIR=" + home, "PATH=" + filepath.Dir(programPath(t)) + ":" + os.Getenv("PATH"), "TZ=UTC"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		return cmd
	}
	instance := begin(t, home, shell("exec mcpproxy-tray serve"))
	instance.wait("an instance", func() bool { return shell("mcpproxy-tray servers approve --yes demo").Run() == nil })
	var status string
	instance.wait("the demo server", func() bool {
		out, err := shell("mcpproxy-tray status").Output()
		status = string(out)
		return err == nil && strings.Contains(status, "connected  4")
	})
	port := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(status)
	day, hour := regexp.MustCompile(`\d{4}-\d\d-\d\d`), regexp.MustCompile(`\d\d:\d\d:\d\d`)
	shown := func(out string) string {
		out = strings.ReplaceAll(out, port, "127.0.0.1:7420")
		return hour.ReplaceAllString(day.ReplaceAllString(out, "2026-11-23"), "09:14:02")
	}
	examples := consoleExamples(t, string(text))
	looks := regexp.MustCompile(`mcpproxy-tray (status|servers (list|show))`)
	for _, e := range examples {
		if looks.MatchString(e.command) && !e.interrupted { // a state may be on its way
			instance.wait("$ "+e.command+"\n"+strings.Join(e.output, "\n"), func() bool {
				out, _ := shell(e.command).CombinedOutput() // the code is checked below
				return e.matches(shown(string(out)))
			})
		}
		runExample(t, e, shell(e.command), shown)
	}
	covered := ""
	for _, e := range examples {
		covered += e.command + "\n"
	}
	everyCommandIn(t, covered)
}

// runExample runs one example; what it shows must be what the document says. What is
// shown by an interrupted one must only begin so.
func runExample(t *testing.T, e example, cmd *exec.Cmd, shown func(string) string) {
	t.Helper()
	out := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if e.interrupted {
		for deadline := time.Now().Add(patience); !e.matches(shown(out.String())) && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) // it may have ended
	}
	select {
	case <-ended:
	case <-time.After(patience):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		t.Errorf("%s: does not end", e.command)
	}
	if got := shown(out.String()); !e.matches(got) {
		t.Errorf("$ %s\n%s\nwant:\n%s", e.command, got, strings.Join(e.output, "\n"))
	}
	if code := cmd.ProcessState.ExitCode(); code != e.code {
		t.Errorf("%s: exit code %d, want %d", e.command, code, e.code)
	}
}

// everyCommandIn makes sure that a text runs every command.
func everyCommandIn(t *testing.T, text string) {
	t.Helper()
	var visit func(path string)
	root := newRoot(nil)
	visit = func(path string) {
		c, _, err := root.Find(strings.Fields(path))
		if err != nil {
			t.Fatal(err)
		}
		if !c.HasAvailableSubCommands() && !strings.Contains(text, "mcpproxy-tray "+path) {
			t.Errorf("nothing there runs %q", path)
		}
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() && c.Name() != "completion" {
				visit(strings.TrimSpace(path + " " + sub.Name()))
			}
		}
	}
	visit("")
}
