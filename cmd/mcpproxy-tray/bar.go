package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// bars print all servers as one line for a status bar; nil servers mean that no
// instance runs. The empty name stands for no status bar.
var bars = map[string]func(out io.Writer, servers []server) error{
	"":        nil,
	"polybar": polybar,
	"waybar":  waybar,
}

// A barPrinter prints a line for a status bar whenever something changes.
type barPrinter struct {
	out     io.Writer
	bar     func(io.Writer, []server) error
	servers map[string]server
}

func (p *barPrinter) event(name string, data []byte) error {
	ev, err := decodeEvent(data)
	if err != nil {
		return err
	}
	switch {
	case ev.Server != nil:
		p.servers[ev.Server.Name] = *ev.Server
	case ev.Removed != "":
		delete(p.servers, ev.Removed)
	case name == "snapshot":
		p.servers = map[string]server{}
		for _, s := range ev.Servers {
			p.servers[s.Name] = s
		}
	}
	sorted := []server{}
	for _, name := range slices.Sorted(maps.Keys(p.servers)) {
		sorted = append(sorted, p.servers[name])
	}
	return p.bar(p.out, sorted)
}

func (p *barPrinter) gone() error { return p.bar(p.out, nil) }

// mood is the one word for all servers: "off", "attention", "busy" or "ok".
func mood(servers []server) string {
	if servers == nil {
		return "off"
	}
	word := "ok"
	for _, s := range servers {
		switch s.State {
		case "failed", "auth_required", "quarantined":
			return "attention"
		case "connecting", "backoff", "stopping":
			word = "busy"
		}
	}
	return word
}

func barText(servers []server) string {
	if servers == nil {
		return "MCP off"
	}
	count, _, _ := strings.Cut(summary(servers), " connected")
	text := "MCP " + strings.Replace(count, " of ", "/", 1)
	if mood(servers) == "attention" {
		text += " !"
	}
	return text
}

func polybar(out io.Writer, servers []server) error {
	_, err := fmt.Fprintln(out, barText(servers))
	return err
}

// waybarEscape makes a text safe where Waybar reads Pango markup.
var waybarEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func waybar(out io.Writer, servers []server) error {
	var lines []string
	for _, s := range servers {
		line := s.Name + ": " + s.State
		if s.Problem.Text != "" {
			line += ", " + oneLine(s.Problem.Text)
		}
		lines = append(lines, waybarEscape.Replace(line))
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Text    string `json:"text"`
		Tooltip string `json:"tooltip"`
		Class   string `json:"class"`
	}{barText(servers), strings.Join(lines, "\n"), mood(servers)})
}
