package main

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/config"
)

// documents returns the Markdown files of the project, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/decisions/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			docs[path] = string(data)
		}
	}
	if len(docs) < 5 {
		t.Fatalf("only %d documents found", len(docs))
	}
	return docs
}

// TestCommandsInDocuments makes sure that each command line shown in a document
// is one that the program understands.
func TestCommandsInDocuments(t *testing.T) {
	commands := 0
	indented := regexp.MustCompile(`^    (?:[A-Z_]+=\S+ )*(?:bin/)?mcpproxy-tray( .*)?$`)
	for path, text := range documents(t) {
		sc := bufio.NewScanner(strings.NewReader(text))
		for sc.Scan() {
			m := indented.FindStringSubmatch(sc.Text())
			if m == nil {
				continue
			}
			commands++
			line, _, _ := strings.Cut(m[1], " #")
			args := strings.Fields(line)
			c, rest, err := newRoot(nil).Find(args)
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err == nil {
				err = c.ValidateArgs(c.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %q: %v", path, sc.Text(), err)
			}
		}
	}
	if commands < 4 {
		t.Errorf("only %d command lines found", commands)
	}
}

// TestTableOfCommands makes sure that docs/cli.md names every command, and none that is not there.
func TestTableOfCommands(t *testing.T) {
	text := documents(t)["../../docs/cli.md"]
	root := newRoot(nil)
	for _, c := range root.Commands() {
		if c.Name() != "help" && !strings.Contains(text, "`"+c.Name()) && !strings.Contains(text, ", `"+c.Name()) {
			t.Errorf("docs/cli.md does not mention %q", c.Name())
		}
		for _, sub := range c.Commands() {
			if c.Name() == "servers" && !strings.Contains(text, "servers "+sub.Name()) {
				t.Errorf("docs/cli.md does not mention %q", sub.CommandPath())
			}
		}
	}
	_, table, found := strings.Cut(text, "\n| command |")
	table, _, ended := strings.Cut(table, "\n\n")
	if !found || !ended {
		t.Fatal("docs/cli.md has no table of commands")
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)(?: ([a-z]+))?").FindAllStringSubmatch(table, -1) {
		args := []string{m[1]}
		if m[2] != "" && m[1] == "servers" {
			args = append(args, m[2])
		}
		if c, _, err := root.Find(args); err != nil || c == root {
			t.Errorf("docs/cli.md describes %q, which is no command", strings.Join(args, " "))
		}
	}
}

// TestConfigurationInReadme parses the configuration that the README shows.
func TestConfigurationInReadme(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```jsonc\n(.*?)```").FindAllStringSubmatch(documents(t)["../../README.md"], -1)
	if len(blocks) == 0 {
		t.Fatal("the README shows no configuration")
	}
	for _, b := range blocks {
		cfg, err := config.Parse([]byte(b[1]))
		if err != nil || len(cfg.Refused)+len(cfg.Warnings) > 0 {
			t.Errorf("%v %v %v in\n%s", err, cfg.Refused, cfg.Warnings, b[1])
		}
	}
}

// TestLinksInDocuments makes sure that what a document points to is there.
func TestLinksInDocuments(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)|` + "`((?:docs|internal|cmd|assets|\\.ci)/[A-Za-z0-9_./-]+)`")
	for path, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target := filepath.Join(filepath.Dir(path), m[1])
			switch {
			case strings.Contains(m[1], "://"):
				continue
			case m[2] != "":
				target = filepath.Join("../..", m[2])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s points to %s: %v", path, m[0], err)
			}
		}
	}
}
