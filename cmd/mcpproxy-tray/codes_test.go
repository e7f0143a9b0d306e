//go:build linux

package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
)

// leaves returns the commands that do something, without the program's name.
func leaves(c *cobra.Command) (all []string) {
	for _, sub := range c.Commands() {
		switch {
		case !sub.IsAvailableCommand() || sub.Name() == "completion" || sub.Name() == "help":
		case sub.HasAvailableSubCommands():
			all = append(all, leaves(sub)...)
		default:
			_, path, _ := strings.Cut(sub.CommandPath(), " ")
			all = append(all, path)
		}
	}
	return all
}

// TestCodesWithoutAnInstance runs each command where no instance runs: those that need one,
// and no others, end with code 3, as docs/cli.md says.
func TestCodesWithoutAnInstance(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| 3 \|.*$`).FindString(string(text))
	var want, got []string
	for _, m := range regexp.MustCompile("`([a-z][a-z ]*)`").FindAllStringSubmatch(row, -1) {
		if m[1] != "servers add" {
			want = append(want, m[1])
		}
	}
	arguments := map[string][]string{
		"disconnect": {"jetbrains-ai"}, "import": {"jetbrains-ai"}, "servers add": {"new", "--", "prog"}, "servers approve": {"demo"}, "servers disable": {"demo"}, "servers enable": {"demo"}, "servers logs": {"demo"},
		"servers remove": {"demo"}, "servers restart": {"demo"}, "servers show": {"demo"}, "tools approve": {"demo"}, "tools call": {"demo__echo"}, "tools search": {"word"},
	}
	var mu sync.Mutex // guards got
	var commands sync.WaitGroup
	for _, path := range leaves(newRoot(nil)) {
		if path == "serve" { // starts one
			continue
		}
		home := t.TempDir()
		writeConfig(t, home, `"demo": `+demoEntry, "")
		commands.Go(func() {
			code, _, errOut := cli(t, home, append(strings.Fields(path), arguments[path]...)...)
			mu.Lock()
			defer mu.Unlock()
			if code == exitNoInstance {
				got = append(got, path)
			}
			if code == exitUsage || code != 0 && errOut == "" {
				t.Errorf("%s: code %d, stderr %q", path, code, errOut)
			}
		})
	}
	commands.Wait()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("code 3 of\n%q, docs/cli.md has\n%q", got, want)
	}
	if code, _, _ := cli(t, t.TempDir(), "servers", "add", "new", "--approve", "--", "prog"); code != exitNoInstance {
		t.Errorf("servers add --approve: code %d", code)
	}
}
